"""The opening hours that `site.toml` has: as they are written, as a month of days, and as they are typed."""

import re
from calendar import Calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from desk.page.texts import N_, Problem
from desk.site.site_toml import Edit, edit_of, table_of
from routing.hours import WEEKDAYS, Holiday, Plan, Source, format_end, parse_spans, parse_week, spans_of

SITE = "site"
"""The plan of the site; others are `line:NUMBER` and `language:CODE`."""

_SPAN = re.compile(r"([01]?[0-9]|2[0-3])[:.h]([0-5][0-9])\s*[-–]\s*([01]?[0-9]|2[0-4])[:.h]([0-5][0-9])")
_LONGEST = 12
"""Spans of a day."""

_BAD_SPAN = N_("“%(word)s” is not a time span; write 08:00-20:00, several separated by commas, 24:00 for midnight.")
_BACKWARDS = N_("“%(word)s” ends before it begins.")
_OVERLAP = N_("“%(one)s” and “%(other)s” overlap.")
_MANY = N_("These are too many spans for one day.")


class SpanError(Exception):
    """Typed hours of a day that are not valid; a text of the catalogues, and its values."""

    def __init__(self, text: str, **values: object) -> None:
        super().__init__(text)
        self.problem: Problem = text, values


@dataclass(frozen=True, slots=True)
class Found:
    """A holiday of a day. `is_lifted`: it is a day like others all the same."""

    name: str
    estimated: bool = False
    source: Source = Source.CALENDAR
    is_lifted: bool = False


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the calendar. `own`: it has hours of its own in the file. `spans`: when it is open, by the clock."""

    day: date
    in_month: bool
    spans: tuple[str, ...]
    own: bool
    holidays: tuple[Found, ...] = field(default=())


def weeks_of(site: Mapping[str, Any], plan: str) -> Mapping[str, Sequence[str]] | None:
    """Return the weekly hours of a plan as they are written; None if it has none of its own."""
    hours = table_of(site, "hours")
    if plan == SITE:
        return table_of(hours, "week")
    kind, _, name = plan.partition(":")
    found = table_of(hours, kind).get(name)
    return found if isinstance(found, dict) else None


def place_of(plan: str) -> list[str]:
    """Return where a plan is in the file."""
    if plan == SITE:
        return ["hours", "week"]
    kind, _, name = plan.partition(":")
    return ["hours", kind, name]


def plans_of(site: Mapping[str, Any]) -> list[str]:
    """Return all plans that there could be: the site's, those of numbers, those of languages."""
    numbers = [f"line:{row.get('number')}" for row in site.get("number", ())]
    return [SITE, *numbers, *(f"language:{code}" for code in site.get("languages", ()))]


def own_days(site: Mapping[str, Any]) -> Mapping[str, Sequence[str]]:
    """Return the days with hours of their own."""
    return table_of(table_of(site, "hours"), "day")


def month(site: Mapping[str, Any], plan: str, first: date, holidays: Mapping[date, Sequence[Found]]) -> list[list[Day]]:
    """Return the weeks of a month, Monday first.

    Args:
        first: Any day of the month.

    Raises:
        ValueError: The file's hours are not right.
    """
    made = _plan(site, plan, holidays)
    own = {date.fromisoformat(day) for day in own_days(site)}
    return [
        [
            Day(
                day,
                day.month == first.month,
                tuple(_shown(begins.time(), ends.time()) for begins, ends in spans_of(made, day)),
                day in own,
                tuple(holidays.get(day, ())),
            )
            for day in week
        ]
        for week in Calendar().monthdatescalendar(first.year, first.month)
    ]


def typed_spans(text: str) -> list[str]:
    """Return the hours of a day as they are written in the file; none is closed. Raises SpanError."""
    found: list[str] = []
    for word in filter(None, (part.strip() for part in re.split(r"[,;،\n]|\s{2,}|(?<=\d)\s+(?=\d)", text))):
        match = _SPAN.fullmatch(word)
        if match is None:
            raise SpanError(_BAD_SPAN, word=word[:40])
        begins, ends = f"{int(match[1]):02}:{match[2]}", f"{int(match[3]):02}:{match[4]}"
        if ends > "24:00":
            raise SpanError(_BAD_SPAN, word=word[:40])
        if ends <= begins:
            raise SpanError(_BACKWARDS, word=word[:40])
        found.append(f"{begins}-{ends}")
    found.sort()
    for one, other in pairwise(found):
        if one[6:] > other[:5]:
            raise SpanError(_OVERLAP, one=one, other=other)
    if len(found) > _LONGEST:
        raise SpanError(_MANY)
    return found


def week_edits(site: Mapping[str, Any], plan: str, wanted: Mapping[str, Sequence[str]]) -> list[Edit]:
    """Return the edits that give a plan these hours by weekday; only days that differ are among them."""
    present = weeks_of(site, plan)
    place = place_of(plan)
    if present is None:
        return [edit_of(place, {day: list(spans) for day, spans in wanted.items() if spans})]
    edits = []
    for day in WEEKDAYS:
        spans = list(wanted.get(day, ()))
        if list(present.get(day, ())) != spans and (spans or day in present):
            edits.append(edit_of([*place, day], spans or None))
    return edits


def day_edits(site: Mapping[str, Any], day: date, spans: Sequence[str] | None) -> list[Edit]:
    """Return the edits that give a day hours of its own, or (None) take them away."""
    present = own_days(site)
    key = day.isoformat()
    if spans is None:
        if key not in present:
            return []
        return [edit_of(["hours", "day", key] if len(present) > 1 else ["hours", "day"], None)]
    return [edit_of(["hours", "day", key], list(spans))]


def _plan(site: Mapping[str, Any], plan: str, holidays: Mapping[date, Sequence[Found]]) -> Plan:
    hours = table_of(site, "hours")
    kind, _, _ = plan.partition(":")
    week = weeks_of(site, plan) if kind != "language" else None
    language_week = weeks_of(site, plan) if kind == "language" else None
    closing = {
        day: Holiday(one.name, one.estimated, Source.CALENDAR)
        for day, rows in holidays.items()
        for one in rows
        if not one.is_lifted
    }
    return Plan(
        ZoneInfo(str(hours.get("timezone", "UTC"))),
        parse_week(week if week is not None else table_of(hours, "week")),
        language_week=parse_week(language_week) if language_week is not None else None,
        holidays=closing,
        holiday_hours=parse_spans(hours.get("holiday_hours", ())),
        days={date.fromisoformat(day): parse_spans(spans) for day, spans in own_days(site).items()},
    )


def _shown(begins: time, ends: time) -> str:
    return f"{begins:%H:%M}–{format_end(ends)}"
