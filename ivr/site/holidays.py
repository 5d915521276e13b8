"""Which days are holidays: by the calendar of the site's country, and by the administrator, who has the last word.

The calendar is the library `holidays`. It takes some 25 ms a year, each computed once: `Calendar.warm`, in a thread
after the start, keeps that out of a call's path and out of a recovery.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from routing.hours import WEEKDAYS, Holiday, Source

Names = Mapping[str, str]
"""What a day is called, by language; the language "" is not known. None of them: it is no holiday."""

_VALUE_BYTES = 800  # Asterisk's manager cuts a line at 1,024
_LONGEST_NAME = 80  # letters, of one holiday
_LONGEST_NAMES = 150  # of all that fall on one day


class HolidayError(Exception):
    """A change of the holidays that cannot be made; the sentence says what to do."""


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """A holiday of the calendar; a day may be one for certain and, by the moon, another one as well."""

    certain: Names
    estimated: Names

    @property
    def names(self) -> Names:
        return joined(self.certain, self.estimated)


@dataclass(frozen=True, slots=True)
class Ruling:
    """The administrator's word on a day: a holiday of these names, or, without any, a day like others."""

    names: Names
    by: str = "administrator"
    row: UUID | None = None  # of the table hours_override


@dataclass(frozen=True, slots=True)
class Row:
    """A holiday as it is told to people. `weekday` in lower case."""

    day: date
    name: str
    estimated: bool
    source: Source

    def as_data(self) -> dict[str, object]:
        return {
            "date": self.day.isoformat(),
            "weekday": WEEKDAYS[self.day.weekday()],
            "name": self.name,
            "estimated": self.estimated,
            "source": self.source.value,
        }


Changes = Mapping[date, Ruling | None]
"""What the administrator's word becomes; None: he says nothing of that day any more."""


def name_in(names: Names, language: str) -> str:
    """The name in this language, else in English, else in whichever there is."""
    return next((names[each] for each in (language, "en", "") if each in names), next(iter(names.values()), ""))


def joined(one: Names, other: Names) -> Names:
    if not one or not other:
        return one or other
    languages = dict.fromkeys((*one, *other))
    return {each: f"{name_in(one, each)}; {name_in(other, each)}" for each in languages}


def is_known(country: str) -> bool:
    """Whether the library has a calendar of this country (two capital letters)."""
    import holidays

    return hasattr(holidays, country)


class Calendar:
    """A country's holidays, year by year; without a country there are none."""

    def __init__(self, country: str | None) -> None:
        self._country = country
        self._years: dict[int, Mapping[date, CalendarDay]] = {}

    def year(self, year: int) -> Mapping[date, CalendarDay]:
        if year not in self._years:
            self._years[year] = _computed(self._country, year) if self._country is not None else {}
        return self._years[year]

    def warm(self, now: datetime) -> None:
        """Computes the years that a call may ask for."""
        for year in (now.year - 1, now.year, now.year + 1):
            self.year(year)

    def day(self, day: date) -> CalendarDay | None:
        return self.year(day.year).get(day)


def _computed(country: str, year: int) -> Mapping[date, CalendarDay]:
    import holidays

    certain: dict[date, dict[str, str]] = {}
    estimated: dict[date, dict[str, str]] = {}
    languages = holidays.country_holidays(country).supported_languages
    for code in languages or (None,):
        of_code: dict[str, Any] = {"years": year, "language": code}
        marked = holidays.country_holidays(country, **of_code)
        try:
            plain = holidays.country_holidays(country, islamic_show_estimated=False, **of_code)
        except ValueError:  # a calendar without the moon has no such option
            plain = marked
        # ar of ar, en of en_US; the first one of a language stands for it
        language = code.partition("_")[0] if code is not None else ""
        for day in plain:
            # Only the mark tells an estimated holiday from a certain one.
            names, with_mark = plain.get_list(day), set(marked.get_list(day))
            for into, chosen in (
                (certain, [each for each in names if each in with_mark]),
                (estimated, [each for each in names if each not in with_mark]),
            ):
                if chosen:
                    into.setdefault(day, {}).setdefault(language, "; ".join(chosen))
    return {
        day: CalendarDay(certain.get(day, {}), estimated.get(day, {})) for day in sorted(certain.keys() | estimated)
    }


