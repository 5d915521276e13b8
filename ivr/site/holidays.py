"""Holidays: the calendar of the site's country, then the site's own days, then what changes them at once."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from ivr.site.holiday_calendar import Calendar, CalendarDay, Names, merge_names, name_in
from routing.hours import WEEKDAYS, Holiday, Source

FileDay = bool | str | dict[str, str]
"""A day as `[hours.holiday]` says it: a holiday with the calendar's names, an ordinary day, or a name, by language."""

_VALUE_BYTES = 800  # AMI truncates a line at 1,024
_LONGEST_NAME = 80  # characters, of one holiday
LONGEST_NAMES = 150  # characters, of all holidays on one day


class HolidayError(Exception):
    """A change of the holidays that cannot be made; the message is one sentence with a remedy."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """A change of a day at once: a holiday with these names, or, without names, an ordinary day.

    It ends when the site's files say something else about the day than `files`, the mark of what they said before.
    """

    names: Names
    by: str = "administrator"
    row: UUID | None = None  # in the table hours_override
    files: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A holiday for display."""

    day: date
    name: str
    estimated: bool
    source: Source

    def as_data(self) -> dict[str, object]:
        """Return the JSON form; `weekday` is in lower case."""
        return {
            "date": self.day.isoformat(),
            "weekday": WEEKDAYS[self.day.weekday()],
            "name": self.name,
            "estimated": self.estimated,
            "source": self.source.value,
        }


@dataclass(frozen=True, slots=True)
class AtOnce:
    """A day that was changed at once, for display; `value`: what the files would say instead."""

    day: date
    name: str
    is_holiday: bool
    by: str
    value: FileDay

    def as_data(self) -> dict[str, object]:
        """Return the JSON form."""
        return {
            "date": self.day.isoformat(),
            "name": self.name,
            "holiday": self.is_holiday,
            "by": self.by,
            "value": self.value,
        }


Changes = Mapping[date, Ruling | None]
"""New changes at once by day; None removes that of a day."""


