"""Findings of `hatif check` about `[hours]` of `site.toml`: valid values with bad consequences for callers."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from ivr.audio.spoken import TIME_IDS
from ivr.model import clock
from ivr.site.findings import Finding
from ivr.site.hours import WeekText
from ivr.site.site import Place, Site, format_place, line_in
from prompts import site_files
from routing.hours import WEEKDAYS, Plan, both

Found = tuple[str, Place, str, str]
"""Code, place, what was found, and the remedy."""


def hours_findings(site: Site, folder: Path) -> list[Finding]:
    """Return all findings about the hours; `folder` is the site's, for the lines.

    E_HOURS_NEVER: a number or language that is never served. W_HOURS_WORDS: a time without a text. W_HOURS_OVERLAP,
    W_HOURS_SKIPPED: spans that overlap, and times skipped by a change of the clocks. W_HOURS_HOLIDAY: a day of
    `[hours.holiday]` that refers to the calendar, which has none.
    """
    path = folder / "site.toml"
    text = site_files.text(path)
    return [
        Finding(code, str(path), line_in(text, place), f"{format_place(place)}: {found}", remedy)
        for code, place, found, remedy in (
            *_times_without_text(site),
            *_never_open(site),
            *_overlaps(site),
            *_skipped_times(site, clock.now()),
            *_unknown_holidays(site),
        )
    ]


def _weeks(site: Site) -> list[tuple[Place, WeekText]]:
    """Return all weekly plans with their places."""
    hours = site.hours
    lines: list[tuple[Place, WeekText]] = [(("hours", "line", number), week) for number, week in hours.line.items()]
    languages = [(("hours", "language", language), week) for language, week in hours.language.items()]
    return [(("hours", "week"), hours.week), *lines, *languages]


def _single_days(site: Site) -> list[tuple[Place, tuple[str, ...]]]:
    """Return the hours of single days with their places."""
    return [(("hours", "day", day), texts) for day, texts in site.hours.day.items()]


def _overlaps(site: Site) -> Iterator[Found]:
    days = [((*place, day), texts) for place, week in _weeks(site) for day, texts in week.items()]
    for place, texts in (*days, *_single_days(site), (("hours", "holiday_hours"), site.hours.holiday_hours)):
        for one, other in pairwise(sorted(texts)):
            if one[6:] > other[:5]:
                remedy = "merge them, or correct one of them"
                yield "W_HOURS_OVERLAP", place, f"{one} and {other} overlap", remedy


def _unknown_holidays(site: Site) -> Iterator[Found]:
    """Yield days that refer to the country's calendar, which has no holiday then."""
    calendar = site.hours.closing_days().calendar
    for day, value in site.hours.holiday.items():
        if isinstance(value, bool) and calendar.day(date.fromisoformat(day)) is None:
            found = "the country's calendar has no holiday on this day"
            yield "W_HOURS_HOLIDAY", ("hours", "holiday", day), found, "write its name" if value else "remove the line"


def _skipped_times(site: Site, now: datetime) -> Iterator[Found]:
    """Yield times that a change of the clocks skips within the next two years."""
    zone = ZoneInfo(site.hours.timezone)
    for day in (now.astimezone(zone).date() + timedelta(n) for n in range(2 * 366)):
        if datetime.combine(day, time.min, zone).utcoffset() == datetime.combine(day, time.max, zone).utcoffset():
            continue
        weekday = WEEKDAYS[day.weekday()]
        for place, week in _weeks(site):
            for text in week.get(weekday, ()):
                if skipped := [edge for edge in (text[:5], text[6:]) if _is_skipped(day, edge, zone)]:
                    found = (
                        f"the clocks skip {skipped[0]} on {day.isoformat()}, which shifts {text} by an hour on that day"
                    )
                    yield "W_HOURS_SKIPPED", (*place, weekday), found, "choose a time that exists on every day"


def _is_skipped(day: date, clock_time: str, zone: ZoneInfo) -> bool:
    if clock_time == "24:00":
        return False
    local = datetime.combine(day, time.fromisoformat(clock_time), zone)
    return local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None)


def _times_without_text(site: Site) -> Iterator[Found]:
    spans: list[tuple[Place, str]] = [
        ((*place, day), text) for place, week in _weeks(site) for day, texts in week.items() for text in texts
    ]
    spans += [(("hours", "holiday_hours"), text) for text in site.hours.holiday_hours]
    spans += [(place, text) for place, texts in _single_days(site) for text in texts]
    for place, text in spans:
        if f"at_{text[:2]}{text[3:5]}" not in TIME_IDS:
            found = (
                f"there is no text for {text[:5]}, so callers of a closed line hear only the day of the next opening"
            )
            yield "W_HOURS_WORDS", place, found, "open at a full or half hour"


def _never_open(site: Site) -> Iterator[Found]:
    hours = site.hours
    lines = [number if number in hours.line else None for number in (entry.number for entry in site.number)]
    for line in dict.fromkeys(lines):
        place: Place = ("hours", "line", line) if line is not None else ("hours", "week")
        if not _opens(hours.plan(line)):
            yield "E_HOURS_NEVER", place, "it is never open", 'write hours such as monday = ["08:00-20:00"]'
            continue
        for language in hours.language:
            if not _opens(hours.plan(line, language)):
                found = (
                    f"these hours and those of {format_place(place)} do not overlap, so its callers are never served"
                )
                yield "E_HOURS_NEVER", ("hours", "language", language), found, "make them overlap"


def _opens(plan: Plan) -> bool:
    whole = [(time.min, time.max)]
    others = plan.language_week
    return any(
        both(plan.week.get(day, ()), whole if others is None else others.get(day, ())) for day in range(len(WEEKDAYS))
    )
