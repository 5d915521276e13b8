"""Whether the line is open, and Asterisk's own knowledge of it for the time without a controller.

AstDB, family `hatif-hours`, has the override, the announcement, and for the fallback the instants `open_until` (UTC
seconds; 0: closed now) and `opens_next` of the site's plan. Plans of lines and languages have keys of their own:
`open_until_NUMBER_LANGUAGE`, `open_until_NUMBER`, `open_until_LANGUAGE`; the fallback takes the first that is there.
Family `hatif-holiday` has the administrator's word on days, by date.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog

from ivr.asterisk.ami import AmiError
from ivr.model import clock
from ivr.records.recorder import Recorder
from ivr.site.holidays import Changes, Holidays, Row, decode, encode, list_holidays, name_in
from ivr.site.site import Site
from prompts.manifest import Manifest
from routing import hours
from routing.hours import Force, Override

log = structlog.get_logger()

FAMILY = "hatif-hours"
HOLIDAYS = "hatif-holiday"
_REFRESH_S = 30.0
_FOREVER = timedelta(days=36_500)
_PAST = timedelta(days=40)
"""So long the administrator's word on a day that is over stays in AstDB; the database keeps it."""


class AstDb(Protocol):
    """Asterisk's own small database, through its manager interface."""

    async def db_put(self, family: str, key: str, value: str) -> None: ...

    async def db_tree(self, family: str) -> dict[str, str]: ...

    async def db_delete(self, family: str, key: str) -> None: ...


class AnnouncementError(Exception):
    """A text that cannot be announced; the sentence says why and what to do."""