class Holidays(Mapping[date, Holiday]):
    """The holidays for a plan. Any day can be looked up; iterating yields only the years computed so far.

    Args:
        files: The days of `[hours.holiday]`.
    """

    def __init__(self, country: str | None, files: Mapping[date, FileDay] | None = None) -> None:
        self.calendar = Calendar(country)
        self.files = files or {}
        self.rulings: dict[date, Ruling] = {}
        self._years: dict[int, dict[date, Holiday]] = {}

    def __getitem__(self, day: date) -> Holiday:
        return self._year(day.year)[day]

    def __iter__(self) -> Iterator[date]:
        return (day for year in self._years.values() for day in year)

    def __len__(self) -> int:
        return sum(len(year) for year in self._years.values())

    def apply(self, changes: Changes) -> None:
        """Apply the administrator's changes."""
        for day, ruling in changes.items():
            if ruling is None:
                self.rulings.pop(day, None)
            else:
                self.rulings[day] = ruling
            self._years.pop(day.year, None)

    def _year(self, year: int) -> dict[date, Holiday]:
        if year not in self._years:
            days = {day: _calendar_holiday(found) for day, found in self.calendar.year(year).items()}
            for named, source in (
                ({day: self._planned(day) for day in self.files}, Source.SITE),
                ({day: ruling.names for day, ruling in self.rulings.items()}, Source.ADMINISTRATOR),
            ):
                for day, names in named.items():
                    if day.year != year:
                        continue
                    if names:
                        days[day] = Holiday(name_in(names, "en"), source=source)
                    elif day in days:
                        days[day] = Holiday(days[day].name, source=source, counts=False)
            self._years[year] = days
        return self._years[year]

    def rows(self, first: date, last: date, language: str = "en") -> list[Row]:
        """Return the holidays from `first` to `last`, both included."""
        days = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
        return [
            Row(day, name_in(self._names(day), language), found.estimated, found.source)
            for day in days
            if (found := self.get(day)) is not None and found.counts
        ]

    def cancelled(self, first: date, last: date, language: str = "en") -> list[Row]:
        """Return the holidays of the calendar and of the site's files that are ordinary days."""
        found = []
        for day in sorted({*self.files, *self.rulings}):
            if not first <= day <= last or self._names(day):
                continue
            calendar = self.calendar.day(day)
            names = self._planned(day) or (calendar.names if calendar is not None else {})
            if names:
                source = Source.ADMINISTRATOR if day in self.rulings else Source.SITE
                found.append(Row(day, name_in(names, language), False, source))
        return found

    def at_once(self, first: date, language: str = "en") -> list[AtOnce]:
        """Return the days from `first` on that were changed at once, and are not in the files."""
        return [
            AtOnce(
                day,
                name_in(ruling.names or self._planned(day) or self._of_calendar(day), language),
                bool(ruling.names),
                ruling.by,
                self._file_day(day, ruling),
            )
            for day, ruling in sorted(self.rulings.items())
            if day >= first
        ]

    def mark(self, day: date) -> str:
        """Return what differs when the files say something else about a day; empty if they say nothing."""
        if day not in self.files:
            return ""
        return hashlib.sha256(json.dumps(self.files[day], sort_keys=True).encode()).hexdigest()[:8]

    def as_files(self) -> "Holidays":
        """Return the same days, of which a change is one of the files: `file_days` says how they are written there."""
        flat = Holidays(None)
        flat.calendar = self.calendar
        flat.rulings = {day: Ruling(self._planned(day)) for day in self.files} | self.rulings
        return flat

    def file_days(self, changes: Changes) -> dict[date, FileDay | None]:
        """Return changes as the files say them; None: nothing about the day."""
        return {day: self._file_day(day, ruling) if ruling is not None else None for day, ruling in changes.items()}

    def _file_day(self, day: date, ruling: Ruling) -> FileDay:
        if not ruling.names:
            return False
        if ruling.names == self._of_calendar(day):
            return True
        return ruling.names[""] if ruling.names.keys() == {""} else dict(ruling.names)

    def _of_calendar(self, day: date) -> Names:
        found = self.calendar.day(day)
        return found.names if found is not None else {}

    def _planned(self, day: date) -> Names:
        """Return the names of a day by the calendar and the files."""
        match self.files.get(day):
            case False:
                return {}
            case str() as name:
                return {"": name}
            case dict() as names:
                return names
            case True:
                return self._of_calendar(day) or {"": "holiday"}
        return self._of_calendar(day)

    def _names(self, day: date) -> Names:
        return self.rulings[day].names if day in self.rulings else self._planned(day)

    # Changes at once

    def add(self, day: date, name: str, by: str) -> Changes:
        """Return the changes that add a holiday; one of the calendar becomes certain and by default keeps its names."""
        named = {"": _one_line(name)} if name.strip() else self._names(day)
        return {day: Ruling(named or self._of_calendar(day) or {"": "holiday"}, by)}

    def remove(self, day: date, by: str) -> Changes:
        """Return the changes that remove a holiday.

        Raises:
            HolidayError: The day is not a holiday.
        """
        if not self._names(day):
            raise HolidayError(f"{day} is not a holiday; `hatif hours holiday` lists them.")
        return {day: self._no_holiday(day, by)}

    def move(self, day: date, to: date, by: str) -> Changes:
        """Return the changes that move a holiday; of a certain and an estimated one on the same day, the latter moves.

        Raises:
            HolidayError: There is nothing to move, or the other day already has this holiday.
        """
        names, stay = self._names(day), dict[str, str]()
        found = self.calendar.day(day)
        if day not in self.rulings and day not in self.files and found is not None and found.estimated:
            names, stay = found.estimated, dict(found.certain)
        if not names:
            raise HolidayError(f"{day} is not a holiday; `hatif hours holiday` lists them.")
        if day == to:
            raise HolidayError(f"{day} cannot be moved to itself; choose another day.")
        name, existing = name_in(names, "en"), self._names(to)
        if name in name_in(existing, "en").split("; "):
            raise HolidayError(
                f"{to} is already {name}. To shift a holiday of several days by one, move its first day to the day "
                "after its last, or the other way round."
            )
        left = Ruling(stay, by) if stay else self._no_holiday(day, by)
        return {day: left, to: Ruling(merge_names(existing, names), by)}

    def withdraw(self, day: date) -> Changes:
        """Return the changes that end the change of a day, so that it is again as the files and the calendar say.

        Raises:
            HolidayError: The day was not changed at once.
        """
        if day not in self.rulings:
            raise HolidayError(f"{day} was not changed at once; `hatif hours holiday` lists the days that were.")
        return {day: None}

    def _no_holiday(self, day: date, by: str) -> Ruling | None:
        return Ruling({}, by) if self._planned(day) else None


def list_holidays(
    days: Holidays, today: date, year: int | None, language: str
) -> tuple[list[Row], list[Row], list[AtOnce]]:
    """Return the holidays of a year (None: of the twelve months from `today`), the cancelled ones, and the days that
    were changed at once, of whatever year."""
    first = date(year, 1, 1) if year is not None else today
    last = date(year, 12, 31) if year is not None else today + timedelta(days=365)
    return days.rows(first, last, language), days.cancelled(first, last, language), days.at_once(today, language)


def _calendar_holiday(found: CalendarDay) -> Holiday:
    return Holiday(name_in(found.names, "en"), estimated=not found.certain)


def _one_line(text: str) -> str:
    return "".join(character for character in text if character.isprintable()).strip()[:_LONGEST_NAME]


# Values in AstDB, family hatif-holiday; the key is the day


def encode(ruling: Ruling) -> str:
    """Return the AstDB value of an override, at most 800 bytes; of many languages, English and the first are kept."""
    names = {language: name[:LONGEST_NAMES] for language, name in ruling.names.items()}
    while True:
        value = json.dumps(
            {
                "names": names,
                "by": ruling.by,
                "row": str(ruling.row) if ruling.row else None,
                "files": ruling.files,
            },
            ensure_ascii=False,
        )
        if len(value.encode()) <= _VALUE_BYTES or len(names) < 2:
            return value
        del names[next(language for language in reversed(names) if language != "en")]


def decode(value: str) -> Ruling:
    """Return the override of an AstDB value.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: The value was not written by `encode`.
    """
    data = json.loads(value)
    names = {str(language): str(name) for language, name in data["names"].items()}
    row = UUID(data["row"]) if data["row"] else None
    return Ruling(names, str(data["by"]), row, str(data.get("files", "")))
