"""Case files, call-backs that were kept and answers of the survey, as reports count them.

As in `db.report`, a function takes an engine and raises DatabaseError if the database is away; a period is from
`begins` up to, not including, `ends`.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, literal_column, or_
from sqlalchemy.ext.asyncio import AsyncEngine

from db.enums import CallbackKind, CallbackState, TryOutcome
from db.report import Counted, count
from db.report_tables import CALL, CALLBACK, CALLBACK_TRY, CASE_FILE, SURVEY_ANSWER

CASES_OPENED, CASES_CLOSED, CASES_OVERDUE = "cases_opened", "cases_closed", "cases_overdue"
WANTED, KEPT, TAKEN, FAILED = "callback_requests", "callbacks_kept", "callbacks_taken", "callbacks_failed"
ANSWERS, POINTS = "survey_answers", "survey_points"

OUTCOMES = (CASES_OPENED, CASES_CLOSED, CASES_OVERDUE, WANTED, KEPT, TAKEN, FAILED, ANSWERS, POINTS)
"""The names of what is counted."""

_Span = tuple[datetime, datetime]


async def outcome_counts(
    engine: AsyncEngine,
    begins: datetime,
    ends: datetime,
    now: datetime,
    by: Collection[str] = (),
    *,
    tests: bool = False,
) -> list[Counted]:
    """Return what is counted in the period, each at its own instant, with attributes as in `db.report.waited_calls`.

    What belongs to test calls only with `tests`. `now`: what is due later is not overdue.
    """
    span = (begins, ends)
    return [
        *await _cases(engine, span, now, by, tests),
        *await _callbacks(engine, span, by, tests),
        *await _answers(engine, span, by, tests),
    ]


async def _cases(engine: AsyncEngine, span: _Span, now: datetime, by: Collection[str], tests: bool) -> list[Counted]:
    """Return cases. By operator, a case counts for its owner; without one, for who talked with its caller."""
    case = CASE_FILE.c
    own = {
        "language": case.language,
        "country": case.country,
        "topic": case.topic,
        "operator": func.coalesce(case.owner, CALL.c.operator_id),
    }
    until_now = (span[0], min(span[1], now))
    late = or_(case.closed.is_(None), case.closed > case.due)
    return [
        *await count(engine, CASE_FILE, case.opened, span, {CASES_OPENED: func.count()}, by, own, tests=tests),
        *await count(engine, CASE_FILE, case.closed, span, {CASES_CLOSED: func.count()}, by, own, tests=tests),
        *await count(engine, CASE_FILE, case.due, until_now, {CASES_OVERDUE: func.count()}, by, own, late, tests=tests),
    ]


async def _callbacks(engine: AsyncEngine, span: _Span, by: Collection[str], tests: bool) -> list[Counted]:
    """Return call-backs that callers wanted. They are kept if the caller was reached, by an operator of their own
    accord as well."""
    request = CALLBACK.c
    own = {
        "language": request.language,
        "country": request.country,
        "topic": request.topic,
        "operator": request.operator_id,
    }
    done = request.state == literal_column(f"'{CallbackState.DONE}'")
    failed = request.state == literal_column(f"'{CallbackState.FAILED}'")
    later = CALLBACK.alias()  # an operator has taken the request: theirs has the same call
    taken = exists().where(
        later.c.kind == literal_column(f"'{CallbackKind.OPERATOR}'"), later.c.call_id == request.call_id,
        # Not by the index of numbers: one that asked often would be compared with itself each time.
        func.coalesce(later.c.number, "") == request.number, _was_reached(later.c.id),
    ).correlate(CALLBACK)  # fmt: skip
    reached = or_(_was_reached(request.id), taken)
    wanted = request.kind.in_([literal_column(f"'{kind}'") for kind in (CallbackKind.WAITING, CallbackKind.CLOSED)])
    numbers = {
        WANTED: func.count(),
        KEPT: func.count().filter(done, reached),
        TAKEN: func.count().filter(done, ~reached),
        FAILED: func.count().filter(failed),
    }
    return await count(engine, CALLBACK, request.wished, span, numbers, by, own, wanted, tests=tests)


def _was_reached(request: Any) -> Any:
    reached = CALLBACK_TRY.c.outcome == literal_column(f"'{TryOutcome.REACHED}'")
    return exists().where(CALLBACK_TRY.c.callback_id == request, reached)


async def _answers(engine: AsyncEngine, span: _Span, by: Collection[str], tests: bool) -> list[Counted]:
    answer = SURVEY_ANSWER.c
    numbers = {ANSWERS: func.count(), POINTS: func.sum(answer.answer)}
    own = {"language": answer.language, "operator": answer.operator_id}
    return await count(engine, SURVEY_ANSWER, answer.at, span, numbers, by, own, tests=tests)