class Holidays(Mapping[date, Holiday]):
    """The days as a plan takes them: any day may be asked for; the ones listed are those of the years met so far."""

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

    def rule(self, changes: Changes) -> None:
        for day, ruling in changes.items():
            if ruling is None:
                self.rulings.pop(day, None)
            else:
                self.rulings[day] = ruling
            self._years.pop(day.year, None)

    def _year(self, year: int) -> dict[date, Holiday]:
        if year not in self._years:
            days = {day: _by_calendar(found) for day, found in self.calendar.year(year).items()}
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
        """The holidays from `first` to `last`, these included."""
        days = (first + timedelta(days=each) for each in range((last - first).days + 1))
        return [
            Row(day, name_in(self._names(day), language), found.estimated, found.source)
            for day in days
            if (found := self.get(day)) is not None and found.counts
        ]

    def taken_back(self, first: date, last: date, language: str = "en") -> list[Row]:
        """The calendar's holidays that are none by the administrator's word."""
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

    # What the administrator asks for

    def added(self, day: date, name: str, by: str) -> Changes:
        """A holiday; one of the calendar is certain then, and keeps its names if no other is given."""
        named = {"": _one_line(name)} if name.strip() else self._names(day)
        found = self.calendar.day(day)
        return {day: Ruling(named or (found.names if found is not None else {"": "holiday"}), by)}

    def removed(self, day: date, by: str) -> Changes:
        if not self._names(day):
            raise HolidayError(f"{day} is no holiday; `hatif hours holiday` lists them.")
        return {day: self._nothing(day, by)}

    def moved(self, day: date, to: date, by: str) -> Changes:
        """Of a day that is a holiday for certain and another one by the moon, only the latter moves."""
        names, stay = self._names(day), dict[str, str]()
        found = self.calendar.day(day)
        if day not in self.rulings and found is not None and found.estimated:
            names, stay = found.estimated, dict(found.certain)
        if not names:
            raise HolidayError(f"{day} is no holiday; `hatif hours holiday` lists them.")
        if day == to:
            raise HolidayError(f"{day} cannot be moved to itself; name another day.")
        name, there = name_in(names, "en"), self._names(to)
        if name in name_in(there, "en").split("; "):
            raise HolidayError(
                f"{to} is {name} already. To move a holiday of several days by one, move the day at its one end "
                "behind the other."
            )
        left = Ruling(stay, by) if stay else self._nothing(day, by)
        return {day: left, to: Ruling(joined(there, names), by)}

    def _nothing(self, day: date, by: str) -> Ruling | None:
        return Ruling({}, by) if self.calendar.day(day) is not None else None


def listed(days: Holidays, today: date, year: int | None, language: str) -> tuple[list[Row], list[Row]]:
    """The holidays of a year (None: of the twelve months from `today` on), and those that were taken back."""
    first = date(year, 1, 1) if year is not None else today
    last = date(year, 12, 31) if year is not None else today + timedelta(days=365)
    return days.rows(first, last, language), days.taken_back(first, last, language)


def _by_calendar(found: CalendarDay) -> Holiday:
    return Holiday(name_in(found.names, "en"), estimated=not found.certain)


def _one_line(text: str) -> str:
    return "".join(each for each in text if each.isprintable()).strip()[:_LONGEST_NAME]


# In Asterisk's own database: a value of the family hatif-holiday, whose key is the day


def encode(ruling: Ruling) -> str:
    """At most 800 bytes: of a calendar with many languages, English and the first ones are kept."""
    names = {language: name[:_LONGEST_NAMES] for language, name in ruling.names.items()}
    while True:
        value = json.dumps(
            {"names": names, "by": ruling.by, "row": str(ruling.row) if ruling.row else None}, ensure_ascii=False
        )
        if len(value.encode()) <= _VALUE_BYTES or len(names) < 2:
            return value
        del names[next(each for each in reversed(names) if each != "en")]


def decode(value: str) -> Ruling:
    """Raises ValueError, TypeError, KeyError, AttributeError: it is none of ours."""
    data = json.loads(value)
    names = {str(language): str(name) for language, name in data["names"].items()}
    return Ruling(names, str(data["by"]), UUID(data["row"]) if data["row"] else None)
