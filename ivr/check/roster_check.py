"""Whether the roster covers the open hours: findings of `hatif check`, and what `hatif roster` marks."""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from ivr.model import clock
from ivr.site import roster
from ivr.site.findings import Finding, SiteError, count_and_name
from ivr.site.holidays import Holidays
from ivr.site.operators import OperatorEntry
from ivr.site.roster import Shift, Time, merge, subtract
from ivr.site.site import Site
from routing.hours import spans_of

DAYS = 14
"""So many from today on are looked at: a week as it mostly is, and the exceptions that one can still plan for."""


def roster_findings(folder: Path, site: Site, people: Sequence[OperatorEntry]) -> Iterator[Finding]:
    """E_ROSTER_…: what is wrong in the file. W_ROSTER_…: open hours of the next days without an operator of a language,
    or without a supervisor; one sentence each. None for a site without a roster."""
    zone = ZoneInfo(site.hours.timezone)
    try:
        planned = roster.load(folder, {each.id for each in people}, zone)
    except SiteError as error:
        yield from error.findings
        return
    if planned is None:
        return
    file = str(folder / roster.FILE)
    first = clock.now().astimezone(zone).date()
    holidays = Holidays(site.hours.holidays)
    days = [first + timedelta(days=each) for each in range(DAYS)]
    shifts = planned.shifts(first - timedelta(days=1), days[-1])
    opened = {
        language: merge(span for day in days for span in open_times(site, holidays, day, language))
        for language in site.languages
    }
    for language in site.languages:
        able = speakers(site, people, language)
        bare = uncovered(opened[language], shifts, able)
        if bare and able:  # where nobody speaks it at all, E_LANGUAGE_NOBODY says so
            found = f"nobody who speaks {language} is planned {_when(bare, zone)}"
            remedy = f"plan one of those who speak it, such as {able[0]}"
            yield Finding("W_ROSTER_LANGUAGE", file, 1, found, remedy)
    supervisors = [each.id for each in people if each.supervisor]
    bare = uncovered(merge(span for spans in opened.values() for span in spans), shifts, supervisors)
    if bare:
        remedy = f"plan one, such as {supervisors[0]}" if supervisors else "make an operator one in operators.csv"
        yield Finding("W_ROSTER_SUPERVISOR", file, 1, f"no supervisor is planned {_when(bare, zone)}", remedy)


def speakers(site: Site, people: Sequence[OperatorEntry], language: str) -> list[str]:
    """Those who serve callers of a language, the best first."""
    able = [each for each in people if each.languages.get(language, 0) >= site.operators.level]
    return [each.id for each in sorted(able, key=lambda each: -each.languages[language])]


def open_times(site: Site, holidays: Holidays, day: date, language: str) -> list[Time]:
    """When a language is answered on that day, on any line."""
    lines = dict.fromkeys(each.number if each.number in site.hours.line else None for each in site.number)
    return merge(
        (begins.astimezone(UTC), ends.astimezone(UTC))
        for line in lines
        for begins, ends in spans_of(site.hours.plan(line, language, holidays), day)
    )


def uncovered(opened: Sequence[Time], shifts: Sequence[Shift], able: Collection[str]) -> list[Time]:
    """When it is open and none of those is planned who are `able`."""
    return subtract(opened, ((each.begins, each.ends) for each in shifts if each.operator in able))


def _when(times: Sequence[Time], zone: ZoneInfo) -> str:
    """In how many open hours of the days looked at, and when."""
    hours = sum((ends - begins).total_seconds() for begins, ends in times) / 3600
    spans = [f"{begins.astimezone(zone):%A %Y-%m-%d %H:%M}-{_wall(ends, zone)}" for begins, ends in merge(times)]
    return f"in {hours:g} open hours of the next {DAYS} days ({count_and_name(spans).partition(' (')[2]}"


def _wall(ends: datetime, zone: ZoneInfo) -> str:
    text = f"{ends.astimezone(zone):%H:%M}"
    return "24:00" if text == "00:00" else text
