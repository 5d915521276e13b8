"""Whether the roster covers the opening hours: findings of `hatif check`, and gaps for `hatif roster`."""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from ivr.model import clock
from ivr.site import roster
from ivr.site.findings import Finding, SiteError, count_and_name
from ivr.site.holidays import Holidays
from ivr.site.operators import OperatorEntry
from ivr.site.roster import Shift, Time, merge, subtract
from ivr.site.site import Site
from routing.hours import format_end, spans_of

DAYS = 14
"""Number of days checked from today on: a regular week, and exceptions that can still be planned for."""


def roster_findings(folder: Path, site: Site, people: Sequence[OperatorEntry]) -> Iterator[Finding]:
    """Yield E_ROSTER_… findings for mistakes in the file, and W_ROSTER_… findings for gaps.

    A gap is an opening time in the next days without an operator for a language, or without a supervisor. There are no
    findings for a site without a roster.
    """
    zone = ZoneInfo(site.hours.timezone)
    try:
        planned = roster.load(folder, {person.id for person in people}, zone)
    except SiteError as error:
        yield from error.findings
        return
    if planned is None:
        return
    file = str(folder / roster.FILE)
    first = clock.now().astimezone(zone).date()
    holidays = site.hours.closing_days()
    days = [first + timedelta(days=offset) for offset in range(DAYS)]
    shifts = planned.shifts(first - timedelta(days=1), days[-1])
    opened = {
        language: merge(span for day in days for span in open_times(site, holidays, day, language))
        for language in site.languages
    }
    for language in site.languages:
        able = speakers(site, people, language)
        bare = uncovered(opened[language], shifts, able)
        if bare and able:  # if there are no speakers at all, E_LANGUAGE_NOBODY reports that
            found = f"no operator who speaks {language} is planned {_when(bare, zone)}"
            remedy = f"plan one who does, such as {able[0]}"
            yield Finding("W_ROSTER_LANGUAGE", file, 1, found, remedy)
    supervisors = [person.id for person in people if person.supervisor]
    bare = uncovered(merge(span for spans in opened.values() for span in spans), shifts, supervisors)
    if bare:
        remedy = (
            f"plan one, such as {supervisors[0]}" if supervisors else "make an operator a supervisor in operators.csv"
        )
        yield Finding("W_ROSTER_SUPERVISOR", file, 1, f"no supervisor is planned {_when(bare, zone)}", remedy)


def speakers(site: Site, people: Sequence[OperatorEntry], language: str) -> list[str]:
    """Return the ids of operators who serve callers of a language, best first."""
    able = [person for person in people if person.languages.get(language, 0) >= site.operators.level]
    return [person.id for person in sorted(able, key=lambda person: -person.languages[language])]


def open_times(site: Site, holidays: Holidays, day: date, language: str) -> list[Time]:
    """Return the opening times of a language on a day, on any number."""
    lines = dict.fromkeys(entry.number if entry.number in site.hours.line else None for entry in site.number)
    return merge(
        (begins.astimezone(UTC), ends.astimezone(UTC))
        for line in lines
        for begins, ends in spans_of(site.hours.plan(line, language, holidays), day)
    )


def uncovered(opened: Sequence[Time], shifts: Sequence[Shift], able: Collection[str]) -> list[Time]:
    """Return the opening times during which none of the `able` operators is planned."""
    return subtract(opened, ((shift.begins, shift.ends) for shift in shifts if shift.operator in able))


def _when(times: Sequence[Time], zone: ZoneInfo) -> str:
    """Return the number of open hours in the checked days, and when they are."""
    hours = sum((ends - begins).total_seconds() for begins, ends in times) / 3600
    spans = [
        f"{begins.astimezone(zone):%A %Y-%m-%d %H:%M}-{format_end(ends.astimezone(zone))}"
        for begins, ends in merge(times)
    ]
    return f"in {hours:g} open hours of the next {DAYS} days ({count_and_name(spans).partition(' (')[2]}"
