"""Holidays: the calendar of the site's country, overridden by the administrator.

The calendar is the library `holidays`, which needs some 25 ms per year. Each year is computed once: `Calendar.warm`, in
a thread after the start, keeps that out of calls and of a recovery.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from routing.hours import WEEKDAYS, Holiday, Source

Names = Mapping[str, str]
"""The names of a day by language; the language "" is unknown. Empty if it is not a holiday."""

_VALUE_BYTES = 800  # AMI truncates a line at 1,024
_LONGEST_NAME = 80  # characters, of one holiday
_LONGEST_NAMES = 150  # characters, of all holidays on one day


class HolidayError(Exception):
    """A change of the holidays that cannot be made; the message is one sentence with a remedy."""


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """A holiday of the calendar; a day may have a certain holiday and, depending on the moon, another one."""

    certain: Names
    estimated: Names

    @property
    def names(self) -> Names:
        return merge_names(self.certain, self.estimated)


@dataclass(frozen=True, slots=True)
class Ruling:
    """The administrator's override of a day: a holiday with these names, or, without names, an ordinary day."""

    names: Names
    by: str = "administrator"
    row: UUID | None = None  # in the table hours_override


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


Changes = Mapping[date, Ruling | None]
"""The administrator's new overrides by day; None removes the override of a day."""


def name_in(names: Names, language: str) -> str:
    """Return the name in this language, else in English, else in any language."""
    return next((names[code] for code in (language, "en", "") if code in names), next(iter(names.values()), ""))


def merge_names(one: Names, other: Names) -> Names:
    """Return the names of both, joined by a semicolon."""
    if not one or not other:
        return one or other
    languages = dict.fromkeys((*one, *other))
    return {language: f"{name_in(one, language)}; {name_in(other, language)}" for language in languages}


def is_known(country: str) -> bool:
    """Return whether the library has a calendar of this country (two capital letters)."""
    import holidays  # takes a tenth of a second, which a start of the controller is spared

    return hasattr(holidays, country)


class Calendar:
    """A country's holidays by year; without a country there are none."""

    def __init__(self, country: str | None) -> None:
        self._country = country
        self._years: dict[int, Mapping[date, CalendarDay]] = {}

    def year(self, year: int) -> Mapping[date, CalendarDay]:
        """Return the holidays of a year."""
        if year not in self._years:
            self._years[year] = _compute(self._country, year) if self._country is not None else {}
        return self._years[year]

    def warm(self, now: datetime) -> None:
        """Compute the years that a call may need."""
        for year in (now.year - 1, now.year, now.year + 1):
            self.year(year)

    def day(self, day: date) -> CalendarDay | None:
        """Return the holiday of a day, None if it is not one."""
        return self.year(day.year).get(day)


def _compute(country: str, year: int) -> Mapping[date, CalendarDay]:
    import holidays  # as above

    certain: dict[date, dict[str, str]] = {}
    estimated: dict[date, dict[str, str]] = {}
    languages = holidays.country_holidays(country).supported_languages
    for code in languages or (None,):
        of_code: dict[str, Any] = {"years": year, "language": code}
        marked = holidays.country_holidays(country, **of_code)
        try:
            plain = holidays.country_holidays(country, islamic_show_estimated=False, **of_code)
        except ValueError:  # a calendar without lunar holidays lacks this option
            plain = marked
        # ar from ar, en from en_US; the first variant of a language represents it
        language = code.partition("_")[0] if code is not None else ""
        for day in plain:
            # Only the mark distinguishes an estimated holiday from a certain one.
            names, with_mark = plain.get_list(day), set(marked.get_list(day))
            for into, chosen in (
                (certain, [name for name in names if name in with_mark]),
                (estimated, [name for name in names if name not in with_mark]),
            ):
                if chosen:
                    into.setdefault(day, {}).setdefault(language, "; ".join(chosen))
    return {
        day: CalendarDay(certain.get(day, {}), estimated.get(day, {})) for day in sorted(certain.keys() | estimated)
    }


class Holidays(Mapping[date, Holiday]):
    """The holidays for a plan. Any day can be looked up; iterating yields only the years computed so far."""

    def __init__(self, country: str | None) -> None:
        self.calendar = Calendar(country)
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
            for day, ruling in self.rulings.items():
                if day.year != year:
                    continue
                if ruling.names:
                    days[day] = Holiday(name_in(ruling.names, "en"), source=Source.ADMINISTRATOR)
                elif day in days:
                    days[day] = Holiday(days[day].name, source=Source.ADMINISTRATOR, counts=False)
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
        """Return the calendar's holidays that the administrator cancelled."""
        return [
            Row(day, name_in(found.names, language), False, Source.ADMINISTRATOR)
            for day, ruling in sorted(self.rulings.items())
            if first <= day <= last and not ruling.names and (found := self.calendar.day(day)) is not None
        ]

    def _names(self, day: date) -> Names:
        if day in self.rulings:
            return self.rulings[day].names
        found = self.calendar.day(day)
        return found.names if found is not None else {}

    # The administrator's changes

    def add(self, day: date, name: str, by: str) -> Changes:
        """Return the changes that add a holiday; one of the calendar becomes certain and by default keeps its names."""
        named = {"": _one_line(name)} if name.strip() else self._names(day)
        found = self.calendar.day(day)
        return {day: Ruling(named or (found.names if found is not None else {"": "holiday"}), by)}

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
        if day not in self.rulings and found is not None and found.estimated:
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

    def _no_holiday(self, day: date, by: str) -> Ruling | None:
        return Ruling({}, by) if self.calendar.day(day) is not None else None


def list_holidays(days: Holidays, today: date, year: int | None, language: str) -> tuple[list[Row], list[Row]]:
    """Return the holidays of a year (None: of the twelve months from `today`), and the cancelled ones."""
    first = date(year, 1, 1) if year is not None else today
    last = date(year, 12, 31) if year is not None else today + timedelta(days=365)
    return days.rows(first, last, language), days.cancelled(first, last, language)


def _calendar_holiday(found: CalendarDay) -> Holiday:
    return Holiday(name_in(found.names, "en"), estimated=not found.certain)


def _one_line(text: str) -> str:
    return "".join(character for character in text if character.isprintable()).strip()[:_LONGEST_NAME]


# Values in AstDB, family hatif-holiday; the key is the day


def encode(ruling: Ruling) -> str:
    """Return the AstDB value of an override, at most 800 bytes; of many languages, English and the first are kept."""
    names = {language: name[:_LONGEST_NAMES] for language, name in ruling.names.items()}
    while True:
        value = json.dumps(
            {"names": names, "by": ruling.by, "row": str(ruling.row) if ruling.row else None}, ensure_ascii=False
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
    return Ruling(names, str(data["by"]), UUID(data["row"]) if data["row"] else None)
