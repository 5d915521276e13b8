"""What `hatif simulate` was given, understood or refused in a sentence: the team, the calls, the roster."""

import csv
import math
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from ivr.site import roster as rosters
from ivr.site.operators import OperatorEntry
from ivr.site.site import Site
from routing.simulation.team import spread_team
from routing.states import Operator

CALLS_AN_OPERATOR = 10
"""An hour, where nothing else is said: with 300 s a call five sixths of his time."""
EACH = 3
_ROSTER = ("operator", "from", "to")


class SimulationError(Exception):
    """A sentence that says why nothing was simulated, and what would be right."""


@dataclass(frozen=True, slots=True)
class Day:
    """The hours of a simulated day: the first one by the site's clock, and how many."""

    first: int
    hours: int


def day(site: Site, hours: int | None, of: date | None = None) -> Day:
    """The hours of the first weekday that the site is open on (or of that day's), from its first opening to its last
    closing."""
    week = site.hours.plan().week
    weekdays = sorted(week) if of is None else [of.weekday()]
    spans = next((week[weekday] for weekday in weekdays if week.get(weekday)), ())
    if not spans:
        return Day(0, hours or 24)
    opens, closes = min(begins for begins, _ in spans), max(ends for _, ends in spans)
    last = closes.hour + (closes.minute > 0 or closes.second > 0)  # `time.max` is midnight
    return Day(opens.hour, hours or max(1, last - opens.hour))


def people(
    listed: tuple[OperatorEntry, ...],
    languages: tuple[str, ...],
    mix: tuple[float, ...],
    count: int | None,
    each: int | None,
    level: int,
) -> tuple[Operator, ...]:
    """The site's operators; with `count` or `each` as many others, their languages spread by the mix."""
    if count is None and each is None:
        return tuple(Operator(one.id, one.languages, one.topics, present=True) for one in listed)
    try:
        return spread_team(languages, mix, count or len(listed), each or min(EACH, len(languages)), level)
    except ValueError as error:
        raise SimulationError(f"{error} (--operators, --languages-each).") from None


def mix(text: str | None, languages: tuple[str, ...], listed: Collection[OperatorEntry]) -> tuple[float, ...]:
    """The shares of the languages; where none are given, those of the operators' first languages."""
    if text is None:
        firsts = [next(iter(each.languages)) for each in listed]
        return tuple(firsts.count(each) / len(firsts) for each in languages)
    shares = dict.fromkeys(languages, 0.0)
    for part in text.replace(",", " ").split():
        language, _, share = part.partition("=")
        if language not in shares:
            raise SimulationError(f"--mix: {language!r} is no language of this site; it has {', '.join(languages)}.")
        shares[language] = _figure(share, f"--mix: the share of {language}")
    if not sum(shares.values()):
        raise SimulationError("--mix has no share over 0; write it as ar=34,fr=30,es=12.")
    return tuple(shares.values())


def calls_per_hour(text: str | None, operators: int, hours: int) -> tuple[float, ...]:
    """One figure for all hours, or one for each."""
    if text is None:
        return (float(CALLS_AN_OPERATOR * operators),) * hours
    figures = [_figure(each, "--calls-per-hour") for each in text.split(",")]
    if len(figures) not in (1, hours):
        raise SimulationError(
            f"--calls-per-hour has {len(figures)} figures for {hours} hours; write one, or one for each hour, "
            "such as 300,400,350, and --hours."
        )
    return tuple(figures * hours if len(figures) == 1 else figures)


def roster(file: Path, operators: Collection[str], first_hour: int) -> dict[str, tuple[tuple[float, float], ...]]:
    """Who is on duty when, from a CSV file with the columns operator,from,to (times of the site, such as 08:00).

    Seconds of the simulated day, which begins at `first_hour`. Who is not in the file is never there.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.reader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SimulationError(f"{file} cannot be read ({error}); it must be a UTF-8 CSV file.") from None
    if not rows or tuple(cell.strip() for cell in rows[0]) != _ROSTER:
        raise SimulationError(f"{file}:1: other columns are named; the first line must be {','.join(_ROSTER)}.")
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for number, row in enumerate(rows[1:], 2):
        if not any(cell.strip() for cell in row):
            continue
        where = f"{file}:{number}"
        if len(row) != len(_ROSTER):
            raise SimulationError(f"{where}: has {len(row)} cells; it must have {len(_ROSTER)}: {','.join(_ROSTER)}.")
        who, begins, ends = (cell.strip() for cell in row)
        if who not in operators:
            raise SimulationError(f"{where}: there is no operator {who!r} here; `hatif operators` lists the site's.")
        span = _seconds(begins, where) - first_hour * 3600, _seconds(ends, where) - first_hour * 3600
        if span[0] >= span[1]:
            raise SimulationError(f"{where}: {begins} is not before {ends}; a shift over midnight is two.")
        if any(span[0] < other_ends and other_begins < span[1] for other_begins, other_ends in found[who]):
            raise SimulationError(f"{where}: {who} is on duty already during {begins} to {ends}; join the two lines.")
        found[who].append((max(0.0, span[0]), max(0.0, span[1])))
    return spans_of(found, operators)


def date_of(text: str | None) -> date | None:
    """The day of --planned."""
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise SimulationError(f"--planned: {text!r} is no day; write it as 2027-01-15.") from None
    first, last = rosters.YEARS
    if not first <= day.year <= last:
        raise SimulationError(f"--planned: {text} is too far away; write a day from {first} to {last}.")
    return day


def planned(
    folder: Path, site: Site, operators: Collection[str], on: date, first_hour: int
) -> dict[str, tuple[tuple[float, float], ...]]:
    """Who is on duty when on a day, by the roster of the site in `folder`; seconds as in `roster`."""
    zone = ZoneInfo(site.hours.timezone)
    found = rosters.load(folder, operators, zone)
    if found is None:
        raise SimulationError(f"--planned: there is no {folder / rosters.FILE}; docs/roster.md says how to write one.")
    midnight = datetime.combine(on, time())
    spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for shift in found.shifts(on - timedelta(days=1), on):
        walls = (each.astimezone(zone).replace(tzinfo=None) for each in (shift.begins, shift.ends))
        begins, ends = ((each - midnight).total_seconds() - first_hour * 3600 for each in walls)
        if ends > 0 and begins < 24 * 3600:
            spans[shift.operator].append((max(0.0, begins), ends))
    return spans_of(spans, operators)


def spans_of(
    found: Mapping[str, list[tuple[float, float]]], operators: Collection[str]
) -> dict[str, tuple[tuple[float, float], ...]]:
    """Spans that touch are one: nobody goes home between them. Who has none is never there."""
    joined: dict[str, tuple[tuple[float, float], ...]] = {}
    for who in operators:
        spans: list[tuple[float, float]] = []
        for begins, ends in sorted(found.get(who, ())):
            if spans and begins <= spans[-1][1]:
                spans[-1] = (spans[-1][0], max(ends, spans[-1][1]))
            elif ends > begins:
                spans.append((begins, ends))
        joined[who] = tuple(spans)
    return joined


def _seconds(text: str, where: str) -> float:
    if text == "24:00":
        return 24 * 3600.0
    try:
        found = time.fromisoformat(text)
    except ValueError:
        raise SimulationError(f"{where}: {text!r} is no time; write it as 08:00.") from None
    return found.hour * 3600.0 + found.minute * 60 + found.second


def _figure(text: str, what: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 <= found < math.inf:
        raise SimulationError(f"{what}: {text!r} is no figure from 0 up.")
    return found
