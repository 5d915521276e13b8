"""What reports count besides calls: case files, call-backs that were kept, and answers of the survey.

As in `db.report`, a function takes an engine and raises DatabaseError if the database is away; a period is from
`begins` up to, not including, `ends`.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, exists, func, literal_column, or_, select, true
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import aliased

from db.engine import reading
from db.enums import CallbackKind, CallbackState, TryOutcome
from db.report import CallGroup, columns_of_group, grouping
from db.tables import Call, Callback, CallbackTry, CaseFile, SurveyAnswer

CASES_OPENED, CASES_CLOSED, CASES_OVERDUE = "cases_opened", "cases_closed", "cases_overdue"
WANTED, KEPT, TAKEN, FAILED = "callback_requests", "callbacks_kept", "callbacks_taken", "callbacks_failed"
ANSWERS, POINTS = "survey_answers", "survey_points"

OUTCOMES = (CASES_OPENED, CASES_CLOSED, CASES_OVERDUE, WANTED, KEPT, TAKEN, FAILED, ANSWERS, POINTS)
"""The names of what is counted."""


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    """How often something of `OUTCOMES` occurred in a group; `POINTS`: the sum of the survey's answers."""

    group: CallGroup
    what: str
    number: int


async def outcome_counts(
    engine: AsyncEngine,
    begins: datetime,
    ends: datetime,
    now: datetime,
    by: Collection[str] = (),
    *,
    quarters: bool = False,
    tests: bool = False,
) -> list[OutcomeCount]:
    """Return all counts of the period, each at its own instant, grouped as in `db.report.waited_calls`.

    Those of test calls only with `tests`. `now`: what is due later is not overdue.
    """
    counts = true() if tests else or_(Call.live, Call.id.is_(None))
    span = (begins, ends)
    late = or_(CaseFile.closed.is_(None), CaseFile.closed > CaseFile.due)
    found = await asyncio.gather(
        _count(engine, _cases(CaseFile.opened, CASES_OPENED, by, quarters=quarters), span, counts),
        _count(engine, _cases(CaseFile.closed, CASES_CLOSED, by, quarters=quarters), span, counts),
        _count(
            engine, _cases(CaseFile.due, CASES_OVERDUE, by, late, quarters=quarters), (begins, min(ends, now)), counts
        ),
        _count(engine, _callbacks(by, quarters=quarters), span, counts),
        _count(engine, _answers(by, quarters=quarters), span, counts),
    )
    return [count for some in found for count in some]


@dataclass(frozen=True, slots=True)
class _Question:
    """What is counted: `at` is its instant, `numbers` are aggregates by their names."""

    group: list[Any]
    at: Any
    numbers: dict[str, Any]
    table: Any
    where: Any


async def _count(
    engine: AsyncEngine, asked: _Question, span: tuple[datetime, datetime], counts: Any
) -> list[OutcomeCount]:
    query = (
        select(*asked.group, *asked.numbers.values())
        .select_from(asked.table)
        .outerjoin(Call, Call.id == asked.table.call_id)
        .where(asked.at >= span[0], asked.at < span[1], asked.where, counts)
        .group_by(*columns_of_group(asked.group))
    )
    async with reading(engine) as connection:
        rows = (await connection.execute(query)).all()
    width = len(asked.group)
    return [
        OutcomeCount(CallGroup(*row[:width]), what, int(number))
        for row in rows
        for what, number in zip(asked.numbers, row[width:], strict=True)
        if number
    ]


def _cases(at: Any, what: str, by: Collection[str], where: Any = None, *, quarters: bool) -> _Question:
    """Ask for cases. By operator, a case counts for its owner; without one, for who talked with its caller."""
    own = {
        "language": CaseFile.language,
        "country": CaseFile.country,
        "topic": CaseFile.topic,
        "operator": func.coalesce(CaseFile.owner, Call.operator_id),
    }
    return _Question(
        grouping(at, own, by, quarters=quarters), at, {what: func.count()}, CaseFile, true() if where is None else where
    )


def _callbacks(by: Collection[str], *, quarters: bool) -> _Question:
    """Ask for call-backs that callers wanted. They are kept if the caller was reached, by an operator of their own
    accord as well."""
    own = {
        "language": Callback.language,
        "country": Callback.country,
        "topic": Callback.topic,
        "operator": Callback.operator_id,
    }
    done = Callback.state == literal_column(f"'{CallbackState.DONE}'")
    failed = Callback.state == literal_column(f"'{CallbackState.FAILED}'")
    reached = _was_reached(Callback.id)
    later = aliased(Callback)  # an operator has taken the request: theirs has the same call
    taken = exists().where(
        later.kind == literal_column(f"'{CallbackKind.OPERATOR}'"), later.call_id == Callback.call_id,
        # Not by the index of numbers: one that asked often would be compared with itself each time.
        func.coalesce(later.number, "") == Callback.number, _was_reached(later.id),
    ).correlate(Callback)  # fmt: skip
    kept = and_(done, or_(reached, taken))
    numbers = {
        WANTED: func.count(),
        KEPT: _how_many(kept),
        TAKEN: _how_many(and_(done, ~or_(reached, taken))),
        FAILED: _how_many(failed),
    }
    at = Callback.wished
    wanted = Callback.kind.in_([literal_column(f"'{kind}'") for kind in (CallbackKind.WAITING, CallbackKind.CLOSED)])
    return _Question(grouping(at, own, by, quarters=quarters), at, numbers, Callback, wanted)


def _was_reached(request: Any) -> Any:
    reached = CallbackTry.outcome == literal_column(f"'{TryOutcome.REACHED}'")
    return exists().where(CallbackTry.callback_id == request, reached)


def _how_many(condition: Any) -> Any:
    return func.sum(case((condition, 1), else_=0))


def _answers(by: Collection[str], *, quarters: bool) -> _Question:
    own = {"language": SurveyAnswer.language, "operator": SurveyAnswer.operator_id}
    numbers = {ANSWERS: func.count(), POINTS: func.sum(SurveyAnswer.answer)}
    at = SurveyAnswer.at
    return _Question(grouping(at, own, by, quarters=quarters), at, numbers, SurveyAnswer, true())
