"""Whom the roster has on duty, told to the floor whenever that changes: who is planned goes before who has stayed."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

from ivr.model import clock, floor_protocol
from ivr.site.roster import Roster, Shift

_LOOK_S = 60.0
"""At the latest: a clock that is set moves the next change."""

_ONE_DAY = timedelta(days=1)


class Duty:
    """`tell` gets it when it changes."""

    def __init__(self, tell: Callable[[floor_protocol.DutyRoster], None]) -> None:
        self._tell = tell
        self._roster: Roster | None = None
        self._shifts: tuple[Roster, date, list[Shift]] | None = None  # of that day and those beside it
        self._wake = asyncio.Event()
        self.planned = floor_protocol.DutyRoster(None)
        """As it was told last."""

    def read(self, roster: Roster | None) -> None:
        """The roster as it is now."""
        self._roster = roster
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._wake.clear()
            limit = await self._look()
            try:
                async with asyncio.timeout(limit):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _look(self) -> float:
        """Seconds until the next look."""
        roster, found, limit = self._roster, floor_protocol.DutyRoster(None), _LOOK_S
        if roster is not None:
            shifts = await self._near(roster)
            now = clock.now()
            found = floor_protocol.DutyRoster(planned_at(shifts, now))
            limit = min(until_change(shifts, now), _LOOK_S)
        if found != self.planned:
            self.planned = found
            self._tell(found)
        return limit

    async def _near(self, roster: Roster) -> list[Shift]:
        """A roster of years takes its time: calls go on meanwhile."""
        day = clock.now().astimezone(roster.zone).date()
        if self._shifts is None or self._shifts[:2] != (roster, day):
            self._shifts = roster, day, await asyncio.to_thread(roster.shifts, day - _ONE_DAY, day + _ONE_DAY)
        return self._shifts[2]


def planned_at(shifts: Sequence[Shift], at: datetime) -> tuple[str, ...]:
    """Who is planned at an instant, by id."""
    return tuple(sorted({each.operator for each in shifts if each.begins <= at < each.ends}))


def until_change(shifts: Sequence[Shift], at: datetime) -> float:
    """Seconds until the next shift begins or ends; infinite where none does."""
    instants = (each for shift in shifts for each in (shift.begins, shift.ends) if each > at)
    return min(((each - at).total_seconds() for each in instants), default=float("inf"))
