"""Reading a report from the database."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from db import report as rows
from db import report_cases, shifts
from db.recording_data import OperatorScores
from db.recordings import operator_scores
from db.report_operators import operators_work
from reports.by import By
from reports.groups import Groups
from reports.request import ReportRequest
from routing.figures import Limits

_LONGEST_WRAP_UP = timedelta(hours=1)
_DAY = timedelta(days=1)
_AT_ONCE = 25_000
"""Calls of a part of the period, about: their rows are in memory together, and a busy site's year has millions."""


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
    read_until, last_end, left_out, alone = min(ends, request.now), ends, 0, request.by == (By.OPERATOR,)
    groups.add_states(await rows.states_before(engine, begins))
    for since, until in _parts(begins, ends, await rows.number_of_waits(engine, begins, ends)):
        calls = await rows.waited_calls(engine, since, until, by, tests=tests)
        last_end = max(last_end, calls.last_end or last_end)
        left_out += calls.tests
        for some in counted:
            some.add_calls(calls)
        groups.add_states(await rows.operator_states(engine, since, min(until, read_until)))
    groups.add_menu_calls(await rows.menu_calls(engine, begins, ends, by, tests=tests))
    groups.add_counts(await rows.send_requests(engine, begins, ends, by, tests=tests))
    groups.add_counts(await report_cases.outcome_counts(engine, begins, ends, request.now, by, tests=tests))
    if alone:
        groups.credit(await operators_work(engine, begins, ends, tests=tests))
    # Callers who began to wait just before the end of the period talk after it.
    groups.add_states(await rows.operator_states(engine, ends, min(last_end + _LONGEST_WRAP_UP, request.now)))
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


def _parts(begins: datetime, ends: datetime, calls: int) -> Iterator[tuple[datetime, datetime]]:
    """Divide a period in which so many calls began to wait."""
    length = max(_DAY, (ends - begins) / (calls // _AT_ONCE + 1))
    while begins < ends:
        until = min(begins + length, ends)
        yield begins, until
        begins = until
