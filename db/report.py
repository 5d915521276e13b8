"""What reports count: groups of calls, and operators' states.

Reading a row into Python costs more than the database's work on it. So the database groups the calls, and returns what
is different in each of a group as one text with all of them; the same for the states of an operator. The metrics are
defined elsewhere.

Each function takes an engine (`db.engine.async_engine`) and raises DatabaseError if the database is away. A period is
from `begins` up to, not including, `ends`, as aware datetimes. Durations are microseconds; instants in lists are
microseconds since 1970.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Null, Text, and_, case, cast, func, literal_column, null, or_, select, true
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.enums import GuideOutcome, OperatorState, Role
from db.instants import BETWEEN, elapsed, joined, micros, quarter_hours
from db.tables import Call, GuideRequest, Operator, OperatorStateRecord, Pairing

LOOK_BACK = timedelta(days=7)
"""How long before a period an operator's state is searched for; an operator without a change in it counts as away."""

ATTRIBUTES = ("language", "country", "topic", "operator", "number")
"""The attributes of calls by which they can be grouped, besides the time."""


@dataclass(frozen=True, slots=True)
class CallGroup:
    """What calls of a group have in common; None if they are not grouped by it, or have none.

    `quarter`: the quarter of an hour since 1970 in which they began to wait, or started if they never waited.
    """

    quarter: int | None = None
    language: str | None = None
    country: str | None = None
    topic: str | None = None
    operator: str | None = None  # the first one who answered
    number: str | None = None  # dialled


@dataclass(frozen=True, slots=True)
class WaitedCall:
    """A call that began to wait for an operator.

    `waited_us`: until an operator answered or the wait ended otherwise; None: still waiting. `talked_us`: with all
    operators of the call, hold included; None if nobody answered, while they talk, and if unknown.
    """

    id: str
    waited_us: int | None
    talked_us: int | None


