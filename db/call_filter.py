"""Finding calls by their attributes."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from db import read
from db.enums import Role
from db.tables import Call, Pairing

NONE = "none"
"""A filter value that matches calls without a value, such as no topic, or no outcome yet."""


@dataclass(frozen=True, slots=True)
class CallFilter:
    """The attributes that calls must have; None: any.

    `begins` and `ends`: calls that started from `begins` up to, not including, `ends`. `operator`: any operator who
    talked with the caller. `numbers`: the caller's number, in E.164 or as the carrier wrote it, or the dialled number.
    `tests`: include test calls, which the line makes to itself.
    """

    begins: datetime | None = None
    ends: datetime | None = None
    language: str | None = None
    country: str | None = None
    topic: str | None = None
    operator: str | None = None
    outcome: str | None = None
    numbers: Collection[str] | None = None
    tests: bool = False


async def find_calls(engine: AsyncEngine, wanted: CallFilter, last: int | None) -> list[read.Call]:
    """Return the `last` matching calls, newest first; all of them if `last` is None."""
    where: list[Any] = []
    for column, value in (
        (Call.language, wanted.language),
        (Call.country, wanted.country),
        (Call.topic, wanted.topic),
        (Call.outcome, wanted.outcome),
    ):
        if value is not None:
            where.append(column.is_(None) if value == NONE else column == value)
    if wanted.begins is not None:
        where.append(Call.started >= wanted.begins)
    if wanted.ends is not None:
        where.append(Call.started < wanted.ends)
    if wanted.operator == NONE:
        where.append(Call.operator_id.is_(None))
    elif wanted.operator is not None:
        talked = select(Pairing.call_id).where(
            Pairing.operator_id == wanted.operator, Pairing.role == Role.OPERATOR.value
        )
        where.append(or_(Call.operator_id == wanted.operator, Call.id.in_(talked)))
    if wanted.numbers is not None:
        columns = (Call.caller, Call.caller_raw, Call.number)
        where.append(or_(*(column.in_(wanted.numbers) for column in columns)))
    return await read.calls(engine, last, where, tests=wanted.tests)
