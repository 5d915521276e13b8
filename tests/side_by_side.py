"""How `scripts/test` shares the files of tests out to processes: lines first, computing where they leave time.

The first `LINES` processes take files from the front, where those are that need a running line; these mostly wait for
telephones. The last `COMPUTING` take files that only compute, from the back, with a lower priority. So both processors
are busy all the time, and a controller that has to restart in time does not wait for computations. Once there are no
more files with a line, all take the longest of the others; once nothing is left to compute, those that computed take
files with a line.
"""

import contextlib
import os
import re
import sys
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

MOST_LINES = 5
"""At most this many lines run at once: more would make restarts slow."""

COMPUTING = 3
"""How many more processes compute. They wait, too, for databases and programs: two leave a tenth of two cores idle."""

LINES_AT_LAST = 6
"""How many lines run at once when nothing is left to compute: as many as have ports of their own (`offsets`)."""

SLOW_LINES, SLOW_S = 3, 0.11
"""How many there are where a processor takes longer than this for `_measure`: telephones would starve with more."""

LINES = int(os.environ.get("HATIF_TEST_LINES", MOST_LINES))
"""How many lines run at once; `scripts/test` sets it."""

_NICE = 10
_ON_A_LINE = re.compile(
    r"\b(telephones: Telephones|(shared_|lone_|desk_)?line: Line|asterisk: (RunningAsterisk|Any)|(LONE_)?OFFSET)\b"
    r"|\brunning_asterisk\("
)


def lower_priority(worker: int) -> None:
    """Make this process give way to the lines if it is one that computes."""
    if worker >= LINES:
        os.nice(_NICE)


def restore_priority() -> None:
    """Make this process one of the lines: its telephones and controllers are not to wait either."""
    with contextlib.suppress(PermissionError):  # only root may
        os.setpriority(os.PRIO_PROCESS, 0, 0)


@cache
def on_a_line(path: Path) -> bool:
    """Return whether a file of tests needs ports, by the fixtures and functions that it names."""
    return _ON_A_LINE.search(path.read_text(encoding="utf-8")) is not None


class SideBySide(LoadFileScheduling):  # type: ignore[misc]
    """`--dist loadfile`, but processes from `LINES` on compute first, and files that compute begin at the end."""

    def _assign_work_unit(self, node: "WorkerController") -> None:
        first, last = next(iter(self.workqueue)), next(reversed(self.workqueue))
        number = int(node.gateway.id.removeprefix("gw"))
        only_lines = on_a_line(self.config.rootpath / last)
        if only_lines and number >= max(LINES, LINES_AT_LAST):
            node.shutdown()
            return
        if not only_lines and (number >= LINES or not on_a_line(self.config.rootpath / first)):
            self.workqueue.move_to_end(last, last=False)
        super()._assign_work_unit(node)


def lines_of_this_machine() -> int:
    """Return how many lines can run at once here."""
    return MOST_LINES if min(_measure() for _ in range(5)) < SLOW_S else SLOW_LINES


def _measure() -> float:
    """Return the seconds of processor time that two million steps take."""
    began, total = time.process_time(), 0
    for number in range(2_000_000):
        total += number * number % 7
    return time.process_time() - began


if __name__ == "__main__":
    lines = int(os.environ.get("HATIF_TEST_LINES") or lines_of_this_machine())
    sys.stdout.write(f"{lines} {lines + COMPUTING}\n")
