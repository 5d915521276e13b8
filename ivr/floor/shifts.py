"""The roster's shifts in the database, so that reports know what was planned.

They are brought up to date after the start, at the site's midnight, and when the site is reloaded. Past shifts stay as
they were planned; shifts that are no longer in the roster are marked as cancelled.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import structlog

from db.journal import Journal
from ivr.model import clock
from ivr.records import floor_records
from ivr.records.database import Database
from ivr.site import roster
from ivr.site.findings import SiteError
from ivr.site.roster import Roster, Shift

if TYPE_CHECKING:
    from db.shifts import StoredShift

log = structlog.get_logger()

AHEAD = timedelta(days=7)
"""How far ahead, after today, shifts are kept."""

_AFTER_START_S = 1.0
"""Nobody on the telephone waits for this: the calls that were up go first."""

_RETRY_S = 30.0
"""The pause after the database did not answer."""

_ONE_DAY = timedelta(days=1)


class Shifts:
    """Keeps the table of shifts up to date.

    Args:
        folder: The site's.
        operators: The ids of all operators, as they are now.
        read: Called with each roster that is valid; None if there is none.
    """

    def __init__(
        self,
        folder: Path,
        operators: Collection[str],
        zone: ZoneInfo,
        database: Database,
        journal: Journal,
        read: Callable[[Roster | None], None],
    ) -> None:
        self._folder, self._operators, self._zone = folder, operators, zone
        self._database, self._journal = database, journal
        self._read = read
        self._wake = asyncio.Event()

    def again(self) -> None:
        """Read the roster once more: it may have been saved."""
        self._wake.set()

    async def run(self) -> None:
        """Run until cancelled."""
        await asyncio.sleep(_AFTER_START_S)
        while True:
            self._wake.clear()
            done = await self._update()
            limit = _until_midnight(clock.now(), self._zone) if done else _RETRY_S
            try:
                async with asyncio.timeout(limit):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _update(self) -> bool:
        """Bring the table up to date. Return False if the database did not answer."""
        try:
            planned = await asyncio.to_thread(roster.load, self._folder, frozenset(self._operators), self._zone)
        except SiteError as error:
            log.error("The roster has errors; the shifts are unchanged", error=str(error))
            return True
        self._read(planned)
        now = clock.now()
        today = now.astimezone(self._zone).date()
        first, last = _midnight(today, self._zone), _midnight(today + AHEAD + _ONE_DAY, self._zone)
        known = await self._database.shifts(first, last)
        if known is None:
            return False
        changes = await asyncio.to_thread(compare, planned, known, now, today)
        for shift in changes.planned:
            floor_records.shift(self._journal, shift)
        for gone in changes.cancelled:
            floor_records.shift_cancelled(self._journal, gone.operator, gone.begins, now)
        if changes.planned or changes.cancelled:
            self._journal.flush()
            log.info("The roster's shifts were updated", planned=len(changes.planned), cancelled=len(changes.cancelled))
        return True


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes to be written.

    Attributes:
        planned: Shifts that are new, end at another time, or were cancelled and count again.
        cancelled: Shifts that are no longer in the roster.
    """

    planned: tuple[Shift, ...]
    cancelled: tuple["StoredShift", ...]


def compare(planned: Roster | None, known: Iterable["StoredShift"], now: datetime, today: date) -> Changes:
    """Return the changes after which the table has all shifts from `now` on as planned.

    For an operator of whom it has nothing today, it also gets today's past shifts.

    Args:
        known: The table's shifts from today's midnight to the end of the last day.
    """
    there = {(shift.operator, shift.begins): shift for shift in known}
    began = {operator for (operator, begins) in there if begins <= now}
    shifts = planned.shifts(today - _ONE_DAY, today + AHEAD) if planned is not None else ()
    day = _midnight(today, planned.zone) if planned is not None else now
    wanted = {
        (shift.operator, shift.begins): shift
        for shift in shifts
        if shift.ends > (now if shift.operator in began else day)
    }
    new = [
        shift
        for key, shift in wanted.items()
        if key not in there or there[key].cancelled is not None or there[key].ends != shift.ends
    ]
    gone = [shift for key, shift in there.items() if shift.cancelled is None and shift.ends > now and key not in wanted]
    return Changes(tuple(new), tuple(gone))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _until_midnight(now: datetime, zone: ZoneInfo) -> float:
    """Return the seconds until the site's next day begins, plus one."""
    tomorrow = _midnight(now.astimezone(zone).date() + _ONE_DAY, zone)
    return (tomorrow - now).total_seconds() + 1