class Opening:
    """The plans, the holidays and the administrator's word against them, with their copy in AstDB."""

    def __init__(self, site: Site, recorder: Recorder, astdb: AstDb) -> None:
        self._site, self._recorder, self._astdb = site, recorder, astdb
        self._override: Override | None = None
        self._override_row: UUID | None = None
        self._announcement: str | None = None
        self._plans: dict[tuple[str | None, str | None], hours.Plan] = {}
        self._wake = asyncio.Event()
        self._restored = asyncio.Event()
        self.zone = ZoneInfo(site.hours.timezone)
        self.holidays = Holidays(site.hours.holidays)

    # What is asked

    def answer(
        self, at: datetime | None = None, *, line: str | None = None, language: str | None = None
    ) -> hours.Answer:
        """By the plan of the line (the number dialled) and the language; the site's where they have none."""
        return hours.answer(self._plan(line, language), at or clock.now(), self._override)

    def opens_next(
        self, at: datetime | None = None, *, line: str | None = None, language: str | None = None
    ) -> datetime | None:
        """The first instant from `at` on at which it is really open; None: not foreseen, such as until a forced
        closing without an end is taken back."""
        return hours.opens_next(self._plan(line, language), at or clock.now(), self._override)

    def closes_next(
        self, at: datetime | None = None, *, line: str | None = None, language: str | None = None
    ) -> datetime | None:
        """The first instant from `at` on at which it is really closed; None: not foreseen."""
        return hours.closes_next(self._plan(line, language), at or clock.now(), self._override)

    def open_for(self, first: datetime, last: datetime, enough: timedelta, *, language: str | None = None) -> timedelta:
        """How long the site's plan for the language had it open between the two, at most `enough`. By the plan alone:
        since when an administrator's word held is not kept here."""
        return hours.open_for(self._plan(None, language), first, last, enough)

    def announcement(self) -> str | None:
        """The id of the text that is said in front of everything."""
        return self._announcement

    def today(self) -> date:
        """By the site's clock."""
        return clock.now().astimezone(self.zone).date()

    def _plan(self, line: str | None, language: str | None) -> hours.Plan:
        """Made once for each pair that differs; their holidays stay right by themselves."""
        own = self._site.hours
        key = (line if line in own.line else None, language if language in own.language else None)
        if key not in self._plans:
            self._plans[key] = own.plan(*key, days=self.holidays)
        return self._plans[key]

    # The administrator's word: with effect from the next call that asks

    async def ready(self, limit_s: float = 2.0) -> bool:
        """Whether the word from before the start is known: only then a new one may take its place."""
        try:
            async with asyncio.timeout(limit_s):
                await self._restored.wait()
        except TimeoutError:
            return False
        return True

    def force(self, override: Override) -> hours.Answer:
        """Kept in AstDB and in the database."""
        self._override_row = self._recorder.hours_forced(override, self._override_row)
        self._override = override if override.force is not Force.AUTO else None
        self._wake.set()
        return self.answer()

    def add_holiday(self, day: date, name: str, by: str) -> None:
        self._rule(self.holidays.add(day, name, by), by)

    def remove_holiday(self, day: date, by: str) -> None:
        """Raises HolidayError."""
        self._rule(self.holidays.remove(day, by), by)

    def move_holiday(self, day: date, to: date, by: str) -> None:
        """Raises HolidayError."""
        self._rule(self.holidays.move(day, to, by), by)

    def _rule(self, changes: Changes, by: str) -> None:
        ruled = {}
        for day, ruling in changes.items():
            former, found = self.holidays.rulings.get(day), self.holidays.calendar.day(day)
            name = name_in(found.names, "en") if found is not None else ""
            row = self._recorder.holiday_ruled(day, ruling, name, by, former.row if former is not None else None)
            ruled[day] = replace(ruling, row=row) if ruling is not None else None
        self.holidays.apply(ruled)
        self._wake.set()

    def announce(self, text: str | None, sounds: Manifest, why: str, by: str) -> None:
        """None: nothing any more. Raises AnnouncementError if a language of the site has no audio of it."""
        if text is not None:
            silent = [each for each in self._site.languages if sounds.file(each, text) is None]
            if len(silent) == len(self._site.languages):
                raise AnnouncementError(f"There is no text {text!r} with audio; `hatif prompts list` has them all.")
            if silent:
                raise AnnouncementError(
                    f"{text} has no audio in {', '.join(silent)}; translate it there and run `hatif prompts build`."
                )
        self._announcement = text
        self._recorder.announced(text, why, by)
        self._wake.set()

    def holiday_rows(self, year: int | None, language: str) -> tuple[list[Row], list[Row]]:
        """The holidays of a year (None: of the twelve months from today on), and those that were taken back."""
        return list_holidays(self.holidays, self.today(), year, language)

    # AstDB

    async def restore(self) -> None:
        """Reads what was in force; without Asterisk's database the plan alone holds. Raises AmiError."""
        if not self._restored.is_set():
            self._take(await self._read())

    async def keep(self) -> None:
        """Keeps AstDB right, also when somebody else has changed or lost it."""
        while True:
            # Behind the calls' back; a call that asks sooner pays for it once.
            await asyncio.to_thread(self.holidays.calendar.warm, clock.now())
            try:
                await self._write()
            except AmiError as error:  # the link to the manager is down: it is tried again
                log.debug("Opening hours could not be written to AstDB", error=repr(error))
            try:
                async with asyncio.timeout(_REFRESH_S):
                    await self._wake.wait()
            except TimeoutError:
                continue
            self._wake.clear()

    async def _read(self) -> dict[tuple[str, str], str]:
        return {
            (family, key): value
            for family in (FAMILY, HOLIDAYS)
            for key, value in (await self._astdb.db_tree(family)).items()
        }

    async def _write(self) -> None:
        await self.restore()
        kept, wanted = await self._read(), self._wanted()
        for (family, key), value in wanted.items():
            if kept.get((family, key)) != value:
                await self._astdb.db_put(family, key, value)
        for family, key in kept.keys() - wanted.keys():
            await self._astdb.db_delete(family, key)

    def _take(self, kept: Mapping[tuple[str, str], str]) -> None:
        try:
            data = json.loads(kept.get((FAMILY, "override")) or "{}")
            if data:
                until = datetime.fromisoformat(data["until"]) if data["until"] else None
                by = str(data.get("by", "administrator"))
                self._override = Override(Force(data["force"]), str(data["why"]), until, by)
                self._override_row = UUID(data["row"]) if data["row"] else None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("AstDB holds an override of the hours that is not ours; it is not used", error=repr(error))
        for (family, key), value in kept.items():
            if family != HOLIDAYS:
                continue
            try:
                self.holidays.apply({date.fromisoformat(key): decode(value)})
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                log.warning("AstDB holds a holiday that is not ours; it is not used", day=key, error=repr(error))
        self._announcement = kept.get((FAMILY, "announcement")) or None
        self._restored.set()

    def _wanted(self) -> dict[tuple[str, str], str]:
        """What AstDB should have, all of it."""
        now, oldest = clock.now(), self.today() - _PAST
        wanted = {
            (HOLIDAYS, day.isoformat()): encode(ruling)
            for day, ruling in self.holidays.rulings.items()
            if day >= oldest
        }
        for suffix, plan in self._kept_plans():
            is_open = hours.answer(plan, now, self._override).open
            closing = hours.closes_next(plan, now, self._override)
            # The next opening as well: a controller that stays away for days must not close the line for days.
            opening = hours.opens_next(plan, closing, self._override) if closing is not None else None
            until = int((closing or now + _FOREVER).timestamp()) if is_open else 0
            wanted[FAMILY, f"open_until{suffix}"] = str(until)
            wanted[FAMILY, f"opens_next{suffix}"] = str(int(opening.timestamp())) if opening is not None else ""
        if self._override is not None:
            wanted[FAMILY, "override"] = json.dumps(_plain(self._override, self._override_row))
        if self._announcement is not None:
            wanted[FAMILY, "announcement"] = self._announcement
        return wanted

    def _kept_plans(self) -> Iterator[tuple[str, hours.Plan]]:
        for line in (None, *self._site.hours.line):
            for language in (None, *self._site.hours.language):
                suffix = "".join(f"_{each}" for each in (line, language) if each is not None)
                yield suffix, self._plan(line, language)


def shortened(override: Override, limit: int = 120) -> Override:
    """An override whose reason fits into AstDB and into one line."""
    return replace(override, why=one_line(override.why, limit), by=one_line(override.by, 40) or "administrator")


def one_line(text: str, limit: int) -> str:
    return "".join(each for each in text if each.isprintable())[:limit]


def _plain(override: Override, row: UUID | None) -> dict[str, str | None]:
    return {
        "force": override.force.value,
        "why": override.why,
        "until": override.until.isoformat() if override.until else None,
        "by": override.by,
        "row": str(row) if row else None,
    }
