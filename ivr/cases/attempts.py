"""The PIN of a case file, protected against guessing by counting attempts.

An attempt is counted before it is checked, so that parallel attempts allow no more guesses than serial ones. Attempts
are counted per *account*: a file, a number, a call. Instants are POSIX seconds and arguments: there is no clock here,
and no database.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

_ROUNDING_S = 0.001
"""The database stores microseconds, so that its instants differ slightly from ours."""

MINUTE, HOUR = 60.0, 3600.0
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Limit:
    """`free` failures lock for `first_s`, and each further one for twice as long, up to `longest_s`.

    The count starts again `forgotten_s` after the end of the last lock, or after the last failure if none locked.
    """

    free: int
    first_s: float
    longest_s: float
    forgotten_s: float

    def lock_s(self, failures: int) -> float:
        """Return how long an account is locked after that many failures."""
        if failures < self.free:
            return 0.0
        return float(min(self.first_s * 2 ** min(failures - self.free, 40), self.longest_s))


OF_FILE = OF_NUMBER = Limit(3, 5 * MINUTE, DAY, DAY)
OF_WITHHELD = Limit(30, 5 * MINUTE, HOUR, HOUR)
"""For all callers who hide their number together."""
OF_CALL = Limit(3, DAY, DAY, DAY)
"""Three failures in one call, whatever its number and the files tried."""
OF_SUSPECT_CALL = Limit(1, DAY, DAY, DAY)
"""One failure in a call whose number has too many. A number can be forged or hidden, so it never locks by itself."""


@dataclass(frozen=True, slots=True)
class Count:
    """The number of failures, and the instant of the last one."""

    failures: int = 0
    at: float = 0.0

    def locked_until(self, limit: Limit) -> float:
        return self.at + limit.lock_s(self.failures)


NOTHING = Count()


def stored_count(failures: int, locked_until: float | None, limit: Limit) -> Count:
    """Return the count of a database row; its last failure is as long before the end of its lock as the lock lasts."""
    return Count(failures, locked_until - limit.lock_s(failures)) if locked_until is not None else NOTHING


@dataclass(frozen=True, slots=True)
class Account:
    """The account that attempts are counted for: a file, a number or a call.

    `stored` is the count in the database, which may be behind. `of` identifies what the count is about if that can be
    replaced: a file with a new PIN starts with the database's count. One that does not `lock` is counted only.
    """

    key: str
    limit: Limit
    stored: Count = NOTHING
    of: str = ""
    locks: bool = True


@dataclass(slots=True)
class _Entry:
    of: str
    base: Count = NOTHING  # counted elsewhere: before this process started, or by another node
    own: list[float] = field(default_factory=list)  # when this process counted a failure
    settled: float = 0.0  # when a right PIN took a failure back: older counts of the database are out of date

    @property
    def count(self) -> Count:
        return Count(self.base.failures + len(self.own), max([self.base.at, *self.own]))

    def merge(self, stored: Count) -> None:
        """Merge the database's count, which includes the failures counted here, or soon will."""
        if stored.at > self.settled:
            known = self.count
            more = max(0, stored.failures - known.failures)
            at = stored.at if stored.at > known.at + _ROUNDING_S else self.base.at
            self.base = Count(self.base.failures + more, at)


class Attempts:
    """All counts that this process has seen. Each method runs without interruption in one event loop."""

    def __init__(self, bound: int = 10_000) -> None:
        self._entries: dict[str, _Entry] = {}
        self._bound = bound

    def begin(self, accounts: Sequence[Account], now: float) -> tuple[Count, ...] | None:
        """Count an attempt as a failure of all accounts in advance; None, and nothing counted, if one is locked.

        The caller stores the returned counts before it checks the PIN.
        """
        if self.locked(accounts, now):
            return None
        self._trim()
        entries = [self._entry(account, now) for account in accounts]
        for account, entry in zip(accounts, entries, strict=True):
            entry.own.append(now)
            self._entries[account.key] = entry
        return tuple(entry.count for entry in entries)

    def succeed(self, cleared: Account, others: Sequence[Account], began: float, now: float) -> tuple[Count, ...]:
        """Record that the attempt which `began` at that instant had the right PIN; return the new counts.

        All failures of `cleared` are forgotten, and that attempt no longer counts for the `others`.
        """
        self._entries[cleared.key] = _Entry(cleared.of, settled=now)
        for account in others:
            entry = self._entries[account.key] = self._entry(account, now)
            if began in entry.own:
                entry.own.remove(began)
            entry.settled = now
        return tuple(self._entries[account.key].count for account in (cleared, *others))

    def locked(self, accounts: Sequence[Account], now: float) -> bool:
        """Return whether one of the accounts is locked at `now`."""
        return any(self.exceeded(account, now) for account in accounts if account.locks)

    def exceeded(self, account: Account, now: float) -> bool:
        """Return whether an account has more failures than it may at `now`, whether or not it locks."""
        return now + _ROUNDING_S < self._entry(account, now).count.locked_until(account.limit)

    def _entry(self, account: Account, now: float) -> _Entry:
        """Return what this process and the database know of an account now."""
        entry = self._entries.get(account.key)
        if entry is None or entry.of != account.of:
            entry = _Entry(account.of)
        entry.merge(account.stored)
        if now >= entry.count.locked_until(account.limit) + account.limit.forgotten_s:
            entry = _Entry(account.of, settled=max(entry.settled, entry.count.at))
        return entry

    def _trim(self) -> None:
        """Forget the older half of the entries if there are too many, for example of made-up references."""
        if len(self._entries) >= self._bound:
            by_age = sorted(self._entries, key=lambda key: self._entries[key].count.at)
            for key in by_age[: len(by_age) // 2]:
                del self._entries[key]
