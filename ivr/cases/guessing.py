"""Guessing across case files: many files whose PIN was entered wrongly within an hour.

Each file has limits of its own, and a number can be forged or hidden. What remains is that somebody tries many files, a
few times each. Honest mistakes are few. Instants are POSIX seconds and arguments.
"""

from dataclasses import dataclass

WINDOW_S = 3600.0

_MOST = 10_000
"""How many files are remembered; far beyond any limit."""


@dataclass(frozen=True, slots=True)
class Noticed:
    """PINs that are being guessed: how many files were tried in the last hour, from how many numbers."""

    files: int
    numbers: int


class Guessing:
    """The wrong PINs of the last hour, by file.

    Args:
        alarm_files: With as many files tried, people are told.
        operators_files: With as many, PINs are no longer checked for strangers until it is fewer than `alarm_files`.
    """

    def __init__(self, alarm_files: int = 30, operators_files: int = 60) -> None:
        self._alarm, self._operators = alarm_files, operators_files
        self._failures: dict[str, tuple[float, str]] = {}  # by reference, oldest first: when, from where
        self.since: float | None = None  # when it was noticed; None while nothing is noticeable
        self._closed = False

    def failed(self, reference: str, number: str, now: float) -> Noticed | None:
        """Note a wrong PIN. Return what was noticed if that is new: the first time, and when PINs end being checked."""
        self._failures.pop(reference, None)
        self._failures[reference] = (now, number)
        if len(self._failures) > _MOST:
            del self._failures[next(iter(self._failures))]
        before = (self.since is not None, self._closed)
        self._look(now)
        after = (self.since is not None, self._closed)
        if after <= before:
            return None
        return Noticed(len(self._failures), len({number for _, number in self._failures.values()}))

    def operators_only(self, now: float) -> bool:
        """Return whether PINs are not checked now, so that strangers get an operator."""
        self._look(now)
        return self._closed

    def noticed_since(self, now: float) -> float | None:
        """Return since when guessing is noticed; None if it is not."""
        self._look(now)
        return self.since

    def _look(self, now: float) -> None:
        while self._failures and next(iter(self._failures.values()))[0] <= now - WINDOW_S:
            del self._failures[next(iter(self._failures))]
        files = len(self._failures)
        if files < self._alarm:
            self.since, self._closed = None, False
            return
        self.since = self.since or now
        self._closed = self._closed or files >= self._operators
