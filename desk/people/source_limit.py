"""A limit on sign-ins from one address, an IPv6 network of 64 bits being one, whatever accounts they try."""

from collections import deque
from datetime import datetime, timedelta

from background.address_limit import group_of

FREE = 30
WITHIN = timedelta(minutes=5)
"""At most `FREE` sign-ins within this time. A whole office may share one address."""

SOURCES = 10_000
"""Addresses that are remembered; the oldest are forgotten first."""


class SourceLimit:
    """The latest sign-ins that failed, by address."""

    def __init__(self) -> None:
        self._failures: dict[str, deque[datetime]] = {}

    def may_try(self, source: str, now: datetime) -> bool:
        """Return whether another sign-in from this address is allowed."""
        source = group_of(source)
        failures = self._failures.get(source)
        while failures and failures[0] <= now - WITHIN:
            failures.popleft()
        return failures is None or len(failures) < FREE

    def failed(self, source: str, now: datetime) -> None:
        """Note that a sign-in from this address failed."""
        source = group_of(source)
        failures = self._failures.pop(source, None) or deque(maxlen=FREE)
        failures.append(now)
        self._failures[source] = failures
        while len(self._failures) > SOURCES:
            del self._failures[next(iter(self._failures))]
