"""Whether the line is open, and a copy of that in AstDB for times without a controller.

AstDB, family `hatif-hours`, has the override, the announcement, the drain (which the dialplan reads, too), and for the
fallback the times `open_until` (UTC
seconds; 0: closed now) and `opens_next` of the site's plan. Plans of numbers and languages have their own keys:
`open_until_NUMBER_LANGUAGE`, `open_until_NUMBER`, `open_until_LANGUAGE`; the fallback uses the first that exists.
Family `hatif-holiday` has the administrator's overrides of days, by date.
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
from ivr.hours import drain
from ivr.hours.drain import Drain
from ivr.model import clock
from ivr.model.text import one_line as one_line
from ivr.records.recorder import Recorder
from ivr.site.holiday_calendar import name_in
from ivr.site.holidays import AtOnce, Changes, Row, Ruling, decode, encode, list_holidays
from ivr.site.hours import Hours
from ivr.site.site import Site
from prompts.manifest import Manifest
from routing import hours
from routing.hours import Force, Override

log = structlog.get_logger()

FAMILY = drain.FAMILY
HOLIDAYS = "hatif-holiday"
_REFRESH_S = 30.0
_FOREVER = timedelta(days=36_500)
_PAST = timedelta(days=40)
"""For how long an override of a past day stays in AstDB; the database keeps it."""


class AstDb(Protocol):
    """Asterisk's internal database, through AMI."""

    async def db_put(self, family: str, key: str, value: str) -> None: ...

    async def db_tree(self, family: str) -> dict[str, str]: ...

    async def db_delete(self, family: str, key: str) -> None: ...


class AnnouncementError(Exception):
    """A text that cannot be announced; the message gives reason and remedy."""


