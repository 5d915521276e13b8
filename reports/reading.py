"""Reading a report from the database."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from db import report as rows
from db import report_cases, shifts
from db.recording_data import OperatorScores
from db.recordings import operator_scores
from db.report import OperatorStates, WaitedCalls
from db.report_operators import operators_work
from reports.by import By
from reports.groups import Groups
from reports.request import ReportRequest
from routing.figures import Limits

T = TypeVar("T")

_LONGEST_WRAP_UP = timedelta(hours=1)
_CALLS_AT_ONCE = 25_000
"""Calls of a part, about. Two parts are in memory at once; a busy site's year has millions of calls."""
_SHORTEST_PART = timedelta(days=1)


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
    last_end, left_out = ends, 0

    async def read_part(since: datetime, until: datetime) -> tuple[WaitedCalls, list[OperatorStates]]:
        return await asyncio.gather(  # on two connections, so that a second core can help
            rows.waited_calls(engine, since, until, by, tests=tests),
            rows.operator_states(engine, since, min(until, request.now)),
        )

    async def count_parts() -> None:
        nonlocal last_end, left_out
        for operator in await rows.states_before(engine, begins):
            groups.add_states(operator)
        parts = _parts(begins, ends, await rows.number_of_waits(engine, begins, ends))
        async for calls, states in _one_ahead(read_part(*part) for part in parts):
            last_end = max(last_end, calls.last_end or last_end)
            left_out += calls.tests
            for some in counted:
                some.add_calls(calls)
            for operator in states:
                groups.add_states(operator)
                await asyncio.sleep(0)  # the next part is being read meanwhile

    async def count_others() -> None:
        groups.add_menu_calls(await rows.menu_calls(engine, begins, ends, by, tests=tests))
        groups.add_send_requests(await rows.send_requests(engine, begins, ends, by, tests=tests))
        groups.add_outcomes(await report_cases.outcome_counts(engine, begins, ends, request.now, by, tests=tests))
        if request.by == (By.OPERATOR,):
            groups.credit(await operators_work(engine, begins, ends, tests=tests))

    await asyncio.gather(count_parts(), count_others())
    # Callers who began to wait just before the end of the period talk after it.
    for operator in await rows.operator_states(engine, ends, min(last_end + _LONGEST_WRAP_UP, request.now)):
        groups.add_states(operator)
    groups.finish()
    names, planned, scores = dict[str, str](), dict[str, float](), dict[str, OperatorScores]()
    if By.OPERATOR in request.by:
        names = await rows.operator_names(engine)
    if request.by == (By.OPERATOR,):
        planned = await shifts.planned_seconds(engine, begins, min(ends, request.now))
        groups.expect(planned)
        scores |= await operator_scores(engine, begins, ends)
    counts = CallCounts(await rows.has_calls(engine), left_out)
    return ReportData(groups, by_hour, names, planned, counts, scores)


async def _one_ahead(reads: Iterator[Coroutine[Any, Any, T]]) -> AsyncIterator[T]:
    """Yield what the reads return, in their order. The database works on the next one while the caller counts."""
    following = next(reads, None)
    ahead = asyncio.ensure_future(following) if following is not None else None
    try:
        while ahead is not None:
            found = await ahead
            following = next(reads, None)
            ahead = asyncio.ensure_future(following) if following is not None else None
            yield found
    finally:
        if ahead is not None:
            ahead.cancel()


def _parts(begins: datetime, ends: datetime, calls: int) -> Iterator[tuple[datetime, datetime]]:
    """Yield the parts of a period with this many calls, so that not too many are in memory at once."""
    part = max(_SHORTEST_PART, (ends - begins) / (calls // _CALLS_AT_ONCE + 1))
    while begins < ends:
        until = min(begins + part, ends)
        yield begins, until
        begins = until
