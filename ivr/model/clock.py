"""Time zones by the tzdata package, not by the system's.

Morocco gave up its summer clock on 2026-09-20. A system whose tzdata is older tells Rabat's time one hour wrong, and
`zoneinfo` prefers the system's: so the package goes first, and the start checks a date that only new data know.
"""

import zoneinfo
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

_set: ContextVar[Callable[[], datetime] | None] = ContextVar("the clock that was set for a trial", default=None)


class ClockError(Exception):
    """The time zone data are too old; the sentence says what to do."""


def prepare() -> None:
    """Makes the package's data the only ones and checks them. Raises ClockError."""
    zoneinfo.reset_tzpath(to=())
    zoneinfo.ZoneInfo.clear_cache()
    casablanca = zoneinfo.ZoneInfo("Africa/Casablanca")
    if datetime(2026, 11, 1, 12, tzinfo=UTC).astimezone(casablanca).utcoffset() != timedelta(0):
        raise ClockError(
            "The time zone data are older than 2026c and tell Rabat's time one hour wrong. "
            "Run `scripts/setup`, which installs the locked tzdata."
        )


def now() -> datetime:
    """By the machine's clock; in a trial by the one that was set for it."""
    other = _set.get()
    return datetime.now(UTC) if other is None else other()


@contextmanager
def override(other: Callable[[], datetime]) -> Iterator[None]:
    """`now` tells the time by `other` inside, for this task and those that it starts."""
    token = _set.set(other)
    try:
        yield
    finally:
        _set.reset(token)
