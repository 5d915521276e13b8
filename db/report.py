"""The rows of reports: calls and operators' state changes, streamed in order.

Rows only; the metrics are defined elsewhere. Each function takes an engine (`db.engine.async_engine`) and raises
DatabaseError if the database is away. A period is from `begins` up to, not including, `ends`, as aware datetimes.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Dialect, Executable, and_, func, select, true, type_coerce
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncResult

from db.engine import reading
from db.enums import GuideOutcome, OperatorState, Role
from db.tables import Call, GuideRequest, Operator, OperatorStateRecord, Pairing
from db.types import UTCDateTime

_AT_ONCE = 2000
"""The number of rows that are fetched at once."""

LOOK_BACK = timedelta(days=7)
"""How long before a period an operator's state is searched for; an operator without a change in it counts as away."""


@dataclass(frozen=True, slots=True)
class WaitedCall:
    """A call that began to wait for an operator at `queued`.

    `waited_s`: until an operator answered or the wait ended otherwise; None: still waiting. `outcome`: a
    `db.enums.Outcome`; None while the call is in progress. `talked_s`: with all operators of the call, hold included;
    None if nobody answered, while they talk, and if unknown.
    """

    queued: datetime
    waited_s: float | None
    answered: bool
    outcome: str | None
    language: str | None
    country: str | None
    topic: str | None
    operator: str | None  # the first one who answered
    talked_s: float | None
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class TalkedCall:
    """The attributes of a `WaitedCall` that decide which group of a report it counts in."""

    queued: datetime
    language: str | None
    country: str | None
    topic: str | None
    operator: str | None


@dataclass(frozen=True, slots=True)
class MenuCall:
    """A call that never waited for an operator. `outcome`: as in `WaitedCall`; `outgoing`: a call that we made."""

    started: datetime
    outcome: str | None
    outgoing: bool
    language: str | None
    country: str | None
    topic: str | None
    operator: str | None


@dataclass(frozen=True, slots=True)
class SendRequest:
    """A caller's request for a procedure of the guide in writing. `sent`: people have sent it. The others are of the
    call."""

    requested: datetime
    sent: bool
    language: str | None
    country: str | None
    topic: str | None
    operator: str | None


@dataclass(frozen=True, slots=True)
class StateChange:
    """The beginning of an operator's state. `call`: the call of a `talking` state, if the report counts it. `reason`:
    of a pause."""

    operator: str
    state: OperatorState
    at: datetime
    call: TalkedCall | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class CallCounts:
    """`any`: whether the database has any call at all; `tests`: test calls that began to wait in the period."""

    any: bool
    tests: int


async def waited_calls(
    engine: AsyncEngine, begins: datetime, ends: datetime, *, tests: bool = False
) -> AsyncGenerator[WaitedCall, None]:
    """Yield the calls that began to wait in the period, by that instant; test calls only with `tests`."""
    query = (
        select(*_WAITED, as_instant(Pairing.began), as_instant(Pairing.ended).label("parted"))
        .outerjoin(Pairing, and_(Pairing.call_id == Call.id, Pairing.role == Role.OPERATOR))
        .where(Call.queued >= begins, Call.queued < ends, true() if tests else Call.live)
        .order_by(Call.queued, Call.id)
    )
    identity, call = None, None
    async with stream(engine, query) as found:
        async for some in found.partitions():
            for row in some:
                # Calls that the dialplan served have no pairing.
                talked = seconds(row.began or row.connected, row.parted if row.began is not None else row.ended)
                if call is None or row.id != identity:
                    if call is not None:
                        yield call
                    identity, call = row.id, _call(row, talked)
                else:  # another conversation of the same call
                    known = call.talked_s is not None and talked is not None
                    call = replace(call, talked_s=call.talked_s + talked if known else None)  # type: ignore[operator]
    if call is not None:
        yield call


async def menu_calls(
    engine: AsyncEngine, begins: datetime, ends: datetime, *, tests: bool = False
) -> AsyncGenerator[MenuCall, None]:
    """Yield the calls that started in the period and never waited, by their start; test calls only with `tests`."""
    query = (
        select(
            as_instant(Call.started),
            Call.outcome,
            Call.outgoing,
            Call.language,
            Call.country,
            Call.topic,
            Call.operator_id,
        )
        .where(Call.started >= begins, Call.started < ends, Call.queued.is_(None), true() if tests else Call.live)
        .order_by(Call.started, Call.id)
    )
    async with stream(engine, query) as found:
        async for some in found.partitions():
            for row in some:
                yield MenuCall(*tuple(row))


