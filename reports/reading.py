"""Reading a report from the database."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from db import report as rows
from db import report_cases, report_days, shifts
from db.columns import micros_of
from db.recording_data import OperatorScores
from db.recordings import operator_scores
from db.report_days import MENU, OFFERS, STATES, TALKS, WAITED
from db.report_operators import fallback_work, work_of
from reports.by import By
from reports.groups import Groups
from reports.request import ReportRequest
from routing.figures import Limits

_LONGEST_WRAP_UP = timedelta(hours=1)
_MOST_DAYS = 14
"""Days that a report keeps before it counts: the first one of a morning has one, or those of a holiday."""


@dataclass(frozen=True, slots=True)
class CallCounts:
    """`any`: whether the database has any call at all; `tests`: test calls that waited and were left out."""

    any: bool
    tests: int


@dataclass(frozen=True, slots=True)
class ReportData:
    """The counts of a report. `hours`: the same calls by the hour of the day, if they were asked for.

    `names`: of operators, by id, in reports by operator. In those by operator alone also `planned`: the seconds for
    which each was planned until now, and the `scores` of their recorded conversations.
    """

    groups: Groups
    hours: Groups | None
    names: dict[str, str]
    planned: dict[str, float]
    counted: CallCounts
    scores: Mapping[str, OperatorScores]


async def read_report(engine: AsyncEngine, request: ReportRequest, *, hours: bool = False) -> ReportData:
    """Return the counts of a report. Raises DatabaseError if the database is away."""
    limits = Limits(request.within, request.short)
    groups = Groups(request.by, request.period, limits, request.now)
    by_hour = Groups((By.HOUR_OF_DAY,), request.period, limits, request.now) if hours else None
    counted = [groups] if by_hour is None else [groups, by_hour]
    begins, ends, by, tests = request.period.begins, request.period.ends, groups.attributes, request.tests
    needed = report_days.EVERY if request.by == (By.OPERATOR,) else (WAITED, MENU, STATES)
    read_until, last_end, left_out, alone = min(ends, request.now), ends, 0, request.by == (By.OPERATOR,)

    async def count_parts() -> None:
        nonlocal last_end, left_out
        await _keep_some(engine, begins, read_until)
        groups.add_states(rows.states_of(await rows.states_before(engine, begins)))
        async for part in report_days.read_parts(engine, begins, ends, needed, by):
            calls = rows.waited_of(part[WAITED], by, tests=tests)
            last_end = max(last_end, calls.last_end or last_end)
            left_out += calls.tests
            for some in counted:
                some.add_calls(calls)
            groups.add_menu_calls(rows.menu_of(part[MENU], by, tests=tests))
            groups.add_states(part[STATES].between(micros_of(begins), micros_of(read_until)))
            if alone:
                groups.credit(work_of(part[TALKS], part[OFFERS], tests=tests))
            await asyncio.sleep(0)  # the next part is being read meanwhile

    async def count_others() -> None:
        groups.add_counts(await rows.send_requests(engine, begins, ends, by, tests=tests))
        groups.add_counts(await report_cases.outcome_counts(engine, begins, ends, request.now, by, tests=tests))
        if alone:
            groups.credit(await fallback_work(engine, begins, ends, tests=tests))

    await asyncio.gather(count_parts(), count_others())
    # Callers who began to wait just before the end of the period talk after it.
    later = await rows.operator_states(engine, ends, min(last_end + _LONGEST_WRAP_UP, request.now))
    groups.add_states(rows.states_of(later))
    groups.finish()
    names, planned, scores = dict[str, str](), dict[str, float](), dict[str, OperatorScores]()
    if By.OPERATOR in request.by:
        names = await rows.operator_names(engine)
    if alone:
        planned = await shifts.planned_seconds(engine, begins, min(ends, request.now))
        groups.expect(planned)
        scores |= await operator_scores(engine, begins, ends)
    counts = CallCounts(await rows.has_calls(engine), left_out)
    return ReportData(groups, by_hour, names, planned, counts, scores)


async def _keep_some(engine: AsyncEngine, begins: datetime, until: datetime) -> None:
    """Keep the days of the report that are over, unless so many are missing that reading them as they are is faster."""
    over = min(until, datetime.now(UTC) - report_days.SETTLED)
    missing = await report_days.missing_days(engine, begins, over, _MOST_DAYS + 1)
    if len(missing) <= _MOST_DAYS:
        await report_days.keep_days(engine, missing)
