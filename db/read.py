"""Queries of the command line and the controller. They return frozen dataclasses, which `orjson.dumps` turns into the
documented JSON.

Each function takes an engine (`db.engine.async_engine`) and raises DatabaseError if the database is away. The database
lags behind the journal by the records that are not delivered yet (`db.delivery.lag`): 0.1 s at most, more after an
outage.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.engine import reading
from db.ids import id_range
from db.rows import NotFoundError, all_rows
from db.tables import Call as CallTable
from db.tables import (
    CallEvent,
    Decision,
    Offer,
    Pairing,
    Recording,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """A call, as `hatif calls --json` prints it."""

    id: UUID
    number: str | None
    caller: str | None
    country: str | None
    language: str | None
    path: list[str]
    outcome: str | None
    operator: str | None
    case: str | None
    wait_s: float | None  # until an operator answered or the wait ended otherwise; None: never waited, or still waiting
    started: datetime
    line_answered: datetime | None
    queued: datetime | None
    connected: datetime | None
    ended: datetime | None
    topic: str | None
    live: bool
    node: str
    outgoing: bool  # a call that we made: `caller` is the called number
    caller_raw: str | None  # as the carrier wrote it; `caller` is E.164


@dataclass(frozen=True, slots=True)
class Event:
    at: datetime
    kind: str
    flow_node: str | None
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class OfferRow:
    id: UUID
    node: str
    epoch: int
    call_id: UUID
    operator_id: str
    state: str
    reason: str | None
    offered: datetime
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class DecisionRow:
    at: datetime
    kind: str
    operator_id: str | None
    reason: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PairingRow:
    id: UUID
    node: str
    epoch: int
    call_id: UUID
    operator_id: str
    role: str
    began: datetime
    ended: datetime | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class RecordingRow:
    """A recorded conversation. `id`: of the offer; `file`: relative to HATIF_HOME."""

    id: UUID
    call_id: UUID
    file: str
    started: datetime
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class CallStory:
    """Everything that is known about a call. `went_to_others`: decisions for other calls whose operator this call would
    have got by arriving earlier."""

    call: Call
    events: list[Event]
    offers: list[OfferRow]
    decisions: list[DecisionRow]
    pairings: list[PairingRow]
    went_to_others: list[DecisionRow]


@dataclass(frozen=True, slots=True)
class OpenRows:
    """The rows of a node that have not ended; compared with Asterisk at every start and reconnect."""

    calls: list[Call]
    offers: list[OfferRow]
    pairings: list[PairingRow]
    recordings: list[RecordingRow]


_late: set[asyncio.Future[Any]] = set()


async def within(read: Awaitable[T], limit_s: float) -> T:
    """Return the result of `read`; after `limit_s` raise TimeoutError, without waiting for its end."""
    task = asyncio.ensure_future(read)
    try:
        await asyncio.wait({task}, timeout=limit_s)
        if not task.done():
            raise TimeoutError(f"no answer within {limit_s:g} s")
    finally:
        if not task.done():
            # Cancelled but not awaited: an SQLite query first ends in its thread, and the call must not wait for that.
            task.cancel()
            _late.add(task)
            task.add_done_callback(_forget)
    return task.result()


def _forget(task: asyncio.Future[Any]) -> None:
    _late.discard(task)
    if not task.cancelled():
        task.exception()


async def calls(
    engine: AsyncEngine,
    last: int | None = 20,
    where: Sequence[ColumnElement[bool]] = (),
    *,
    tests: bool = False,
) -> list[Call]:
    """Return the last calls, newest first; all of them if `last` is None.

    `where`: conditions (`db.call_filter`); `tests`: include test calls, which the line makes to itself.
    """
    chosen = select(CallTable).where(*where).order_by(CallTable.started.desc(), CallTable.id.desc()).limit(last)
    if not tests:
        chosen = chosen.where(CallTable.live)
    async with reading(engine) as connection:
        return [_call(row) for row in await connection.execute(chosen)]


async def call(engine: AsyncEngine, id: UUID | str) -> CallStory:  # noqa: A002
    """Return everything that is known about a call, by its id or the beginning of it. Raises NotFoundError unless
    exactly one call matches."""
    ids = ids_beginning(str(id), "hatif calls")
    async with reading(engine) as connection:
        found = (await connection.execute(select(CallTable).where(CallTable.id.between(*ids)).limit(2))).all()
        if len(found) != 1:
            problem = "no call has" if not found else "several calls have"
            remedy = "see `hatif calls`" if not found else "use more of its digits"
            raise NotFoundError(f"{problem} an id that begins with {str(id)!r}: {remedy}")
        this = _call(found[0])
        return CallStory(
            this,
            await all_rows(connection, Event, CallEvent, CallEvent.call_id == this.id, CallEvent.boot, CallEvent.seq),
            await all_rows(connection, OfferRow, Offer, Offer.call_id == this.id, Offer.offered, Offer.id),
            await all_rows(connection, DecisionRow, Decision, Decision.call_id == this.id, Decision.boot, Decision.seq),
            await all_rows(connection, PairingRow, Pairing, Pairing.call_id == this.id, Pairing.began, Pairing.id),
            await _went_to_others(connection, this),
        )


async def _went_to_others(connection: AsyncConnection, this: Call) -> list[DecisionRow]:
    if this.queued is None:
        return []
    runner_up = Decision.data["other_caller"]["call"].as_string() == str(this.id)
    during = [Decision.at >= this.queued]
    if this.wait_s is not None:
        during.append(Decision.at <= this.queued + timedelta(seconds=this.wait_s))
    return await all_rows(connection, DecisionRow, Decision, and_(*during, runner_up), Decision.boot, Decision.seq)


async def open_rows(engine: AsyncEngine, node: str) -> OpenRows:
    async with reading(engine) as connection:
        found = await connection.execute(
            select(CallTable).where(CallTable.node == node, CallTable.ended.is_(None)).order_by(CallTable.id)
        )
        return OpenRows(
            [_call(row) for row in found],
            await all_rows(connection, OfferRow, Offer, and_(Offer.node == node, Offer.ended.is_(None)), Offer.id),
            await all_rows(
                connection, PairingRow, Pairing, and_(Pairing.node == node, Pairing.ended.is_(None)), Pairing.id
            ),
            await all_rows(
                connection,
                RecordingRow,
                Recording,
                and_(Recording.node == node, Recording.ended.is_(None)),
                Recording.id,
            ),
        )


def _call(row: Any) -> Call:
    until = row.connected or row.dequeued or row.ended
    # A clock that was set back in between must not make the wait negative.
    waited = max(0.0, round((until - row.queued).total_seconds(), 3)) if row.queued and until else None
    return Call(
        row.id, row.number, row.caller, row.country, row.language, row.path, row.outcome, row.operator_id,
        row.case_reference, waited, row.started, row.line_answered, row.queued, row.connected, row.ended,
        row.topic, row.live, row.node, row.outgoing, row.caller_raw,
    )  # fmt: skip


def ids_beginning(beginning: str, listing: str) -> tuple[UUID, UUID]:
    """Return the lowest and the highest id that begins with these digits.

    Raises NotFoundError if no id does; `listing` is the command that shows ids.
    """
    if (ids := id_range(beginning)) is None:
        raise NotFoundError(
            f"{beginning!r} is not the beginning of an id: ids have the digits 0 to 9 and a to f; see `{listing}`"
        )
    return ids