async def send_requests(
    engine: AsyncEngine, begins: datetime, ends: datetime, *, tests: bool = False
) -> AsyncGenerator[SendRequest, None]:
    """Yield the requests for a procedure in writing of the period, by their time; those of test calls with `tests`."""
    query = (
        select(
            as_instant(GuideRequest.requested),
            GuideRequest.outcome,
            GuideRequest.language,
            Call.country,
            GuideRequest.topic,
            Call.operator_id,
        )
        .outerjoin(Call, Call.id == GuideRequest.call_id)
        .where(
            GuideRequest.requested >= begins,
            GuideRequest.requested < ends,
            true() if tests else func.coalesce(Call.live, true()),
        )
        .order_by(GuideRequest.requested, GuideRequest.id)
    )
    async with stream(engine, query) as found:
        async for some in found.partitions():
            for row in some:
                requested, outcome, language, country, topic, operator = tuple(row)
                yield SendRequest(requested, outcome == GuideOutcome.SENT, language, country, topic, operator)


async def state_changes(
    engine: AsyncEngine, begins: datetime, ends: datetime, *, tests: bool = False
) -> AsyncGenerator[StateChange, None]:
    """Yield the operators' states at the beginning of the period, then their changes in it by time."""
    table = OperatorStateRecord
    newest = (
        select(table.operator_id, func.max(table.at).label("at"))
        .where(table.at >= begins - LOOK_BACK, table.at < begins)
        .group_by(table.operator_id)
        .subquery()
    )
    changes = (
        select(table.operator_id, table.state, table.reason, as_instant(table.at), *_TALKED)
        .select_from(table)
        .outerjoin(
            Call,
            and_(
                Call.id == table.call_id,
                table.state == OperatorState.TALKING,
                Call.queued.is_not(None),
                true() if tests else Call.live,
            ),
        )
        .order_by(table.at, table.boot, table.seq)
    )
    holding = changes.join(newest, and_(newest.c.operator_id == table.operator_id, newest.c.at == table.at))
    for query in (holding, changes.where(table.at >= begins, table.at < ends)):
        async with stream(engine, query) as found:
            async for some in found.partitions():
                for row in some:
                    operator, state, reason, at, queued, *keys = tuple(row)
                    call = TalkedCall(queued, *keys) if queued is not None else None
                    yield StateChange(operator, _STATES[state], at, call, reason)


async def operator_names(engine: AsyncEngine) -> dict[str, str]:
    """Return the operators' names by id, including those who are no longer in the list."""
    async with reading(engine) as connection:
        return {row.id: row.name for row in await connection.execute(select(Operator.id, Operator.name))}


async def call_counts(engine: AsyncEngine, begins: datetime, ends: datetime) -> CallCounts:
    """Return counts that explain an empty report."""
    # Test calls that never waited do not count: the line calls itself each minute.
    tests = select(func.count()).where(Call.queued >= begins, Call.queued < ends, Call.live.is_(False))
    async with reading(engine) as connection:
        first = await connection.scalar(select(Call.id).limit(1))
        return CallCounts(first is not None, await connection.scalar(tests) or 0)


class _Instant(UTCDateTime):
    """A `UTCDateTime` for reading many rows: half the cost on SQLite."""

    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        if dialect.name != "sqlite":
            return super().result_processor(dialect, coltype)
        read = datetime.fromisoformat
        return lambda value: None if value is None else read(f"{value}+00:00")


_INSTANT = _Instant()


def as_instant(column: Any) -> Any:
    """Return the column for reading many instants."""
    return type_coerce(column, _INSTANT).label(column.key)


_WAITED = (
    Call.id,
    *map(as_instant, (Call.queued, Call.dequeued, Call.connected, Call.ended)),
    Call.outcome,
    Call.language,
    Call.country,
    Call.topic,
    Call.operator_id,
)
_TALKED = (as_instant(Call.queued), Call.language, Call.country, Call.topic, Call.operator_id)

_STATES = {state.value: state for state in OperatorState}


@asynccontextmanager
async def stream(engine: AsyncEngine, query: Executable) -> AsyncIterator[AsyncResult[Any]]:
    async with (
        reading(engine) as connection,
        connection.stream(query, execution_options={"yield_per": _AT_ONCE}) as found,
    ):
        yield found


def _call(row: Any, talked_s: float | None) -> WaitedCall:
    return WaitedCall(
        row.queued,
        seconds(row.queued, row.connected or row.dequeued or row.ended),
        row.connected is not None,
        row.outcome,
        row.language,
        row.country,
        row.topic,
        row.operator_id,
        talked_s,
        row.ended,
    )


def seconds(begin: datetime | None, end: datetime | None) -> float | None:
    """Return the seconds between two instants, or None if one is missing; 0 if the clock was set back between them."""
    return None if begin is None or end is None else max(0.0, (end - begin).total_seconds())
