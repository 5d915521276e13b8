"""A line after a test: what the test has set is taken back; after one that failed, all is as at its first start."""

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

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


async def clear(line: "Line") -> None:
    """Restore hours, announcement, holidays and operators' states. AssertionError if a call or a bridge is left."""
    rows: list[dict[str, Any]] = []

    def gone() -> bool:
        try:
            rows[:] = line.control("GET", "/operators")
        except ConnectionError:  # the controller has just started
            return False
        return not any(operator["telephone"] for operator in rows) and not line.left()

    try:
        await line.until(gone, 5, "no call, no bridge and no telephone is left")
    except AssertionError as error:
        left = line.left()
        for channel in line.ari("GET", "/channels"):
            line.ari("DELETE", f"/channels/{channel['id']}")
        raise AssertionError(f"{error}: {left or 'a telephone'}") from None
    # Most tests leave the hours alone. A controller that has just started may not know yet what is in force.
    hours, known = line.control("GET", "/hours"), line.cleared_of == line.pid("ivr")
    if hours["forced"] or not known:
        line.control("POST", "/hours", {"force": "auto"})
    if hours["announcement"] is not None or not known:
        line.control("PUT", "/announcement", {"text": None})
    line.cleared_of = line.pid("ivr")
    for row in line.control("GET", "/holidays")["holidays"]:
        if row["source"] == "administrator":
            line.control("DELETE", f"/holidays/{row['date']}")
    for row in rows:
        if (row["state"], row["reason"]) != ("away", "absent"):
            await line.until(lambda who=row["id"]: _leaves(line, who), 20, f"{row['id']} is away")  # type: ignore[misc]


def _leaves(line: "Line", operator: str) -> bool:
    """Make an operator ready, who has no telephone and so is away until it appears; return whether they are.

    It may take more than once: one who is offered a call at this moment becomes unreachable first.
    """
    line.control("POST", f"/operators/{operator}/state", {"state": "ready"})
    return line.operator_reason(operator) == "absent"
