"""The time of day, as the floor uses it: a clock that is set must not change how long anybody has waited."""

import time
from collections.abc import Callable

_JUMP_S = 1.0
"""A clock that moves by this much was set; smaller steps are how clocks are kept accurate."""


class WallClock:
    """POSIX seconds from `clock`, compared with the monotonic clock. `at`: the last reading."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.at, self._steady = clock(), time.monotonic()

    def read(self) -> tuple[float, float]:
        """Return the time, and by how much the clock was set since the last reading, in seconds; 0.0 if it was not."""
        before, now, steady = time.monotonic(), self._clock(), time.monotonic()
        if steady - before > _JUMP_S / 2:
            return now, 0.0  # the process was held up in between, so the two clocks cannot be compared

        jump = now - self.at - (steady - self._steady)
        self.at, self._steady = now, steady
        return now, jump if abs(jump) >= _JUMP_S else 0.0
