"""What is allowed in `[hours]` of `site.toml` and still wrong for callers: findings of `hatif check`."""

from collections.abc import Iterator
from datetime import time
from pathlib import Path

from ivr.findings import Finding
from ivr.site import Place, Site, line_in, named
from ivr.site_hours import WeekText
from ivr.spoken import TIME_IDS
from routing.hours import WEEKDAYS, Plan, both

Found = tuple[str, Place, str, str]
"""Code, place, what was found, what would be right."""


def hours_findings(site: Site, folder: Path) -> list[Finding]:
    """W_HOURS_WORDS: a time that no text says. E_HOURS_NEVER: somebody who is never served. `folder` of the site, for
    the lines."""
    path = folder / "site.toml"
    text = path.read_text(encoding="utf-8")
    return [
        Finding(code, str(path), line_in(text, place), f"{named(place)}: {found}", remedy)
        for code, place, found, remedy in (*_without_words(site), *_never_open(site))
    ]


def _without_words(site: Site) -> Iterator[Found]:
    hours = site.hours
    weeks: list[tuple[Place, WeekText]] = [(("hours", "week"), hours.week)]
    weeks += [(("hours", "line", number), week) for number, week in hours.line.items()]
    weeks += [(("hours", "language", language), week) for language, week in hours.language.items()]
    spans = [((*place, day), text) for place, week in weeks for day, texts in week.items() for text in texts]
    spans += [(("hours", "holiday_hours"), text) for text in hours.holiday_hours]
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
                found = f"these hours and those of {named(place)} never meet, so nobody is served in it there"
                yield "E_HOURS_NEVER", ("hours", "language", language), found, "let them overlap"


def _opens(plan: Plan) -> bool:
    whole = [(time.min, time.max)]
    others = plan.language_week
    return any(
        both(plan.week.get(day, ()), whole if others is None else others.get(day, ())) for day in range(len(WEEKDAYS))
    )
