"""Slows down whoever guesses passwords: by account and network together, or by the account's known device.

A stranger who guesses cannot shut a person out: neither in another network, nor at a device where that person has
signed in before (https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies). Accounts that
do not exist are counted like all others, so that no answer tells which exist.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")

FREE_FAILURES = 5
"""Wrong passwords in a row before the next one has to wait."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 30.0, 900.0
"""The first pause; each further failure doubles it, up to the longest. A one-time link works all the same."""

STRANGERS, WITHIN = 100, timedelta(hours=1)
"""Wrong passwords for one account, at most, from all unknown devices together within this time."""

KEPT = 10_000
"""Places, and accounts, that are remembered; the oldest are forgotten first."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody signs in to an account. `origin`: their network, or a device of the account's that is known."""

    account: str
    origin: str
    is_known: bool = False


class Attempts:
    """The wrong passwords of late. Belongs to one event loop."""

    def __init__(self) -> None:
        self._failures: dict[Place, tuple[int, datetime]] = {}  # how many; until when the next one waits
        self._strangers: dict[str, deque[datetime]] = {}  # by account: failures from unknown devices

    def begin(self, place: Place, now: datetime) -> bool:
        """Count a password as wrong before it is checked, so that guesses side by side are no more than one by one.

        Return False if it may not be checked now.
        """
        failures, until = self._failures.get(place, (0, now))
        strangers = self._strangers.get(place.account, deque(maxlen=STRANGERS))
        if now < until or (not place.is_known and len(strangers) == STRANGERS and strangers[0] > now - WITHIN):
            return False
        _keep(self._failures, place, (failures + 1, now + timedelta(seconds=_pause_s(failures + 1))))
        if not place.is_known:
            strangers.append(now)
            _keep(self._strangers, place.account, strangers)
        return True

    def was_not_checked(self, place: Place, now: datetime) -> None:
        """Take back what `begin` has counted: nobody has learned whether the password is right."""
        failures, _ = self._failures.get(place, (1, now))
        _keep(self._failures, place, (failures - 1, now))
        self._forget_stranger(place)

    def was_right(self, place: Place) -> None:
        """Forget the failures of a place: a password was right."""
        self._failures.pop(place, None)
        self._forget_stranger(place)

    def _forget_stranger(self, place: Place) -> None:
        strangers = self._strangers.get(place.account)
        if strangers and not place.is_known:
            strangers.pop()


def _keep(kept: dict[K, V], key: K, value: V) -> None:
    """Make a value the newest one, and forget the oldest of very many."""
    kept.pop(key, None)
    kept[key] = value
    while len(kept) > KEPT:
        del kept[next(iter(kept))]


def _pause_s(failures: int) -> float:
    if failures < FREE_FAILURES:
        return 0.0
    return float(min(FIRST_PAUSE_S * 2 ** min(failures - FREE_FAILURES, 20), LONGEST_PAUSE_S))
