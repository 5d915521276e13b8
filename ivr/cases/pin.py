"""The PIN of a file: made, kept as a hash, and counted so that nobody finds it out by trying.

An attempt is counted before it is checked, so that many at once get no more than one after the other. What attempts
are counted for is an *account*: a file, a number, a call. Instants are POSIX seconds, given from outside: there
is no clock here, and no database.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

DIGITS = 6

_ROUNDING_S = 0.001
"""The database keeps microseconds: its instants are not quite ours."""

MINUTE, HOUR = 60.0, 3600.0
DAY = 24 * HOUR


def new() -> str:
    """Six random digits, none of those that everybody tries first: 111111, 123456, 987654, 121212."""
    while True:
        pin = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
        if not _is_guessed_first(pin):
            return pin


def _is_guessed_first(pin: str) -> bool:
    steps = {(int(after) - int(before)) % 10 for before, after in pairwise(pin)}
    return len(steps) == 1 or re.fullmatch(r"(..?.?)\1+", pin) is not None


@cache
def _hasher() -> "PasswordHasher":
    """Argon2id (RFC 9106), 32 MiB and three passes: some 70 ms of one core, above what OWASP asks for (19 MiB, two).

    Loaded when it is asked for: a controller's start need not wait for it.
    """
    from argon2 import PasswordHasher, Type

    return PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)


def hashed(pin: str) -> str:
    """What is kept of a PIN, with a salt of its own. Takes as long as a check: call it in a thread."""
    return _hasher().hash(pin)


def matches(pin: str, kept: str) -> bool:
    """Whether `kept` was made of `pin`, compared in constant time. False for what is no hash of ours."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(kept, pin)
    except (VerificationError, InvalidHashError):
        return False


@dataclass(frozen=True, slots=True)
class Limit:
    """`free` failures lock for `first_s`, each further one for twice as long, `longest_s` at most.

    All is forgotten `forgotten_s` after the end of the last lock, or after the last failure where none locked.
    """

    free: int
    first_s: float
    longest_s: float
    forgotten_s: float

    def lock_s(self, failures: int) -> float:
        if failures < self.free:
            return 0.0
        return float(min(self.first_s * 2 ** min(failures - self.free, 40), self.longest_s))


OF_FILE = OF_NUMBER = Limit(3, 5 * MINUTE, DAY, DAY)
OF_WITHHELD = Limit(30, 5 * MINUTE, HOUR, HOUR)
"""All callers who hide their number together: the few who mistype must not lock out the rest."""
OF_CALL = Limit(3, DAY, DAY, DAY)
"""Three in one call, whatever its number and its files."""


@dataclass(frozen=True, slots=True)
class Count:
    """Failures, and the instant of the last one."""

    failures: int = 0
    at: float = 0.0

    def locked_until(self, limit: Limit) -> float:
        return self.at + limit.lock_s(self.failures)


NOTHING = Count()


def stored(failures: int, locked_until: float | None, limit: Limit) -> Count:
    """The count that a row of the database tells: its lock ends so long after the last failure."""
    return Count(failures, locked_until - limit.lock_s(failures)) if locked_until is not None else NOTHING


@dataclass(frozen=True, slots=True)
class Account:
    """What attempts are counted for. `stored`: as the database has it, which may be behind; `of`: what the count is
    about, where that may be replaced: a file with a new PIN begins at what the database says."""

    key: str
    limit: Limit
    stored: Count = NOTHING
    of: str = ""


@dataclass(slots=True)
class _Entry:
    of: str
    base: Count = NOTHING  # what was counted elsewhere: before the start of this process, or by another node
    own: list[float] = field(default_factory=list)  # when this process counted a failure
    settled: float = 0.0  # when a right PIN took one back: what the database has from before is out of date

    @property
    def count(self) -> Count:
        return Count(self.base.failures + len(self.own), max([self.base.at, *self.own]))

    def take_in(self, stored: Count) -> None:
        """What is counted here already is in `stored` too, or will be."""
        if stored.at > self.settled:
            known = self.count
            more = max(0, stored.failures - known.failures)
            at = stored.at if stored.at > known.at + _ROUNDING_S else self.base.at
            self.base = Count(self.base.failures + more, at)


class Attempts:
    """All counts that this process has seen. Each method is one step of one event loop: nothing comes in between."""

    def __init__(self, bound: int = 10_000) -> None:
        self._entries: dict[str, _Entry] = {}
        self._bound = bound

    def begin(self, accounts: Sequence[Account], now: float) -> tuple[Count, ...] | None:
        """Counts an attempt as a failure of all accounts, in advance; None if one is locked: then nothing is counted.

        The counts that are given are to be kept before the PIN is checked.
        """
        if self.locked(accounts, now):
            return None
        self._trim()
        entries = [self._entry(account, now) for account in accounts]
        for account, entry in zip(accounts, entries, strict=True):
            entry.own.append(now)
            self._entries[account.key] = entry
        return tuple(entry.count for entry in entries)

    def right(self, cleared: Account, others: Sequence[Account], began: float, now: float) -> tuple[Count, ...]:
        """The PIN of the attempt that `began` then was right: nothing stands against `cleared` any more, and that
        attempt against none of the others."""
        self._entries[cleared.key] = _Entry(cleared.of, settled=now)
        for account in others:
            entry = self._entries[account.key] = self._entry(account, now)
            if began in entry.own:
                entry.own.remove(began)
            entry.settled = now
        return tuple(self._entries[account.key].count for account in (cleared, *others))

    def locked(self, accounts: Sequence[Account], now: float) -> bool:
        until = max((self._entry(each, now).count.locked_until(each.limit) for each in accounts), default=0.0)
        return now + _ROUNDING_S < until

    def _entry(self, account: Account, now: float) -> _Entry:
        """What is known of it now, by this process and by the database."""
        entry = self._entries.get(account.key)
        if entry is None or entry.of != account.of:
            entry = _Entry(account.of)
        entry.take_in(account.stored)
        if now >= entry.count.locked_until(account.limit) + account.limit.forgotten_s:
            entry = _Entry(account.of, settled=max(entry.settled, entry.count.at))
        return entry

    def _trim(self) -> None:
        """Forgets the older half where there are too many, such as of references that somebody made up."""
        if len(self._entries) >= self._bound:
            by_age = sorted(self._entries, key=lambda key: self._entries[key].count.at)
            for key in by_age[: len(by_age) // 2]:
                del self._entries[key]
