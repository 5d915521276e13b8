"""Beats: empty files whose modification time says when something was last true.

A time on a file costs no room on a full disk. Beats that one process watches of another are in boot time, which nobody
sets; who watches one compares it with itself and counts its own running time, so that neither a clock that is set nor a
machine that slept makes anybody late.
"""

import contextlib
import os
import time
from datetime import UTC, datetime
from pathlib import Path


def boot_time() -> float:
    """Seconds since the machine was started, time asleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def beat(path: Path) -> None:
    """Say that it is so now, in boot time."""
    _mark(path, time.clock_gettime_ns(time.CLOCK_BOOTTIME))


def note(path: Path) -> None:
    """Say that it is so now, by the clock: for whoever starts later, perhaps after a reboot."""
    _mark(path, time.time_ns())


def beaten(path: Path) -> float | None:
    """When it was last so, in seconds of the time it was said in; None if that was never said."""
    try:
        return path.stat().st_mtime_ns / 1e9
    except OSError:
        return None


def noted(path: Path) -> datetime | None:
    """When it was last so, by the clock that it had then."""
    seconds = beaten(path)
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None


def _mark(path: Path, ns: int) -> None:
    with contextlib.suppress(OSError):
        try:
            os.utime(path, ns=(ns, ns))
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            os.utime(path, ns=(ns, ns))


class Lateness:
    """For how long a beat has been the same, in the running time of whoever looks.

    Two looks count for `most_s` and no more: who was stopped in between has not waited.
    """

    def __init__(self, most_s: float = 1.0) -> None:
        self._most_s = most_s
        self.running = 0.0
        self._looked: float | None = None
        self._beat: object = None
        self._since = 0.0

    def look(self, beat: object, now: float) -> float:
        """Seconds for which `beat` has been the same. `now`: of a clock that only goes forward."""
        if self._looked is not None:
            self.running += min(max(0.0, now - self._looked), self._most_s)
        self._looked = now
        if beat != self._beat:
            self._beat, self._since = beat, self.running
        return self.running - self._since
