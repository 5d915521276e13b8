"""A line after a test that failed: as it was at its first start, so that what the test left makes no other one fail."""

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from ivr.process.process import processes

if TYPE_CHECKING:
    from line import Line

ASTDB = Path("asterisk", "db", "astdb.sqlite3")


async def start_anew(line: "Line", site: dict[Path, bytes]) -> None:
    """End a line's calls, and start it again with these files of its site.

    Asterisk's own database goes: a drain, forced hours, operators' states, calls of the fallback. The logs stay, and so
    do the rows of earlier calls, which later tests of the same file may read.
    """
    for info in processes(line.home / "run").values():
        if info.alive:
            os.kill(info.pid, signal.SIGCONT)  # the test may have stopped it
    with contextlib.suppress(OSError, ValueError):
        for channel in line.ari("GET", "/channels"):
            line.ari("DELETE", f"/channels/{channel['id']}")
    await line.down()
    (line.home / ASTDB).unlink(missing_ok=True)
    line.write_site(site)
    await line.up()
