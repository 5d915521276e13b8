"""A caller's share of their limits: messages of a day, and call-back requests. Read while the caller waits."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.callback_requests import NOT_ASKED
from db.engine import reading
from db.enums import CallbackKind
from db.tables import Callback, Message

_BY_CALLERS = (CallbackKind.WAITING, CallbackKind.CLOSED)
"""Requests of these kinds are made by callers who want to talk to somebody."""


@dataclass(frozen=True, slots=True)
class RequestOfCaller:
    """A request for a number, by a caller whose number is `asked_by`; `not_asked`: whoever was called denied it."""

    id: UUID
    number: str
    asked_by: str | None
    not_asked: bool


@dataclass(frozen=True, slots=True)
class RequestsOfCaller:
    """`requests`: those that count; `written`: those of the ids that were asked for which are in the database."""

    requests: tuple[RequestOfCaller, ...]
    written: frozenset[UUID]


async def messages_since(engine: AsyncEngine, caller: str, since: datetime, most: int) -> list[UUID]:
    """Return the ids of the messages that `caller` has left since then, `most` at most."""
    async with reading(engine) as connection:
        wanted = select(Message.id).where(Message.caller == caller, Message.at >= since).limit(most)
        return list(await connection.scalars(wanted))


async def requests_of(
    engine: AsyncEngine, number: str, caller: str, denied_since: datetime, known: Collection[UUID]
) -> RequestsOfCaller:
    """Return the requests for `number` or made from `caller` that are open, or were denied since then by the person
    who was called.

    Args:
        caller: Empty if it is withheld.
        known: Ids of requests that may not be in the database yet.
    """
    concerned = Callback.number == number
    if caller:
        concerned = or_(concerned, Callback.asked_by == caller)
    counts = or_(
        and_(Callback.ended.is_(None), Callback.kind.in_(_BY_CALLERS)),
        and_(Callback.reason == NOT_ASKED, Callback.ended >= denied_since),
    )
    async with reading(engine) as connection:
        rows = await connection.execute(
            select(Callback.id, Callback.number, Callback.asked_by, Callback.ended).where(concerned, counts)
        )
        requests = tuple(RequestOfCaller(row.id, row.number, row.asked_by, row.ended is not None) for row in rows)
        written = frozenset(await connection.scalars(select(Callback.id).where(Callback.id.in_(known))))
    return RequestsOfCaller(requests, written)
