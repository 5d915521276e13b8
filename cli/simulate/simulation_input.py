"""Parse and check the options of `hatif simulate`: the team, the calls, the roster."""

import csv
import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

from cli.times import parse_day
from ivr.site import roster as rosters
from ivr.site.operators import OperatorEntry
from ivr.site.site import Site
from routing.simulation.team import spread_team
from routing.states import Operator
from wire.errors import UserError

CALLS_PER_OPERATOR = 10
"""Calls per operator and hour by default: at 300 s each, five sixths of their time."""
LANGUAGES_EACH = 3
"""Languages per operator by default."""
_ROSTER = ("operator", "from", "to")


class SimulationError(UserError):
    """A sentence that says why nothing was simulated, and what would be right."""


@dataclass(frozen=True, slots=True)
class Day:
    """The hours of a simulated day: the first one, in the site's time zone, and their number."""

    first: int
    hours: int


def day(site: Site, hours: int | None, of: date | None = None) -> Day:
    """Return the opening hours of a date, or of the first weekday with any, from first opening to last closing.

    `hours` replaces their number.
    """
    plan = site.hours.plan()
    if of is None:
        spans = next((plan.week[weekday] for weekday in sorted(plan.week) if plan.week[weekday]), ())
    else:
        spans = plan.days.get(of, plan.week.get(of.weekday(), ()))
    if not spans:
        return Day(0, hours or 24)
    opens, closes = min(begins for begins, _ in spans), max(ends for _, ends in spans)
    last = closes.hour + (closes.minute > 0 or closes.second > 0)  # `time.max` is midnight
    return Day(opens.hour, hours or max(1, last - opens.hour))


def team_members(
    listed: tuple[OperatorEntry, ...],
    languages: tuple[str, ...],
    mix: tuple[float, ...],
    count: int | None,
    languages_each: int | None,
    level: int,
) -> tuple[Operator, ...]:
    """Return the site's operators; with `count` or `languages_each`, others with languages spread by the mix."""
    if count is None and languages_each is None:
        return tuple(Operator(entry.id, entry.languages, entry.topics, present=True) for entry in listed)
    try:
        return spread_team(
            languages, mix, count or len(listed), languages_each or min(LANGUAGES_EACH, len(languages)), level
        )
    except ValueError as error:
        raise SimulationError(f"{error} (--operators, --languages-each).") from None


def taught(chosen: tuple[Operator, ...], lessons: Sequence[str], languages: Collection[str]) -> tuple[Operator, ...]:
    """Return the team after the lessons of --teach, such as 1002=es:3."""
    for lesson in lessons:
        identity, _, skills = lesson.partition("=")
        learnt = _skills(skills, "--teach", languages)
        if identity not in {operator.id for operator in chosen}:
            raise SimulationError(f"--teach {lesson}: there is no operator {identity!r}; write it as 1002=es:3.")
        chosen = tuple(
            replace(operator, languages={**operator.languages, **learnt}) if operator.id == identity else operator
            for operator in chosen
        )
    return chosen


def newcomers(more: Sequence[str], languages: Collection[str], chosen: Sequence[Operator]) -> tuple[Operator, ...]:
    """Return the operators of --more, such as fr:5,ar:3. They have ids that nobody else has."""
    taken = {operator.id for operator in chosen}
    found: list[Operator] = []
    for number, skills in enumerate(more, 1):
        identity = next(name for name in (f"new{number}{'x' * length}" for length in count()) if name not in taken)
        found.append(Operator(identity, _skills(skills, "--more", languages), present=True))
    return tuple(found)


def all_day(
    shifts: Mapping[str, tuple[tuple[float, float], ...]], added: Sequence[Operator]
) -> Mapping[str, tuple[tuple[float, float], ...]]:
    """Return the shifts without those of the operators of --more, who are on duty all day."""
    names = {operator.id for operator in added}
    return {operator: spans for operator, spans in shifts.items() if operator not in names}


