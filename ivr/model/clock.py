"""The current time, and time zones from the tzdata package instead of the system.

Morocco abolished its summer time on 2026-09-20. A system with older tzdata gets the time in Rabat wrong by one hour,
and `zoneinfo` prefers the system's data. So the package takes precedence, and the start-up checks a date that only
current data get right.
"""

import time
import zoneinfo
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from functools import cache

from wire.errors import UserError

_override: ContextVar[Callable[[], datetime] | None] = ContextVar("clock of the trial", default=None)


class ClockError(UserError):
    """The time zone data are too old; the message says what to do."""


@cache
def prepare() -> None:
    """Use only the time zone data of the package, and check them: once a process. Raises ClockError."""
    zoneinfo.reset_tzpath(to=())
    zoneinfo.ZoneInfo.clear_cache()
    casablanca = zoneinfo.ZoneInfo("Africa/Casablanca")
    if datetime(2026, 11, 1, 12, tzinfo=UTC).astimezone(casablanca).utcoffset() != timedelta(0):
        raise ClockError(
            "The time zone data are older than 2026c and get the time in Rabat wrong by one hour. "
            "Run `scripts/setup`, which installs the locked tzdata."
        )


def now() -> datetime:
    """Return the current time, from the machine's clock or, in a trial, from the overriding one."""
    other = _override.get()
    return datetime.now(UTC) if other is None else other()


def seconds_since(instant: float) -> float:
    """Return the seconds since an instant (POSIX seconds); 0 if the machine's clock was put back in between."""
    return max(0.0, time.time() - instant)


@contextmanager
def override(other: Callable[[], datetime]) -> Iterator[None]:
    """Make `now` use `other` in this task and the tasks it starts."""
    token = _override.set(other)
    try:
        yield
    finally:
        _override.reset(token)
