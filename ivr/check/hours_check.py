"""What is allowed in `[hours]` of `site.toml` and still wrong for callers: findings of `hatif check`."""

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
"""Code, place, what was found, what would be right."""


def hours_findings(site: Site, folder: Path) -> list[Finding]:
    """W_HOURS_WORDS: a time that no text says. E_HOURS_NEVER: somebody who is never served. `folder` of the site, for
    the lines."""
    path = folder / "site.toml"
    text = site_files.text(path)
    return [
        Finding(code, str(path), line_in(text, place), f"{format_place(place)}: {found}", remedy)
        for code, place, found, remedy in (
            *_without_words(site),
            *_never_open(site),
            *_overlapping(site),
            *_skipped(site, clock.now()),
        )
    ]


def _weeks(site: Site) -> list[tuple[Place, WeekText]]:
    """All weekly plans, each with its place."""
    hours = site.hours
    lines: list[tuple[Place, WeekText]] = [(("hours", "line", number), week) for number, week in hours.line.items()]
    languages = [(("hours", "language", language), week) for language, week in hours.language.items()]
    return [(("hours", "week"), hours.week), *lines, *languages]


def _overlapping(site: Site) -> Iterator[Found]:
    days = [((*place, day), texts) for place, week in _weeks(site) for day, texts in week.items()]
    for place, texts in (*days, (("hours", "holiday_hours"), site.hours.holiday_hours)):
        for one, other in pairwise(sorted(texts)):
            if one[6:] > other[:5]:
                remedy = "write them as one, or correct one of them"
                yield "W_HOURS_OVERLAP", place, f"{one} and {other} overlap", remedy


def _skipped(site: Site, now: datetime) -> Iterator[Found]:
    """Times that a change of the clocks in the next two years leaves out."""
    zone = ZoneInfo(site.hours.timezone)
    for day in (now.astimezone(zone).date() + timedelta(n) for n in range(2 * 366)):
        if datetime.combine(day, time.min, zone).utcoffset() == datetime.combine(day, time.max, zone).utcoffset():
            continue
        weekday = WEEKDAYS[day.weekday()]
        for place, week in _weeks(site):
            for text in week.get(weekday, ()):
                if skipped := [each for each in (text[:5], text[6:]) if _is_skipped(day, each, zone)]:
                    found = (
                        f"the clocks skip {skipped[0]} on {day.isoformat()}, which shifts {text} by an hour that day"
                    )
                    yield "W_HOURS_SKIPPED", (*place, weekday), found, "choose an hour that every day has"


def _is_skipped(day: date, clock_time: str, zone: ZoneInfo) -> bool:
    if clock_time == "24:00":
        return False
    local = datetime.combine(day, time.fromisoformat(clock_time), zone)
    return local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None)


def _without_words(site: Site) -> Iterator[Found]:
    spans = [((*place, day), text) for place, week in _weeks(site) for day, texts in week.items() for text in texts]
    spans += [(("hours", "holiday_hours"), text) for text in site.hours.holiday_hours]
    for place, text in spans:
        if f"at_{text[:2]}{text[3:5]}" not in TIME_IDS:
            found = f"no text says {text[:5]}, so callers of a closed line are told the day of its opening only"
            yield "W_HOURS_WORDS", place, found, "open at a full or half hour"


def _never_open(site: Site) -> Iterator[Found]:
    hours = site.hours
    lines = [number if number in hours.line else None for number in (each.number for each in site.number)]
    for line in dict.fromkeys(lines):
        place: Place = ("hours", "line", line) if line is not None else ("hours", "week")
        if not _opens(hours.plan(line)):
            yield "E_HOURS_NEVER", place, "it has no hours at all", 'write some, such as monday = ["08:00-20:00"]'
            continue
        for language in hours.language:
            if not _opens(hours.plan(line, language)):
                found = f"these hours and those of {format_place(place)} never meet, so nobody is served in it there"
                yield "E_HOURS_NEVER", ("hours", "language", language), found, "let them overlap"


def _opens(plan: Plan) -> bool:
    whole = [(time.min, time.max)]
    others = plan.language_week
    return any(
        both(plan.week.get(day, ()), whole if others is None else others.get(day, ())) for day in range(len(WEEKDAYS))
    )
