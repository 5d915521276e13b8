"""The section `[hours]` of `site.toml`: weekly plans of the site, of numbers and of languages, and the holidays."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, PlainValidator, field_validator

from ivr.site import holiday_calendar
from ivr.site.holidays import LONGEST_NAMES, FileDay, Holidays
from routing.hours import WEEKDAYS, Holiday, Plan, parse_spans, parse_week

_TIME = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_SPAN = re.compile(f"{_TIME}-(?:{_TIME}|24:00)")
_COUNTRY = re.compile("[A-Z]{2}")
_LANGUAGE = re.compile("[a-z]{2,3}")


def _weekday(name: str) -> str:
    if name not in WEEKDAYS:
        raise ValueError(f"{name!r} is not a weekday; write one of {', '.join(WEEKDAYS)}")
    return name


def _span_text(text: str) -> str:
    if not _SPAN.fullmatch(text) or text[:5] >= text[6:]:
        raise ValueError(
            f"{text!r} is not a time span; write opening and closing time such as 08:00-20:00, at most until 24:00"
        )
    return text


def _zone_name(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a time zone; write one such as Africa/Casablanca") from None
    return name


ZoneName = Annotated[str, AfterValidator(_zone_name)]
SpanText = Annotated[str, AfterValidator(_span_text)]


def _day_text(text: str) -> str:
    try:
        date.fromisoformat(text if len(text) == 10 else "")
    except ValueError:
        raise ValueError(f"{text!r} is not a day; write it as 2026-12-24") from None
    return text


def _holiday_text(value: object) -> FileDay:
    match value:
        case bool():
            return value
        case str() if _is_name(value):
            return value
        case dict() if value and all(_LANGUAGE.fullmatch(str(code)) and _is_name(name) for code, name in value.items()):
            return {str(code): str(name) for code, name in value.items()}
    raise ValueError(
        f"{str(value)[:80]!r} says nothing about a holiday; write a name of 1 to {LONGEST_NAMES} characters, "
        '{fr = "…", ar = "…"}, true for the calendar\'s name, or false for an ordinary day'
    )


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= LONGEST_NAMES and value.isprintable()


DayText = Annotated[str, AfterValidator(_day_text)]
HolidayText = Annotated[FileDay, PlainValidator(_holiday_text)]
WeekText = dict[Annotated[str, AfterValidator(_weekday)], tuple[SpanText, ...]]


class Hours(BaseModel):
    """Opening hours. `line` (by number) and `language` (by code) have their own weeks. On holidays of the country
    `holidays` (ISO), only `holiday_hours` apply. `day`: the hours of single days, instead of the week and the holiday.
    `holiday`: days against the country's calendar.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    timezone: ZoneName
    week: WeekText
    line: dict[str, WeekText] = {}
    language: dict[str, WeekText] = {}
    holidays: str | None = None
    holiday_hours: tuple[SpanText, ...] = ()
    day: dict[DayText, tuple[SpanText, ...]] = {}
    holiday: dict[DayText, HolidayText] = {}

    @field_validator("holidays")
    @classmethod
    def _country(cls, code: str | None) -> str | None:
        if code is not None and not (_COUNTRY.fullmatch(code) and holiday_calendar.is_known(code)):
            raise ValueError(f"{code!r} is not a country with known holidays; write two capital letters such as MA")
        return code

    def closing_days(self) -> Holidays:
        """Return the holidays by the calendar and the site's files."""
        return Holidays(self.holidays, {date.fromisoformat(day): value for day, value in self.holiday.items()})

    def plan(
        self, line: str | None = None, language: str | None = None, days: Mapping[date, Holiday] | None = None
    ) -> Plan:
        """Return the plan of a number and a language, which need not have their own; `days`: the holidays."""
        line = line if line in self.line else None
        language = language if language in self.language else None
        return Plan(
            ZoneInfo(self.timezone),
            parse_week(self.line[line] if line is not None else self.week),
            line=line or "",
            language=language or "",
            language_week=parse_week(self.language[language]) if language is not None else None,
            holidays=days if days is not None else {},
            holiday_hours=parse_spans(self.holiday_hours),
            days={date.fromisoformat(day): parse_spans(texts) for day, texts in self.day.items()},
        )