@dataclass(frozen=True, slots=True)
class WaitedCalls:
    """Calls that waited, with the same group and outcome. `outcome`: a `db.enums.Outcome`; None while in progress.
    `last_end`: when the last of them ended."""

    group: CallGroup
    answered: bool
    outcome: str | None
    ids: Sequence[str]
    waited_us: Sequence[int | None]
    talked_us: Sequence[int | None]
    last_end: datetime | None = None

    @classmethod
    def of(
        cls, group: CallGroup, answered: bool, outcome: str | None, calls: Collection[WaitedCall], **named: Any
    ) -> "WaitedCalls":
        return cls(
            group, answered, outcome,
            [call.id for call in calls], [call.waited_us for call in calls], [call.talked_us for call in calls],
            **named,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class MenuCalls:
    """The number of calls that never waited for an operator, with the same group and outcome. `outgoing`: calls that we
    made."""

    group: CallGroup
    outcome: str | None
    outgoing: bool
    number: int


@dataclass(frozen=True, slots=True)
class SendRequests:
    """The number of callers' requests for a procedure of the guide in writing, by the time of the request and with the
    attributes of the call. `sent`: people have sent it."""

    group: CallGroup
    sent: bool
    number: int


@dataclass(frozen=True, slots=True)
class OperatorStates:
    """The states of an operator in their order: when each began, the call of `talking`, the reason for a pause."""

    operator: str
    at_us: Sequence[int]
    states: Sequence[str]
    calls: Sequence[str]  # '' for none
    reasons: Sequence[str]


@dataclass(frozen=True, slots=True)
class CallCounts:
    """`any`: whether the database has any call at all; `tests`: test calls that began to wait in the period."""

    any: bool
    tests: int


async def waited_calls(
    engine: AsyncEngine,
    begins: datetime,
    ends: datetime,
    by: Collection[str] = (),
    *,
    quarters: bool = False,
    tests: bool = False,
) -> list[WaitedCalls]:
    """Return the calls that began to wait in the period; test calls only with `tests`.

    They are grouped by the attributes in `by` and, with `quarters`, by quarters of an hour.
    """
    group = grouping(Call.queued, {}, by, quarters=quarters)
    until = func.coalesce(Call.connected, Call.dequeued, Call.ended)
    talked = case(
        (Pairing.began.is_not(None), elapsed(Pairing.began, Pairing.ended)),
        else_=elapsed(Call.connected, Call.ended),  # calls that the dialplan served have no pairing
    )
    answered = Call.connected.is_not(None).label("answered")
    query = (
        select(
            *group, answered, Call.outcome,
            joined(cast(Call.id, Text)), joined(elapsed(Call.queued, until)), joined(talked),
            func.max(Call.ended),
        )
        .outerjoin(Pairing, and_(Pairing.call_id == Call.id, Pairing.role == literal_column(f"'{Role.OPERATOR}'")))
        .where(Call.queued >= begins, Call.queued < ends, true() if tests else Call.live)
        .group_by(*columns_of_group(group), answered, Call.outcome)
    )  # fmt: skip
    async with reading(engine) as connection:
        found = (await connection.execute(query)).all()
    return [_waited(CallGroup(*row[:_WIDTH]), bool(row[_WIDTH]), *row[_WIDTH + 1 :]) for row in found]


async def menu_calls(
    engine: AsyncEngine,
    begins: datetime,
    ends: datetime,
    by: Collection[str] = (),
    *,
    quarters: bool = False,
    tests: bool = False,
) -> list[MenuCalls]:
    """Return the calls that started in the period and never waited, as in `waited_calls`."""
    group = grouping(Call.started, {}, by, quarters=quarters)
    query = (
        select(*group, Call.outcome, Call.outgoing, func.count())
        .where(Call.started >= begins, Call.started < ends, Call.queued.is_(None), true() if tests else Call.live)
        .group_by(*columns_of_group(group), Call.outcome, Call.outgoing)
    )
    async with reading(engine) as connection:
        return [MenuCalls(CallGroup(*row[:_WIDTH]), *row[_WIDTH:]) for row in await connection.execute(query)]


async def send_requests(
    engine: AsyncEngine,
    begins: datetime,
    ends: datetime,
    by: Collection[str] = (),
    *,
    quarters: bool = False,
    tests: bool = False,
) -> list[SendRequests]:
    """Return the requests for a procedure in writing of the period, as in `waited_calls`."""
    own = {"language": GuideRequest.language, "topic": GuideRequest.topic}
    group = grouping(GuideRequest.requested, own, by, quarters=quarters)
    sent = func.coalesce(GuideRequest.outcome == literal_column(f"'{GuideOutcome.SENT}'"), literal_column("false"))
    query = (
        select(*group, sent.label("sent"), func.count())
        .outerjoin(Call, Call.id == GuideRequest.call_id)
        .where(
            GuideRequest.requested >= begins,
            GuideRequest.requested < ends,
            true() if tests else or_(Call.live, Call.id.is_(None)),
        )
        .group_by(*columns_of_group(group), sent)
    )
    async with reading(engine) as connection:
        rows = (await connection.execute(query)).all()
    return [SendRequests(CallGroup(*row[:_WIDTH]), bool(row[_WIDTH]), row[_WIDTH + 1]) for row in rows]


async def states_before(engine: AsyncEngine, at: datetime) -> list[OperatorStates]:
    """Return the state that each operator had at an instant, if it began in the `LOOK_BACK` before it."""
    newest = (OperatorStateRecord.at.desc(), OperatorStateRecord.boot.desc(), OperatorStateRecord.seq.desc())
    return await _states(engine, lambda chosen: chosen.order_by(*newest).limit(1), at - LOOK_BACK, at)


async def operator_states(engine: AsyncEngine, begins: datetime, ends: datetime) -> list[OperatorStates]:
    """Return the operators' states that began in the period."""
    order = (OperatorStateRecord.at, OperatorStateRecord.boot, OperatorStateRecord.seq)
    return await _states(engine, lambda chosen: chosen.order_by(*order), begins, ends)


async def operator_names(engine: AsyncEngine) -> dict[str, str]:
    """Return the operators' names by id, including those who are no longer in the list."""
    async with reading(engine) as connection:
        return {row.id: row.name for row in await connection.execute(select(Operator.id, Operator.name))}


async def number_of_waits(engine: AsyncEngine, begins: datetime, ends: datetime) -> int:
    """Return how many calls began to wait in the period."""
    query = select(func.count()).select_from(Call).where(Call.queued >= begins, Call.queued < ends)
    async with reading(engine) as connection:
        return await connection.scalar(query) or 0


async def call_counts(engine: AsyncEngine, begins: datetime, ends: datetime) -> CallCounts:
    """Return counts that explain an empty report."""
    # Test calls that never waited do not count: the line calls itself each minute.
    tests = select(func.count()).where(Call.queued >= begins, Call.queued < ends, Call.live.is_(False))
    async with reading(engine) as connection:
        first = await connection.scalar(select(Call.id).limit(1))
        return CallCounts(first is not None, await connection.scalar(tests) or 0)


_ATTRIBUTES: dict[str, Any] = {
    "language": Call.language,
    "country": Call.country,
    "topic": Call.topic,
    "operator": Call.operator_id,
    "number": Call.number,
}
_WIDTH = 1 + len(ATTRIBUTES)


def grouping(at: Any, own: dict[str, Any], by: Collection[str], *, quarters: bool) -> list[Any]:
    """Return the columns of a `CallGroup`, for what happened at the instant `at`. `own`: attributes that are not those
    of the call."""
    attributes = _ATTRIBUTES | own
    return [
        quarter_hours(at) if quarters else null(),
        *(attributes[name] if name in by else null() for name in ATTRIBUTES),
    ]


def columns_of_group(columns: list[Any]) -> list[Any]:
    """Return the columns to group by: PostgreSQL refuses NULL."""
    return [column for column in columns if not isinstance(column, Null)]


def _waited(
    group: CallGroup, answered: bool, outcome: str | None, ids: str, waited: str, talked: str, last_end: datetime | None
) -> WaitedCalls:
    names = ids.split(BETWEEN)
    waits, talks = _numbers(waited), _numbers(talked)
    if len({*names}) < len(names):  # several conversations of one call
        return WaitedCalls.of(group, answered, outcome, [*_merged(names, waits, talks)], last_end=last_end)
    return WaitedCalls(group, answered, outcome, names, waits, talks, last_end)


def _merged(names: Sequence[str], waits: Sequence[int | None], talks: Sequence[int | None]) -> Iterator[WaitedCall]:
    found: dict[str, tuple[int | None, list[int | None]]] = {}
    for name, wait, talk in zip(names, waits, talks, strict=True):
        found.setdefault(name, (wait, []))[1].append(talk)
    for name, (wait, parts) in found.items():
        known = [part for part in parts if part is not None]
        yield WaitedCall(name, wait, sum(known) if len(known) == len(parts) else None)


def _numbers(text: str) -> list[int | None]:
    """Return the durations in a joined text; 0 for a negative one: the clock was set back in between."""
    numbers = [int(part) if part else None for part in text.split(BETWEEN)]
    if "-" in text:
        return [None if number is None else max(0, number) for number in numbers]
    return numbers


async def _states(engine: AsyncEngine, ordered: Any, begins: datetime, ends: datetime) -> list[OperatorStates]:
    """Return the states of a period. One text for each operator: the index has them in their order."""
    table = OperatorStateRecord
    first = select(func.min(table.operator_id).label("id")).cte("operators", recursive=True)
    following = select(func.min(table.operator_id)).where(table.operator_id > first.c.id).scalar_subquery()
    operators = first.union_all(select(following).where(first.c.id.is_not(None)))
    chosen = (
        select(table.at, table.state, table.call_id, table.reason)
        .where(table.operator_id == operators.c.id, table.at >= begins, table.at < ends)
        .correlate(operators)
    )
    part = ordered(chosen).subquery()
    call = case(
        (part.c.state == literal_column(f"'{OperatorState.TALKING}'"), func.coalesce(cast(part.c.call_id, Text), "")),
        else_="",
    )
    between = literal_column(f"'{BETWEEN}'", Text)
    text = cast(micros(part.c.at), Text) + between + part.c.state + between + call + between
    whole = select(func.aggregate_strings(text + func.coalesce(part.c.reason, ""), BETWEEN)).scalar_subquery()
    query = select(operators.c.id, whole).where(operators.c.id.is_not(None))
    async with reading(engine) as connection:
        found = (await connection.execute(query)).all()
    return [_split(operator, text) for operator, text in found if text is not None]


def _split(operator: str, text: str) -> OperatorStates:
    parts = text.split(BETWEEN)
    return OperatorStates(operator, [*map(int, parts[::4])], parts[1::4], parts[2::4], parts[3::4])
