"""The calendar of a country's public holidays.

It is the library `holidays`, which needs some 25 ms per year. Each year is computed once: `Calendar.warm`, in a thread
after the start, keeps that out of calls and of a recovery.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

Names = Mapping[str, str]
"""The names of a day by language; the language "" is unknown. Empty if it is not a holiday."""


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """A holiday of the calendar; a day may have a certain holiday and, depending on the moon, another one."""

    certain: Names
    estimated: Names

    @property
    def names(self) -> Names:
        return merge_names(self.certain, self.estimated)


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
