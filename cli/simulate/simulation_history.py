"""Past calls from the database, day by day, for `hatif simulate --from-history`."""

import asyncio
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cli.composition import Composition
from cli.simulate.simulation_input import SimulationError, join_spans
from cli.times import midnight, parse_day
from db import history
from db.engine import open_engine
from ivr.model import clock
from routing.simulation.demand import HOUR_S, Calls
from routing.simulation.past import PastCall, mean_patience, repeat_calls

_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class History:
    """Past calls and shifts.

    `days`: each with its calls, in seconds since `first_hour` by the site's clock; all days are `hours` long.
    `planned`: the shifts of a day, in the same seconds; on a day without any, everybody is on duty. `patience_s`: the
    callers' mean patience; `facts`: what the output says about the history; `team`: how the operators who had
    conversations then differ from the site's of today.
    """

    first_hour: int
    hours: int
    days: tuple[tuple[date, tuple[PastCall, ...]], ...]
    planned: dict[date, dict[str, list[tuple[float, float]]]]
    patience_s: float
    facts: dict[str, Any]
    team: dict[str, list[str]]

    def calls(self, at: int, languages: tuple[str, ...], talk_s: float, seed: int) -> Calls:
        """Return the calls of a day. `talk_s`: for callers who gave up, in a language without any conversation."""
        return repeat_calls(self.days[at][1], languages, self.hours * HOUR_S, self.patience_s, talk_s, seed, at)

    def shifts(self, at: int, operators: Collection[str]) -> dict[str, tuple[tuple[float, float], ...]]:
        """Return the planned shifts of a day by operator; empty if nobody was planned."""
        planned = self.planned.get(self.days[at][0])
        return join_spans(planned, operators) if planned else {}


def read(parts: Composition, begin: str | None, end: str | None) -> History:
    """Return the calls from the first to the last day, both included.

    `begin`, `end`: the options --from and --to. Raises TimeError, and SimulationError if there are no calls.
    """
    zone = ZoneInfo(parts.site.hours.timezone)
    last = parse_day(end, "--to") if end else clock.now().astimezone(zone).date() - timedelta(days=1)
    first = parse_day(begin, "--from") if begin else last - _WEEK + timedelta(days=1)
    if last < first:
        raise SimulationError(f"--to {last} is before --from {first}; write the earlier day with --from.")
    begins, ends = (midnight(item, zone) for item in (first, last + timedelta(days=1)))
    calls, shifts, then = asyncio.run(_read_rows(parts.database_url, begins, ends))
    known = set(parts.site.languages)
    by_day: dict[date, list[tuple[float, history.PastCall, str]]] = defaultdict(list)
    for call in calls:
        if call.language in known:
            local = call.queued.astimezone(zone)
            by_day[local.date()].append((_clock_seconds(local), call, call.language))
    if not by_day:
        raise SimulationError(
            f"The database has no calls that waited for an operator from {first} to {last}; name other days with "
            "--from and --to, or leave --from-history out."
        )
    seconds = [at for day in by_day.values() for at, _, _ in day]
    first_hour, after_last = int(min(seconds) // HOUR_S), int(max(seconds) // HOUR_S) + 1
    start = first_hour * HOUR_S
    days = tuple(
        (day, tuple(PastCall(at - start, language, call.wait_s, call.talk_s) for at, call, language in by_day[day]))
        for day in sorted(by_day)
    )
    planned: dict[date, dict[str, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
    for shift in shifts:
        comes, goes = shift.begins.astimezone(zone), shift.ends.astimezone(zone)
        for day, _ in days:
            start_of_day = midnight(day, zone)
            from_s = _clock_seconds(comes) if comes.date() == day else 0.0 if comes < start_of_day else 24 * HOUR_S
            until_s = _clock_seconds(goes) if goes.date() == day else 0.0 if goes < start_of_day else 24 * HOUR_S
            if from_s < until_s and until_s > start:
                planned[day][shift.operator_id].append((max(0.0, from_s - start), until_s - start))
    patience = mean_patience([call for _, calls_of_day in days for call in calls_of_day])
    facts: dict[str, Any] = {"from": first, "to": last, "left_out": len(calls) - len(seconds)}
    now = {operator.id for operator in parts.operators}
    team = {"operators_no_longer_listed": sorted(then - now), "operators_without_past_calls": sorted(now - then)}
    facts["patience_s"] = None if patience == float("inf") else round(patience, 1)
    return History(first_hour, after_last - first_hour, days, dict(planned), patience, facts, team)


async def _read_rows(
    url: str, begins: datetime, ends: datetime
) -> tuple[list[history.PastCall], list[history.PlannedShift], set[str]]:
    middle = begins + (ends - begins) / 2
    async with open_engine(url, long=True) as engine:
        # Several connections at the same time, for several cores.
        earlier, later, shifts, talking = await asyncio.gather(
            history.past_calls(engine, begins, middle),
            history.past_calls(engine, middle, ends),
            history.planned_shifts(engine, begins, ends),
            history.talking_operators(engine, begins, ends),
        )
    return earlier + later, shifts, talking


def _clock_seconds(local: datetime) -> float:
    """Return seconds since midnight as the site's clock shows them: hour 9 is hour 9 when clocks change as well."""
    return local.hour * HOUR_S + local.minute * 60 + local.second + local.microsecond / 1e6
