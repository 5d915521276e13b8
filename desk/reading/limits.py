"""How much a person reads: their reasons, what they have open, and when it is too much. Kept in memory, no clock."""

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from desk.page.texts import N_

REASONS: Mapping[str, str] = {
    "contact": N_("They are here, or have written"),
    "work": N_("I work on this matter"),
    "colleague": N_("A colleague has asked me"),
    "complaint": N_("A complaint, or quality"),
    "mistake": N_("I correct a mistake"),
}
"""What people answer when they are asked why, outside of a call or a task."""

HOLDS = timedelta(minutes=30)
"""How long a reason holds for what it was given for, and for how long parts of what a person has open are one act."""

WITHIN = timedelta(minutes=10)
PAUSE = timedelta(minutes=10)
ALARM = timedelta(hours=1)
"""How long monitoring shows a pause."""

_TYPING = timedelta(seconds=10)
"""A search that continues an earlier one within this time is the same one, still being typed."""


class Kind(StrEnum):
    """What is counted."""

    SEARCH = "search"
    FILE = "file"


MOST: Mapping[Kind, int] = {Kind.SEARCH: 60, Kind.FILE: 30}
"""Within `WITHIN`, by one person. The last one is still shown; then comes the pause."""


class Readings:
    """What people have read of late."""

    def __init__(self) -> None:
        self._reasons: dict[tuple[str, str], tuple[str, datetime]] = {}  # by account and subject: reason, its end
        self._open: dict[tuple[str, str, str], datetime] = {}  # by sign-in, subject and reason: since when
        self._counted: dict[tuple[str, Kind], deque[datetime]] = {}
        self._typed: dict[str, tuple[str, datetime]] = {}
        self._paused: dict[str, datetime] = {}  # by account: since when

    def give(self, account: str, subjects: Iterable[str], reason: str, now: datetime) -> None:
        """Note why a person looks at something, from now on."""
        self._reasons = {key: row for key, row in self._reasons.items() if row[1] > now}
        self._reasons.update({(account, subject): (reason, now + HOLDS) for subject in subjects})

    def reason_of(self, account: str, subject: str, now: datetime) -> str | None:
        """Return why a person looks at something, if they have said so of late."""
        reason, end = self._reasons.get((account, subject), (None, now))
        return reason if end > now else None

    def open(self, mark: str, subject: str, reason: str, now: datetime) -> None:
        """Note that a sign-in has something open. Only after it is on record."""
        self._open = {key: since for key, since in self._open.items() if since > now - HOLDS}
        self._open[mark, subject, reason] = now

    def is_open(self, mark: str, subject: str, now: datetime, reason: str | None = None) -> bool:
        """Return whether it was opened by this sign-in of late, for this reason or for any."""
        return any(
            key[:2] == (mark, subject) and reason in (None, key[2]) and since > now - HOLDS
            for key, since in self._open.items()
        )

    def is_typed_on(self, account: str, terms: str, now: datetime) -> bool:
        """Return whether a search continues the person's last one, which only narrows it down; note it."""
        before, at = self._typed.get(account, ("", now))
        self._typed[account] = terms, now
        return bool(before) and terms.startswith(before) and terms != before and at > now - _TYPING

    def count(self, account: str, kind: Kind, now: datetime) -> bool:
        """Count a search, or an opened file; return whether the person is paused from now on."""
        times = self._counted.setdefault((account, kind), deque(maxlen=MOST[kind]))
        times.append(now)
        if len(times) < MOST[kind] or times[0] <= now - WITHIN:
            return False
        self._paused[account] = now
        for counted in Kind:
            self._counted.pop((account, counted), None)
        return True

    def paused_for(self, account: str, now: datetime) -> timedelta | None:
        """Return how long a person is still paused, if they are."""
        since = self._paused.get(account)
        return since + PAUSE - now if since is not None and since + PAUSE > now else None

    def alarms(self, now: datetime) -> int:
        """Return how many people were paused within `ALARM`."""
        self._paused = {account: since for account, since in self._paused.items() if since > now - ALARM}
        return len(self._paused)
