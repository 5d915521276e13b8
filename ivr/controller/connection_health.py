"""Whether connections to Asterisk last."""

import time
from collections.abc import Callable

STABLE_S = 5.0
"""A connection that lasted longer was a good one."""

_FAILING = 3
"""After this many connections in a row that did not last, calls count as served only once one has."""


class ConnectionHealth:
    """The history of connections: while one after the other fails, the controller must not claim to serve calls."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._connected_at = 0.0  # on this clock
        self._short = 0  # connections in a row that did not last

    def connected(self) -> None:
        """Note that a connection was made."""
        self._connected_at = self._clock()

    def ended(self) -> None:
        """Note that the connection has ended."""
        self._short = 0 if self._is_stable() else self._short + 1

    @property
    def serves(self) -> bool:
        """Whether the present connection can be relied on."""
        return self._short < _FAILING or self._is_stable()

    def _is_stable(self) -> bool:
        return self._clock() - self._connected_at > STABLE_S