class Opening:
    """The plans, the holidays and the administrator's overrides, with their copy in AstDB."""

    def __init__(self, site: Site, recorder: Recorder, astdb: AstDb) -> None:
        self._site, self._recorder, self._astdb = site, recorder, astdb
        self._hours = site.hours
        self._override: Override | None = None
        self._override_row: UUID | None = None
        self._drain: Drain | None = None
        self._announcement: str | None = None
        self._plans: dict[tuple[str | None, str | None], hours.Plan] = {}
        self._wake = asyncio.Event()
        self._restored = asyncio.Event()
        self.zone = ZoneInfo(site.hours.timezone)
        self.holidays = site.hours.closing_days()

    # Queries

    def answer(
        self, at: datetime | None = None, *, line: str | None = None, language: str | None = None
    ) -> hours.Answer:
        """Return whether it is open, by the plan of the line (the dialled number) and the language, else the site's."""
        return hours.answer(self._plan(line, language), at or clock.now(), self._in_force)

    def opens_next(
        self, at: datetime | None = None, *, line: str | None = None, language: str | None = None
    ) -> datetime | None:
        """Return the first time from `at` on at which it is open, overrides included.

        None if that is unknown, for example during a forced closing without an end.
        """
        return hours.opens_next(self._plan(line, language), at or clock.now(), self._in_force)

    def closes_next(
        self, at: datetime | None = None, *, line: str | None = None, language: str | None = None
    ) -> datetime | None:
        """Return the first time from `at` on at which it is closed, overrides included; None if unknown."""
        return hours.closes_next(self._plan(line, language), at or clock.now(), self._in_force)

    def open_for(self, first: datetime, last: datetime, enough: timedelta, *, language: str | None = None) -> timedelta:
        """Return the opening time between `first` and `last` by the site's plan for the language, at most `enough`.

        Overrides are not considered, because their beginnings are not kept here.
        """
        return hours.open_for(self._plan(None, language), first, last, enough)

    @property
    def drained(self) -> Drain | None:
        """That no new calls are taken, if so."""
        return self._drain

    @property
    def _in_force(self) -> Override | None:
        """The override in force: a drained line is closed, and the administrator's own override stays for later."""
        if self._drain is not None:
            return Override(Force.CLOSED, "no new calls are taken (hatif drain)", None, self._drain.by)
        return self._override

    def announcement(self) -> str | None:
        """Return the id of the text that callers hear before everything else, None if there is none."""
        return self._announcement

    def today(self) -> date:
        """Return today's date in the site's time zone."""
        return clock.now().astimezone(self.zone).date()

    def _plan(self, line: str | None, language: str | None) -> hours.Plan:
        """Return the plan for a number and a language; each is made once, and its holidays stay up to date."""
        own = self._hours
        key = (line if line in own.line else None, language if language in own.language else None)
        if key not in self._plans:
            self._plans[key] = own.plan(*key, days=self.holidays)
        return self._plans[key]

    def take(self, plans: Hours) -> None:
        """Go by other plans from the next query on. The administrator's changes of days stay in force, unless the files
        say something else of such a day since. The time zone stays the one of the start."""
        self._hours = plans
        self._plans.clear()
        rulings, self.holidays = self.holidays.rulings, plans.closing_days()
        for day, ruling in rulings.items():
            self._load_ruling(day, ruling)
        self._wake.set()

    # Overrides: effective from the next query on

    async def ready(self, limit_s: float = 2.0) -> bool:
        """Return whether the overrides from before the start are loaded; only then may a new one replace them."""
        try:
            async with asyncio.timeout(limit_s):
                await self._restored.wait()
        except TimeoutError:
            return False
        return True

    def force(self, override: Override) -> hours.Answer:
        """Force the line open or closed, or end that; stored in AstDB and in the database."""
        self._override_row = self._recorder.hours_forced(override, self._override_row)
        self._override = override if override.force is not Force.AUTO else None
        self._wake.set()
        return self.answer()

    async def set_drained(self, wanted: Drain | None) -> None:
        """Take no new calls, or take them again; in force once this returns, without a controller too.

        Raises:
            AmiError: It could not be stored, and nothing has changed.
        """
        before, self._drain = self._drain, wanted
        try:
            await self._write()
        except AmiError:
            self._drain = before
            raise

    def add_holiday(self, day: date, name: str, by: str) -> None:
        """Add a holiday."""
        self._apply(self.holidays.add(day, name, by), by)

    def remove_holiday(self, day: date, by: str) -> None:
        """Remove a holiday.

        Raises:
            HolidayError: The day is not a holiday.
        """
        self._apply(self.holidays.remove(day, by), by)

    def move_holiday(self, day: date, to: date, by: str) -> None:
        """Move a holiday to another day.

        Raises:
            HolidayError: The holiday cannot be moved there.
        """
        self._apply(self.holidays.move(day, to, by), by)

    def withdraw_holiday(self, day: date, by: str) -> None:
        """End the change of a day.

        Raises:
            HolidayError: It was not changed.
        """
        self._apply(self.holidays.withdraw(day), by)

    def _apply(self, changes: Changes, by: str) -> None:
        stored = {}
        for day, ruling in changes.items():
            former, found = self.holidays.rulings.get(day), self.holidays.calendar.day(day)
            name = name_in(found.names, "en") if found is not None else ""
            row = self._recorder.holiday_ruled(day, ruling, name, by, former.row if former is not None else None)
            files = self.holidays.mark(day)
            stored[day] = replace(ruling, row=row, files=files) if ruling is not None else None
        self.holidays.apply(stored)
        self._wake.set()

    def announce(self, text: str | None, sounds: Manifest, why: str, by: str) -> None:
        """Set the announcement; None removes it.

        Raises:
            AnnouncementError: A language of the site has no audio for the text.
        """
        if text is not None:
            silent = [language for language in self._site.languages if sounds.file(language, text) is None]
            if len(silent) == len(self._site.languages):
                raise AnnouncementError(f"There is no text {text!r} with audio; `hatif prompts list` lists all texts.")
            if silent:
                raise AnnouncementError(
                    f"{text} has no audio in {', '.join(silent)}; translate it there and run `hatif prompts build`."
                )
        self._announcement = text
        self._recorder.announced(text, why, by)
        self._wake.set()

    def holiday_rows(self, year: int | None, language: str) -> tuple[list[Row], list[Row], list[AtOnce]]:
        """Return the holidays of a year (None: of the twelve months from today), the cancelled ones, and the days that
        were changed at once, of whatever year."""
        return list_holidays(self.holidays, self.today(), year, language)

    # AstDB

    async def restore(self) -> None:
        """Load the overrides and the announcement from AstDB; until then only the plan is in effect.

        Raises:
            AmiError: AstDB cannot be read.
        """
        if not self._restored.is_set():
            self._load(await self._read())

    async def keep(self) -> None:
        """Keep AstDB up to date, even if it is changed or lost by others."""
        while True:
            # In a thread, so that calls do not wait; a call that needs a year earlier computes it itself.
            await asyncio.to_thread(self.holidays.calendar.warm, clock.now())
            try:
                await self._write()
            except AmiError as error:  # the AMI connection is down: retried later
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

    def _load(self, kept: Mapping[tuple[str, str], str]) -> None:
        try:
            data = json.loads(kept.get((FAMILY, "override")) or "{}")
            if data:
                until = datetime.fromisoformat(data["until"]) if data["until"] else None
                by = str(data.get("by", "administrator"))
                self._override = Override(Force(data["force"]), str(data["why"]), until, by)
                self._override_row = UUID(data["row"]) if data["row"] else None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("Ignored an invalid override of the hours in AstDB", error=repr(error))
        for (family, key), value in kept.items():
            if family != HOLIDAYS:
                continue
            try:
                self._load_ruling(date.fromisoformat(key), decode(value))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                log.warning("Ignored an invalid holiday in AstDB", day=key, error=repr(error))
        try:
            if data := json.loads(kept.get((FAMILY, drain.KEY)) or "{}"):
                since = datetime.fromisoformat(data["since"])
                self._drain = Drain((FAMILY, drain.REFUSE) in kept, since, str(data["by"]))
        except (ValueError, KeyError, TypeError) as error:
            log.warning("Ignored an invalid drain in AstDB", error=repr(error))
        self._announcement = kept.get((FAMILY, "announcement")) or None
        self._restored.set()

    def _load_ruling(self, day: date, ruling: Ruling) -> None:
        """Load the change of a day, unless the site's files say something else since: then it has ended."""
        if ruling.files == self.holidays.mark(day):
            self.holidays.apply({day: ruling})
            return
        self._recorder.holiday_ruled(day, None, "", "hatif", ruling.row)
        log.info("A change of a holiday has ended: site.toml is newer", day=day.isoformat())

    def _wanted(self) -> dict[tuple[str, str], str]:
        """Return everything that AstDB should contain."""
        now, oldest = clock.now(), self.today() - _PAST
        wanted = {
            (HOLIDAYS, day.isoformat()): encode(ruling)
            for day, ruling in self.holidays.rulings.items()
            if day >= oldest
        }
        for suffix, plan in self._plans_with_suffix():
            is_open = hours.answer(plan, now, self._in_force).open
            closing = hours.closes_next(plan, now, self._in_force)
            # Also the next opening: a controller that is away for days must not close the line for days.
            opening = hours.opens_next(plan, closing, self._in_force) if closing is not None else None
            until = int((closing or now + _FOREVER).timestamp()) if is_open else 0
            wanted[FAMILY, f"open_until{suffix}"] = str(until)
            wanted[FAMILY, f"opens_next{suffix}"] = str(int(opening.timestamp())) if opening is not None else ""
        if self._override is not None:
            wanted[FAMILY, "override"] = json.dumps(_as_data(self._override, self._override_row))
        if self._drain is not None:
            wanted[FAMILY, drain.KEY] = json.dumps({"since": self._drain.since.isoformat(), "by": self._drain.by})
            if self._drain.refuse:
                wanted[FAMILY, drain.REFUSE] = "1"
        if self._announcement is not None:
            wanted[FAMILY, "announcement"] = self._announcement
        return wanted

    def _plans_with_suffix(self) -> Iterator[tuple[str, hours.Plan]]:
        for line in (None, *self._hours.line):
            for language in (None, *self._hours.language):
                suffix = "".join(f"_{part}" for part in (line, language) if part is not None)
                yield suffix, self._plan(line, language)


def shorten(override: Override, limit: int = 120) -> Override:
    """Return the override with a reason that fits into AstDB and on one line."""
    return replace(override, why=one_line(override.why, limit), by=one_line(override.by, 40) or "administrator")


def _as_data(override: Override, row: UUID | None) -> dict[str, str | None]:
    return {
        "force": override.force.value,
        "why": override.why,
        "until": override.until.isoformat() if override.until else None,
        "by": override.by,
        "row": str(row) if row else None,
    }
