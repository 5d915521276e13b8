"""Heartbeats: empty files whose modification time records when something was last true.

Setting a file's time works on a full disk. Heartbeats between processes use boot time, which cannot be set. A watcher
compares a beat only with its previous value and counts its own running time, so neither setting the clock nor
suspending the machine makes a process appear late.
"""

import contextlib
import os
import time
from datetime import UTC, datetime
from pathlib import Path


def boot_time() -> float:
    """Return the seconds since boot, including time suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def of_process(run: Path, name: str) -> Path:
    """Return the heartbeat of a process of the line: it has done its work, or its loop has gone round."""
    return run / f"{name}.lives"


def beat(path: Path) -> None:
    """Record the present, in boot time."""
    _mark(path, time.clock_gettime_ns(time.CLOCK_BOOTTIME))


def stamp(path: Path) -> None:
    """Record the present, in clock time: for a process that starts later, perhaps after a reboot."""
    _mark(path, time.time_ns())


def last_beat(path: Path) -> float | None:
    """Return the recorded time in seconds, in the clock used to record it; None if there is none."""
    try:
        return path.stat().st_mtime_ns / 1e9
    except OSError:
        return None


def last_stamp(path: Path) -> datetime | None:
    """Return the time recorded by `stamp`; None if there is none."""
    seconds = last_beat(path)
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
    """For how long a beat has not changed, in the watcher's running time.

    The time between two looks counts at most `most_s`: a watcher that was stopped in between has not waited.
    """

    def __init__(self, most_s: float = 1.0) -> None:
        self._most_s = most_s
        self.running = 0.0
        self._looked: float | None = None
        self._beat: object = None
        self._since = 0.0

    def look(self, beat: object, now: float) -> float:
        """Return the seconds for which `beat` has not changed; `now` is from a monotonic clock."""
        if self._looked is not None:
            self.running += min(max(0.0, now - self._looked), self._most_s)
        self._looked = now
        if beat != self._beat:
            self._beat, self._since = beat, self.running
        return self.running - self._since
