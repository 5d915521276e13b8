"""The calls of the database, day by day, as `hatif simulate --from-history` runs them again."""

import asyncio
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from db import history
from db.engine import async_engine
from ivr.cli.composition import Composition
from ivr.cli.simulate.simulation_input import SimulationError, join_spans
from ivr.model import clock
from routing.simulation.demand import HOUR_S, Calls
from routing.simulation.past import PastCall, mean_patience, repeat_calls

_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class History:
    """`days`: each with its calls, their seconds counted from `first_hour` by the site's clock. All days are `hours`
    long. `planned`: the shifts of a day, in the same seconds; a day without any has everybody there."""

    first_hour: int
    hours: int
    days: tuple[tuple[date, tuple[PastCall, ...]], ...]
    planned: dict[date, dict[str, list[tuple[float, float]]]]
    patience_s: float
    told: dict[str, Any]

    def calls(self, at: int, languages: tuple[str, ...], talk_s: float, seed: int) -> Calls:
        """`talk_s`: of callers who gave up, in a language of which there is no conversation."""
        return repeat_calls(self.days[at][1], languages, self.hours * HOUR_S, self.patience_s, talk_s, seed, at)

    def shifts(self, at: int, operators: Collection[str]) -> dict[str, tuple[tuple[float, float], ...]]:
        planned = self.planned.get(self.days[at][0])
        return join_spans(planned, operators) if planned else {}


def read(parts: Composition, begin: str | None, end: str | None) -> History:
    """The calls from the first to the last day, both included. Raises SimulationError if there are none."""
    zone = ZoneInfo(parts.site.hours.timezone)
    last = _day(end, "--to") if end else clock.now().astimezone(zone).date() - timedelta(days=1)
    first = _day(begin, "--from") if begin else last - _WEEK + timedelta(days=1)
    if last < first:
        raise SimulationError(f"--to {last} is before --from {first}; exchange them.")
    begins, ends = (datetime.combine(each, time(), zone) for each in (first, last + timedelta(days=1)))
    calls, shifts = asyncio.run(_rows(parts.database_url, begins, ends))
    known = set(parts.site.languages)
    by_day: dict[date, list[tuple[float, history.PastCall, str]]] = defaultdict(list)
    for call in calls:
        if call.language in known:
            local = call.queued.astimezone(zone)
            by_day[local.date()].append((_on_the_clock(local), call, call.language))
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
            midnight = datetime.combine(day, time(), zone)
            from_s = _on_the_clock(comes) if comes.date() == day else 0.0 if comes < midnight else 24 * HOUR_S
            until_s = _on_the_clock(goes) if goes.date() == day else 0.0 if goes < midnight else 24 * HOUR_S
            if from_s < until_s and until_s > start:
                planned[day][shift.operator_id].append((max(0.0, from_s - start), until_s - start))
    patience = mean_patience([call for _, calls_of_day in days for call in calls_of_day])
    told = {"from": first, "to": last, "left_out": len(calls) - len(seconds)}
    told["patience_s"] = None if patience == float("inf") else round(patience, 1)
    return History(first_hour, after_last - first_hour, days, dict(planned), patience, told)


async def _rows(
    url: str, begins: datetime, ends: datetime
) -> tuple[list[history.PastCall], list[history.PlannedShift]]:
    engine = async_engine(url)
    try:
        return await history.past_calls(engine, begins, ends), await history.planned_shifts(engine, begins, ends)
    finally:
        await engine.dispose()


def _on_the_clock(local: datetime) -> float:
    """Seconds that the site's clock shows: on the day of its change as well, hour 9 is hour 9."""
    return local.hour * HOUR_S + local.minute * 60 + local.second + local.microsecond / 1e6


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SimulationError(f"{option}: {text!r} is no day; write it as 2026-11-16.") from None
