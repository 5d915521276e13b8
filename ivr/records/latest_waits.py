"""The waits that ended in the last half hour, for alarms: a few additions per call."""

import time
from collections import deque
from collections.abc import Callable

from routing.figures import WITHIN_S, Counts

LATEST_S = 1800.0


class LatestWaits:
    """How the latest waits ended. The line's calls to itself never wait.

    Durations are by the monotonic clock: the other one can be set. It begins anew with the process.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ended: deque[tuple[float, float | None]] = deque()  # when, and the wait of an answered call

    def answered(self, wait_s: float) -> None:
        """Note that an operator has answered after `wait_s`."""
        self._add(wait_s)

    def abandoned(self) -> None:
        """Note that a caller gave up."""
        self._add(None)

    def counts(self) -> Counts:
        """Return how many waits ended in the last half hour, and how."""
        self._forget()
        waits = [wait for _, wait in self._ended if wait is not None]
        within = sum(wait <= WITHIN_S for wait in waits)
        return Counts(answered=len(waits), answered_within=within, abandoned=len(self._ended) - len(waits))

    def _add(self, wait_s: float | None) -> None:
        self._forget()
        self._ended.append((self._clock(), wait_s))

    def _forget(self) -> None:
        oldest = self._clock() - LATEST_S
        while self._ended and self._ended[0][0] < oldest:
            self._ended.popleft()
