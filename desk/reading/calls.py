"""Which call somebody reads for, from the database. Functions raise DatabaseError if it is away."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.enums import Role
from db.tables import Call, Pairing

WRAPPED_UP = timedelta(hours=1)
"""A wrap-up lasts no longer, whatever the site allows."""


@dataclass(frozen=True, slots=True)
class CallFacts:
    """A call, as far as the file of its caller is concerned."""

    id: str
    caller: str | None
    language: str | None
    country: str | None
    topic: str | None
    case: str | None


_FACTS = (Call.id, Call.caller, Call.language, Call.country, Call.topic, Call.case_reference)


async def call_facts(engine: AsyncEngine, call: str) -> CallFacts | None:
    """Return a call, also one that is over."""
    async with reading(engine) as connection:
        query = select(*_FACTS).where(Call.id == UUID(call))
        row = (await connection.execute(query)).one_or_none()
        return _facts(row) if row is not None else None


async def latest_call(engine: AsyncEngine, operator: str, since: datetime) -> CallFacts | None:
    """Return the last call that an operator had as its caller's own operator, if it ended after `since`."""
    query = (
        select(*_FACTS)
        .join(Pairing, Pairing.call_id == Call.id)
        .where(Pairing.operator_id == operator, Pairing.role == Role.OPERATOR.value)
        .where(or_(Pairing.ended.is_(None), Pairing.ended >= since))
        .order_by(Pairing.began.desc())
        .limit(1)
    )
    async with reading(engine) as connection:
        row = (await connection.execute(query)).one_or_none()
        return _facts(row) if row is not None else None


def _facts(row: Any) -> CallFacts:
    identity, *others = row
    return CallFacts(str(identity), *others)
