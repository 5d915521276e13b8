"""What reports are made of: the calls that waited, and what operators did, in order and never all at once.

Rows only; what the figures mean is defined elsewhere. Each function takes an engine (`db.engine.async_engine`) and
raises DatabaseError when the database is away. A period is from `begins` to before `ends`, aware instants.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Dialect, Executable, and_, func, select, true, type_coerce
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncResult

from db.engine import reading
from db.enums import OperatorState, Role
from db.tables import Call, Operator, OperatorStateRecord, Pairing
from db.types import UTCDateTime

_AT_ONCE = 2000
"""Rows in memory."""

LOOKED_BACK = timedelta(days=7)
"""How long before a period an operator's state is looked for; who has not changed it for longer counts as away."""


@dataclass(frozen=True, slots=True)
class WaitedCall:
    """A call that began to wait for an operator at `queued`.

    `waited_s`: until an operator, or until he waited no longer; None: he still waits. `outcome`: a `db.enums.Outcome`,
    None while the call goes on. `talked_s`: with all operators of the call, hold included; None where nobody answered,
    while they talk, and where it is not known.
    """

    queued: datetime
    waited_s: float | None
    answered: bool
    outcome: str | None
    language: str | None
    country: str | None
    topic: str | None
    operator: str | None  # the first who answered
    talked_s: float | None
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class TalkedCall:
    """As much of a `WaitedCall` as tells which it is counted with."""

    queued: datetime
    language: str | None
    country: str | None
    topic: str | None
    operator: str | None


@dataclass(frozen=True, slots=True)
class MenuCall:
    """A call that never waited for an operator. `outcome` as in `WaitedCall`; `outgoing`: it was ours."""

    started: datetime
    outcome: str | None
    outgoing: bool
    language: str | None
    country: str | None
    topic: str | None
    operator: str | None


@dataclass(frozen=True, slots=True)
class StateChange:
    """`operator` is in `state` from `at` on. `call`: the call that they talk in then, if the report counts it.
    `reason`: of a pause."""

    operator: str
    state: OperatorState
    at: datetime
    call: TalkedCall | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """`any`: whether the database has any call at all; `tests`: test calls that began to wait in the period."""

    any: bool
    tests: int


async def waited_calls(
    engine: AsyncEngine, begins: datetime, ends: datetime, *, tests: bool = False
) -> AsyncGenerator[WaitedCall, None]:
    """The calls that began to wait in the period, in this order; test calls only with `tests`."""
    query = (
        select(*_WAITED, instant(Pairing.began), instant(Pairing.ended).label("parted"))
        .outerjoin(Pairing, and_(Pairing.call_id == Call.id, Pairing.role == Role.OPERATOR))
        .where(Call.queued >= begins, Call.queued < ends, true() if tests else Call.live)
        .order_by(Call.queued, Call.id)
    )
    identity, call = None, None
    async with streamed(engine, query) as found:
        async for some in found.partitions():
            for row in some:
                # The dialplan's calls have no pairing.
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
    """Yield the calls that came in the period and never waited, in the order of time; test calls only with `tests`."""
    query = (
        select(
            instant(Call.started),
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
    async with streamed(engine, query) as found:
        async for some in found.partitions():
            for row in some:
                yield MenuCall(*tuple(row))


async def state_changes(
    engine: AsyncEngine, begins: datetime, ends: datetime, *, tests: bool = False
) -> AsyncGenerator[StateChange, None]:
    """The operators' changes in the period by time; before them those that hold at its beginning."""
    table = OperatorStateRecord
    newest = (
        select(table.operator_id, func.max(table.at).label("at"))
        .where(table.at >= begins - LOOKED_BACK, table.at < begins)
        .group_by(table.operator_id)
        .subquery()
    )
    changes = (
        select(table.operator_id, table.state, table.reason, instant(table.at), *_TALKED)
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
        async with streamed(engine, query) as found:
            async for some in found.partitions():
                for row in some:
                    operator, state, reason, at, queued, *keys = tuple(row)
                    call = TalkedCall(queued, *keys) if queued is not None else None
                    yield StateChange(operator, _STATES[state], at, call, reason)


async def operator_names(engine: AsyncEngine) -> dict[str, str]:
    """By id; also of those who are not in the list any more."""
    async with reading(engine) as connection:
        return {row.id: row.name for row in await connection.execute(select(Operator.id, Operator.name))}


async def counted(engine: AsyncEngine, begins: datetime, ends: datetime) -> Counted:
    """What explains a report that has nothing to tell."""
    # Not those that never waited: the line calls itself each minute.
    tests = select(func.count()).where(Call.queued >= begins, Call.queued < ends, Call.live.is_(False))
    async with reading(engine) as connection:
        first = await connection.scalar(select(Call.id).limit(1))
        return Counted(first is not None, await connection.scalar(tests) or 0)


class _Instant(UTCDateTime):
    """The same for reading many: on SQLite half as dear."""

    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        if dialect.name != "sqlite":
            return super().result_processor(dialect, coltype)
        read = datetime.fromisoformat
        return lambda value: None if value is None else read(f"{value}+00:00")


_INSTANT = _Instant()


def instant(column: Any) -> Any:
    return type_coerce(column, _INSTANT).label(column.key)


_WAITED = (
    Call.id,
    *map(instant, (Call.queued, Call.dequeued, Call.connected, Call.ended)),
    Call.outcome,
    Call.language,
    Call.country,
    Call.topic,
    Call.operator_id,
)
_TALKED = (instant(Call.queued), Call.language, Call.country, Call.topic, Call.operator_id)

_STATES = {state.value: state for state in OperatorState}


@asynccontextmanager
async def streamed(engine: AsyncEngine, query: Executable) -> AsyncIterator[AsyncResult[Any]]:
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
    """Between two instants, to the microsecond; none of a clock that was set back."""
    return None if begin is None or end is None else max(0.0, (end - begin).total_seconds())
