"""For how long a process has shown no sign of life, in its own time.

On a busy machine a process may get no processor for longer than any patience. To end it for that would only make
matters worse. So the time in which it waits for a processor or for the disk does not count.
"""

from contextlib import suppress
from pathlib import Path


class OwnTime:
    """The own time of a process's main thread, which runs its loop.

    The time between two looks counts at most `most_s`: a watcher that was stopped or late in between has not waited.
    """

    def __init__(self, pid: int, most_s: float = 1.0) -> None:
        self.pid = pid
        self._most_s = most_s
        self._thread = Path(f"/proc/{pid}/task/{pid}")
        self._looked: float | None = None
        self._ran = self._waited = 0.0
        self._beat: object = None
        self._silent_s = 0.0

    def look(self, beat: object, now: float) -> float:
        """Return the seconds of its own time for which `beat` has not changed; `now` is from a monotonic clock."""
        ran, waited = self._used()
        if self._looked is not None and beat == self._beat:
            passed = now - self._looked
            counts = min(1.0, self._most_s / passed) if passed > 0 else 0.0
            # The kernel counts a wait once it is over: of one that lasts, only what the thread has run is its own.
            spent = ran - self._ran if self._is_at_work() else passed - (waited - self._waited)
            self._silent_s += max(0.0, min(spent, passed)) * counts
        else:
            self._beat, self._silent_s = beat, 0.0
        self._looked, self._ran, self._waited = now, ran, waited
        return self._silent_s

    def _used(self) -> tuple[float, float]:
        """Return for how many seconds the thread has run, and has waited for a processor."""
        with suppress(OSError, ValueError, IndexError):
            ran, waited = (int(figure) / 1e9 for figure in (self._thread / "schedstat").read_text().split()[:2])
            return ran, waited
        return self._ran, self._waited

    def _is_at_work(self) -> bool:
        """Return whether the thread runs now, or waits for a processor or the disk."""
        with suppress(OSError):
            return (self._thread / "stat").read_text(errors="replace").rpartition(")")[2][1:2] in ("R", "D")
        return False
