"""Case files, call-backs that were kept and answers of the survey, as reports count them.

As in `db.report`, a function takes an engine and raises DatabaseError if the database is away; a period is from
`begins` up to, not including, `ends`.
"""

import asyncio
from collections.abc import Collection
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Select, and_, case, exists, func, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.columns import NONE, Kind, micros_of, read_columns
from db.engine import reading
from db.enums import CallbackKind, CallbackState, TryOutcome
from db.frames import Frame
from db.report import Counted, attributes_of, counts_of, of_call
from db.report_tables import CALL, CALLBACK, CALLBACK_TRY, CASE_FILE, SURVEY_ANSWER

CASES_OPENED, CASES_CLOSED, CASES_OVERDUE = "cases_opened", "cases_closed", "cases_overdue"
WANTED, KEPT, TAKEN, FAILED = "callback_requests", "callbacks_kept", "callbacks_taken", "callbacks_failed"
ANSWERS, POINTS = "survey_answers", "survey_points"

OUTCOMES = (CASES_OPENED, CASES_CLOSED, CASES_OVERDUE, WANTED, KEPT, TAKEN, FAILED, ANSWERS, POINTS)
"""The names of what is counted."""

_Span = tuple[datetime, datetime]
_Read = dict[str, tuple[Kind, Any]]


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
    found = await asyncio.gather(
        _cases(engine, span, now, by, tests), _callbacks(engine, span, by, tests), _answers(engine, span, by, tests)
    )
    return [counted for some in found for counted in some]


async def _read(engine: AsyncEngine, columns: _Read, table: Any, by: Collection[str], own: Any, among: Any) -> Frame:
    query: Select[Any] = (
        select(table.c.call_id).select_from(table).outerjoin(CALL, CALL.c.id == table.c.call_id).where(*among)
    )
    async with reading(engine) as connection:
        return Frame.of(await read_columns(connection, columns | of_call(by, own), query))


async def _cases(engine: AsyncEngine, span: _Span, now: datetime, by: Collection[str], tests: bool) -> list[Counted]:
    """Return cases. By operator, a case counts for its owner; without one, for who talked with its caller."""
    own = {
        "language": CASE_FILE.c.language,
        "country": CASE_FILE.c.country,
        "topic": CASE_FILE.c.topic,
        "operator": func.coalesce(CASE_FILE.c.owner, CALL.c.operator_id),
    }
    instants = {"opened": CASE_FILE.c.opened, "closed": CASE_FILE.c.closed, "due": CASE_FILE.c.due}
    within = or_(*(and_(at >= span[0], at < span[1]) for at in instants.values()))
    columns: _Read = {name: (Kind.INSTANT, at) for name, at in instants.items()}
    found = await _read(engine, columns, CASE_FILE, by, own, (within, counts_of(tests)))
    opened, closed, due = (found.numbers[name] for name in instants)
    attributes = attributes_of(found, by)
    late = (closed == NONE) | (closed > due)
    begins, ends, until = (micros_of(at) for at in (*span, min(span[1], now)))
    chosen = (
        (CASES_OPENED, opened, (opened >= begins) & (opened < ends)),
        (CASES_CLOSED, closed, (closed >= begins) & (closed < ends)),
        (CASES_OVERDUE, due, (due >= begins) & (due < until) & late),
    )
    return [
        Counted(
            what, at[which], np.ones_like(at[which]), {name: some.where(which) for name, some in attributes.items()}
        )
        for what, at, which in chosen
    ]


async def _callbacks(engine: AsyncEngine, span: _Span, by: Collection[str], tests: bool) -> list[Counted]:
    """Return call-backs that callers wanted. They are kept if the caller was reached, by an operator of their own
    accord as well."""
    own = {
        "language": CALLBACK.c.language,
        "country": CALLBACK.c.country,
        "topic": CALLBACK.c.topic,
        "operator": CALLBACK.c.operator_id,
    }
    done = CALLBACK.c.state == literal_column(f"'{CallbackState.DONE}'")
    failed = CALLBACK.c.state == literal_column(f"'{CallbackState.FAILED}'")
    reached = _was_reached(CALLBACK.c.id)
    later = CALLBACK.alias()  # an operator has taken the request: theirs has the same call
    taken = exists().where(
        later.c.kind == literal_column(f"'{CallbackKind.OPERATOR}'"), later.c.call_id == CALLBACK.c.call_id,
        # Not by the index of numbers: one that asked often would be compared with itself each time.
        func.coalesce(later.c.number, "") == CALLBACK.c.number, _was_reached(later.c.id),
    ).correlate(CALLBACK)  # fmt: skip
    ended = case(
        (failed, literal_column(f"'{FAILED}'")),
        (~done, literal_column("''")),
        (or_(reached, taken), literal_column(f"'{KEPT}'")),
        else_=literal_column(f"'{TAKEN}'"),
    )
    wanted = CALLBACK.c.kind.in_([literal_column(f"'{kind}'") for kind in (CallbackKind.WAITING, CallbackKind.CLOSED)])
    columns: _Read = {"at": (Kind.INSTANT, CALLBACK.c.wished), "ended": (Kind.TEXT, ended)}
    within = (CALLBACK.c.wished >= span[0], CALLBACK.c.wished < span[1])
    found = await _read(engine, columns, CALLBACK, by, own, (*within, wanted, counts_of(tests)))
    at, attributes = found.numbers["at"], attributes_of(found, by)
    how = found.texts["ended"]
    return [
        Counted(WANTED, at, np.ones_like(at), attributes),
        *(Counted(what, at, how.are([what]).astype(np.int64), attributes) for what in (KEPT, TAKEN, FAILED)),
    ]


def _was_reached(request: Any) -> Any:
    reached = CALLBACK_TRY.c.outcome == literal_column(f"'{TryOutcome.REACHED}'")
    return exists().where(CALLBACK_TRY.c.callback_id == request, reached)


async def _answers(engine: AsyncEngine, span: _Span, by: Collection[str], tests: bool) -> list[Counted]:
    own = {"language": SURVEY_ANSWER.c.language, "operator": SURVEY_ANSWER.c.operator_id}
    columns: _Read = {"at": (Kind.INSTANT, SURVEY_ANSWER.c.at), "answer": (Kind.NUMBER, SURVEY_ANSWER.c.answer)}
    within = (SURVEY_ANSWER.c.at >= span[0], SURVEY_ANSWER.c.at < span[1])
    found = await _read(engine, columns, SURVEY_ANSWER, by, own, (*within, counts_of(tests)))
    at, attributes = found.numbers["at"], attributes_of(found, by)
    return [
        Counted(ANSWERS, at, np.ones_like(at), attributes),
        Counted(POINTS, at, found.numbers["answer"], attributes),
    ]
