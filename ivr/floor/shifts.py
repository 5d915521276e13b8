"""The roster's shifts in the database, so that reports know what was planned.

Brought in after the start, at the site's midnight, and when the site is loaded again. What is over stays as it was
planned; what is not in the roster any more is marked as cancelled.
"""

import asyncio
from collections.abc import Callable, Iterable
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
"""Days after today whose shifts are kept."""

_AFTER_START_S = 1.0
"""Nobody on the telephone waits for it: the calls that were up go first."""

_AGAIN_S = 30.0
"""After a reading that failed."""

_ONE_DAY = timedelta(days=1)


class Shifts:
    """`folder` of the site; `operators`: the ids that there are; `read` is told each roster that is in order."""

    def __init__(
        self,
        folder: Path,
        operators: Iterable[str],
        zone: ZoneInfo,
        database: Database,
        journal: Journal,
        read: Callable[[Roster | None], None],
    ) -> None:
        self._folder, self._operators, self._zone = folder, frozenset(operators), zone
        self._database, self._journal = database, journal
        self._read = read
        self._wake = asyncio.Event()

    def again(self) -> None:
        """The roster may have been saved: it is read once more."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.sleep(_AFTER_START_S)
        while True:
            self._wake.clear()
            done = await self._bring()
            limit = _until_midnight(clock.now(), self._zone) if done else _AGAIN_S
            try:
                async with asyncio.timeout(limit):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _bring(self) -> bool:
        """False: the database did not say what it has."""
        try:
            planned = await asyncio.to_thread(roster.load, self._folder, self._operators, self._zone)
        except SiteError as error:
            log.error("The roster is not in order; the shifts stay as they were", error=str(error))
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
            log.info("The roster's shifts", planned=len(changes.planned), cancelled=len(changes.cancelled))
        return True


@dataclass(frozen=True, slots=True)
class Changes:
    """`planned`: new ones, other ends, and cancelled ones that count again."""

    planned: tuple[Shift, ...]
    cancelled: tuple["StoredShift", ...]


def compare(planned: Roster | None, known: Iterable["StoredShift"], now: datetime, today: date) -> Changes:
    """What is to be written, so that the table has the shifts from `now` on as they are planned, and what is over of
    today where nothing is known of it. `known`: what it has, from today's midnight to the end of the last day."""
    there = {(each.operator, each.begins): each for each in known}
    began = {operator for (operator, begins) in there if begins <= now}
    shifts = planned.shifts(today - _ONE_DAY, today + AHEAD) if planned is not None else ()
    day = _midnight(today, planned.zone) if planned is not None else now
    wanted = {
        (each.operator, each.begins): each for each in shifts if each.ends > (now if each.operator in began else day)
    }
    new = [
        each
        for key, each in wanted.items()
        if key not in there or there[key].cancelled is not None or there[key].ends != each.ends
    ]
    gone = [each for key, each in there.items() if each.cancelled is None and each.ends > now and key not in wanted]
    return Changes(tuple(new), tuple(gone))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _until_midnight(now: datetime, zone: ZoneInfo) -> float:
    """Seconds until the site's next day begins, and one more."""
    tomorrow = _midnight(now.astimezone(zone).date() + _ONE_DAY, zone)
    return (tomorrow - now).total_seconds() + 1