def _skills(text: str, option: str, languages: Collection[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in text.replace(" ", ",").split(","):
        language, _, level = part.partition(":")
        if language not in languages:
            raise SimulationError(
                f"{option}: {language!r} is not a language of this site; it has {', '.join(languages)}."
            )
        if level not in ("1", "2", "3", "4", "5"):
            raise SimulationError(f"{option}: {part!r} has no level; write a language with a level from 1 to 5: fr:5.")
        found[language] = int(level)
    return found


def mix(text: str | None, languages: tuple[str, ...], listed: Collection[OperatorEntry]) -> tuple[float, ...]:
    """Return the share of each language; by default, that among the operators' first languages."""
    if text is None:
        firsts = [next(iter(operator.languages)) for operator in listed]
        return tuple(firsts.count(language) / len(firsts) for language in languages)
    shares = dict.fromkeys(languages, 0.0)
    for part in text.replace(",", " ").split():
        language, _, share = part.partition("=")
        if language not in shares:
            raise SimulationError(f"--mix: {language!r} is not a language of this site; it has {', '.join(languages)}.")
        shares[language] = _figure(share, f"--mix: the share of {language}")
    if not sum(shares.values()):
        raise SimulationError("--mix has no share above 0; write it as ar=34,fr=30,es=12.")
    return tuple(shares.values())


def calls_per_hour(text: str | None, operators: int, hours: int) -> tuple[float, ...]:
    """Return the calls of each hour, from one figure for all hours or one for each."""
    if text is None:
        return (float(CALLS_PER_OPERATOR * operators),) * hours
    figures = [_figure(part, "--calls-per-hour") for part in text.split(",")]
    if len(figures) not in (1, hours):
        raise SimulationError(
            f"--calls-per-hour has {len(figures)} figures for {hours} hours; write one, or one for each hour, "
            "such as 300,400,350, and --hours."
        )
    return tuple(figures * hours if len(figures) == 1 else figures)


def roster(file: Path, operators: Collection[str], first_hour: int) -> dict[str, tuple[tuple[float, float], ...]]:
    """Return when each operator is on duty, from a CSV file with the columns operator,from,to.

    The file has times of the site such as 08:00; the result has seconds since `first_hour`, when the simulated day
    begins. An operator who is not in the file is never on duty.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.reader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SimulationError(f"{file} cannot be read ({error}); it must be a UTF-8 CSV file.") from None
    if not rows or tuple(cell.strip() for cell in rows[0]) != _ROSTER:
        raise SimulationError(f"{file}:1: the columns are wrong; the first line must be {','.join(_ROSTER)}.")
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for number, row in enumerate(rows[1:], 2):
        if not any(cell.strip() for cell in row):
            continue
        where = f"{file}:{number}"
        if len(row) != len(_ROSTER):
            raise SimulationError(f"{where}: {len(row)} cells; there must be {len(_ROSTER)}: {','.join(_ROSTER)}.")
        operator, begins, ends = (cell.strip() for cell in row)
        if operator not in operators:
            raise SimulationError(f"{where}: there is no operator {operator!r}; `hatif operators` lists the site's.")
        span = _seconds(begins, where) - first_hour * 3600, _seconds(ends, where) - first_hour * 3600
        if span[0] >= span[1]:
            raise SimulationError(f"{where}: {begins} is not before {ends}; split a shift at midnight.")
        if any(span[0] < other_ends and other_begins < span[1] for other_begins, other_ends in found[operator]):
            raise SimulationError(f"{where}: {operator} is already on duty in {begins} to {ends}; join the two lines.")
        found[operator].append((max(0.0, span[0]), max(0.0, span[1])))
    return join_spans(found, operators)


def planned_day(text: str | None) -> date | None:
    """Return the day of --planned. Raises TimeError."""
    return None if text is None else parse_day(text, "--planned")


def planned(
    folder: Path, site: Site, operators: Collection[str], on: date, first_hour: int
) -> dict[str, tuple[tuple[float, float], ...]]:
    """Return when each operator is on duty on a day, by the roster of the site in `folder`; seconds as in `roster`."""
    zone = ZoneInfo(site.hours.timezone)
    roster = rosters.load(folder, operators, zone)
    if roster is None:
        raise SimulationError(f"--planned: {folder / rosters.FILE} does not exist; see docs/roster.md.")
    midnight = datetime.combine(on, time())
    spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for shift in roster.shifts(on - timedelta(days=1), on):
        walls = (instant.astimezone(zone).replace(tzinfo=None) for instant in (shift.begins, shift.ends))
        begins, ends = ((wall - midnight).total_seconds() - first_hour * 3600 for wall in walls)
        if ends > 0 and begins < 24 * 3600:
            spans[shift.operator].append((max(0.0, begins), ends))
    return join_spans(spans, operators)


def join_spans(
    found: Mapping[str, list[tuple[float, float]]], operators: Collection[str]
) -> dict[str, tuple[tuple[float, float], ...]]:
    """Return the spans of each operator, sorted, with those that touch joined: nobody goes home between them."""
    joined: dict[str, tuple[tuple[float, float], ...]] = {}
    for operator in operators:
        spans: list[tuple[float, float]] = []
        for begins, ends in sorted(found.get(operator, ())):
            if spans and begins <= spans[-1][1]:
                spans[-1] = (spans[-1][0], max(ends, spans[-1][1]))
            elif ends > begins:
                spans.append((begins, ends))
        joined[operator] = tuple(spans)
    return joined


def _seconds(text: str, where: str) -> float:
    if text == "24:00":
        return 24 * 3600.0
    try:
        at = time.fromisoformat(text)
    except ValueError:
        raise SimulationError(f"{where}: {text!r} is not a time; write it as 08:00.") from None
    return at.hour * 3600.0 + at.minute * 60 + at.second


def _figure(text: str, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise SimulationError(f"{what}: {text!r} is not a number; write one from 0 up.")
    return number
