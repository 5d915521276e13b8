"""Figures of wallboards that no event has: those of the day, expected waits, the hours. Read once for all of them."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import structlog
from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncEngine

from db import report_mails
from db.engine import DatabaseError
from desk.board.charts import draw_day
from desk.board.day import Day, midnight, read_day, week_before
from desk.board.fragments import DAY, OUTLOOK, UNSENT, VIEWS
from desk.board.unsent import UnsentReports, unsent
from desk.control import ControlClient, ControlError
from desk.live.hub import ACTOR, Hub

log = structlog.get_logger()

EVERY_S = 10.0

LONGEST_S = 15.0
"""Seconds that reading all figures may take; pages that open wait for them."""

MAILS = timedelta(days=40)
"""Reports by e-mail about days before that raise no alarm any more; the longest is about a month."""


class Outlook(msgspec.Struct, frozen=True):
    """The wait that a caller of this moment can expect. `expected_s`: by language; None: not known."""

    expected_s: dict[str, float | None] = {}
    open: bool | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class TodayAndBefore:
    """Today until now; the same weekday before until the same time of the clock, `then`; and its pictures."""

    today: Day
    then: Day
    pictures: Mapping[str, Markup]


class Watch:
    """Keeps the hub's picture complete while a wallboard is open."""

    def __init__(
        self, hub: Hub, control: ControlClient, engine: AsyncEngine, timezone: str, now: Callable[[], datetime]
    ) -> None:
        self._hub, self._control, self._engine = hub, control, engine
        self._zone, self._now = ZoneInfo(timezone), now
        self._read: datetime | None = None
        self._reading = asyncio.Lock()
        self._fresh = time.monotonic()  # when the day's figures were read, or nobody looked at any

    @property
    def late_s(self) -> float:
        """For how many seconds an open wallboard has had the same figures, at most `EVERY_S` while all is well."""
        return time.monotonic() - self._fresh

    async def run(self) -> None:
        """Read again and again while somebody looks, until cancelled."""
        while True:
            if self._hub.is_followed(*VIEWS):
                await self.refresh()
            else:
                self._fresh = time.monotonic()
            await asyncio.sleep(EVERY_S)

    async def refresh(self) -> None:
        """Read what is older than `EVERY_S`. What cannot be read stays as it was."""
        async with self._reading:
            now = self._now()
            if self._read is not None and timedelta() <= now - self._read < timedelta(seconds=EVERY_S - 1):
                return
            self._read = now
            try:
                async with asyncio.timeout(LONGEST_S):
                    await self._read_all(now)
            except TimeoutError:
                log.warning("the wallboard's figures could not be read in time", seconds=LONGEST_S)

    async def _read_all(self, now: datetime) -> None:
        try:
            self._hub.add(OUTLOOK, await self._outlook())
        except (ControlError, msgspec.ValidationError) as error:
            log.info("the expected waits cannot be read", reason=str(error))
            self._hub.add(OUTLOOK, None)
        try:
            self._hub.add(DAY, await self._day(now))
            failed = await report_mails.failed(self._engine, (now - MAILS).date())
            self._hub.add(UNSENT, unsent(failed, self._hub.picture.facts.get(UNSENT)))
            self._fresh = time.monotonic()
        except DatabaseError as error:
            log.warning("the wallboard's figures cannot be read", reason=str(error))

    def acknowledge_unsent(self, name: str) -> bool:
        """Note who sees to the reports that were not sent; return False if there are none."""
        found: UnsentReports | None = self._hub.picture.facts.get(UNSENT)
        if found is not None and found.at is None:
            self._hub.add(UNSENT, replace(found, by=name, at=self._now()))
        return found is not None

    async def _outlook(self) -> Outlook:
        waits = await self._control.ask("GET", "/outlook", ACTOR)
        hours = await self._control.ask("GET", "/hours", ACTOR)
        return msgspec.convert({**hours, **waits}, Outlook, strict=False)

    async def _day(self, now: datetime) -> TodayAndBefore:
        day = now.astimezone(self._zone).date()
        begins, same = midnight(day, self._zone), week_before(now, self._zone)
        day_before = same.astimezone(self._zone).date()
        began_before = midnight(day_before, self._zone)
        ended_before = midnight(day_before + timedelta(days=1), self._zone)
        today = await read_day(self._engine, begins, now, self._zone)
        then = await read_day(self._engine, began_before, same, self._zone)
        whole = await read_day(self._engine, began_before, ended_before, self._zone)
        return TodayAndBefore(today, then, draw_day(today, whole))
