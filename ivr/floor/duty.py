"""The operators whom the roster has on duty; the floor is notified of every change.

An operator whose shift it is comes before one who has stayed on.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime, timedelta

from ivr.model import clock, floor_protocol
from ivr.site.roster import Roster, Shift

_CHECK_S = 60.0
"""The longest pause between two checks: a clock that is set moves the next change."""

_ONE_DAY = timedelta(days=1)


class Duty:
    """Follows the roster. `tell` is called with the operators on duty whenever they change."""

    def __init__(self, tell: Callable[[floor_protocol.DutyRoster], None]) -> None:
        self._tell = tell
        self._roster: Roster | None = None
        self._shifts: tuple[Roster, date, list[Shift]] | None = None  # of that day, the day before and the day after
        self._wake = asyncio.Event()
        self.planned = floor_protocol.DutyRoster(None)
        """The operators on duty, as last reported."""

    def read(self, roster: Roster | None) -> None:
        """Use this roster from now on."""
        self._roster = roster
        self._wake.set()

    def next_shift(self, operators: Collection[str]) -> datetime | None:
        """Return when the next shift of one of these operators begins (`next_of`)."""
        return next_of(self._shifts[2], operators, clock.now()) if self._shifts is not None else None

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            self._wake.clear()
            limit = await self._check()
            try:
                async with asyncio.timeout(limit):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _check(self) -> float:
        """Tell the floor if anything has changed. Return the seconds until the next check."""
        roster, found, limit = self._roster, floor_protocol.DutyRoster(None), _CHECK_S
        if roster is not None:
            shifts = await self._shifts_near(roster)
            now = clock.now()
            found = floor_protocol.DutyRoster(planned_at(shifts, now))
            limit = min(until_change(shifts, now), _CHECK_S)
        if found != self.planned:
            self.planned = found
            self._tell(found)
        return limit

    async def _shifts_near(self, roster: Roster) -> list[Shift]:
        """Return the shifts of today and of the days around it.

        They are computed in a thread: a roster of years takes a while, and calls go on meanwhile.
        """
        day = clock.now().astimezone(roster.zone).date()
        if self._shifts is None or self._shifts[:2] != (roster, day):
            self._shifts = roster, day, await asyncio.to_thread(roster.shifts, day - _ONE_DAY, day + _ONE_DAY)
        return self._shifts[2]


def planned_at(shifts: Sequence[Shift], at: datetime) -> tuple[str, ...]:
    """Return the ids of the operators on duty at an instant."""
    return tuple(sorted({shift.operator for shift in shifts if shift.begins <= at < shift.ends}))


def until_change(shifts: Sequence[Shift], at: datetime) -> float:
    """Return the seconds until the next shift begins or ends; infinity if none does."""
    instants = (instant for shift in shifts for instant in (shift.begins, shift.ends) if instant > at)
    return min(((instant - at).total_seconds() for instant in instants), default=float("inf"))


def next_of(shifts: Sequence[Shift], operators: Collection[str], at: datetime) -> datetime | None:
    """Return when the next shift of one of these operators begins, of those that are given.

    None also while one of them is planned: they may come at any moment.
    """
    theirs = [shift for shift in shifts if shift.operator in operators and shift.ends > at]
    if any(shift.begins <= at for shift in theirs):
        return None
    return min((shift.begins for shift in theirs), default=None)
