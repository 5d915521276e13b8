"""Calls and operators' states, as reports count them.

Each function takes an engine (`db.engine.async_engine`) and raises DatabaseError if the database is away. A period is
from `begins` up to, not including, `ends`, as aware datetimes. Durations are microseconds; instants in arrays are
microseconds since 1970. What a number in an array would be that does not exist, is `db.arrays.NONE`.

Waits are read one by one, because of their percentiles, and operators' states, because each lasts until the next one.
Everything else is counted by the database, by quarters of an hour and attributes.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BigInteger, Select, Text, and_, case, cast, func, literal_column, null, or_, select, true
from sqlalchemy.ext.asyncio import AsyncEngine

from db.arrays import NONE, Coded, Whole, columns_of, instant_of, whole
from db.engine import reading
from db.enums import GuideOutcome, OperatorState, Role
from db.instants import elapsed, micros
from db.report_tables import CALL, GUIDE_REQUEST, OPERATOR, OPERATOR_STATE, PAIRING

LOOK_BACK = timedelta(days=7)
"""How long before a period an operator's state is searched for; an operator without a change in it counts as away."""

ATTRIBUTES = ("language", "country", "topic", "operator", "number", "ending")
"""The attributes of calls by which they can be grouped, besides the time. The operator is the first one who answered,
the number the one that was dialled, the ending what the last one said in their wrap-up."""

STATES = tuple(OperatorState)
"""Operators' states, by their codes in `OperatorStates`."""

Attributes = Mapping[str, Coded]
"""Those that were asked for."""


@dataclass(frozen=True, slots=True)
class WaitedCalls:
    """Calls that began to wait for an operator, each at its instant `at_us`. `ids`: their marks (`marks_of`).

    `waited_us`: until an operator answered or the wait ended otherwise; NONE: still waiting. `talked_us`: with all
    operators of the call, hold included; NONE if nobody answered, while they talk, and if unknown. `outcomes`: a
    `db.enums.Outcome`; None while in progress. `last_end`: when the last of them ended. `tests`: the number of test
    calls that were left out.
    """

    ids: Whole
    at_us: Whole
    waited_us: Whole
    talked_us: Whole
    answered: NDArray[np.bool_]
    outcomes: Coded
    attributes: Attributes
    last_end: datetime | None = None
    tests: int = 0


@dataclass(frozen=True, slots=True)
class MenuCalls:
    """Calls that never waited for an operator, by the quarter of an hour in which they started; `numbers`: how many.
    `outgoing`: calls that we made."""

    at_us: Whole
    numbers: Whole
    outcomes: Coded
    outgoing: NDArray[np.bool_]
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Counted:
    """Other counts, each by its own quarter of an hour. `what`: the name of its figure; `numbers`: how many."""

    what: str
    at_us: Whole
    numbers: Whole
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class OperatorStates:
    """Operators' states, each operator's in their order: when each began, its place in `STATES`, the mark of the call
    of `talking` (0 for none), the reason for a pause."""

    operators: Coded
    at_us: Whole
    states: Whole
    calls: Whole
    reasons: Coded

    def __len__(self) -> int:
        return len(self.at_us)

    def where(self, chosen: Any) -> "OperatorStates":
        """Return the states of a mask, or in an order."""
        return OperatorStates(
            self.operators.where(chosen), self.at_us[chosen], self.states[chosen], self.calls[chosen],
            self.reasons.where(chosen),
        )  # fmt: skip

    def then(self, later: "OperatorStates") -> "OperatorStates":
        """Return these states, and later ones after them."""
        return OperatorStates(
            self.operators.then(later.operators), np.append(self.at_us, later.at_us),
            np.append(self.states, later.states), np.append(self.calls, later.calls), self.reasons.then(later.reasons),
        )  # fmt: skip


async def waited_calls(
    engine: AsyncEngine, begins: datetime, ends: datetime, by: Collection[str] = (), *, tests: bool = False
) -> WaitedCalls:
    """Return the calls that began to wait in the period, with the attributes in `by`; test calls only with `tests`."""
    as_operator = PAIRING.c.role == literal_column(f"'{Role.OPERATOR}'")
    length = elapsed(PAIRING.c.began, PAIRING.c.ended)
    number = func.count(PAIRING.c.id)
    talked = case(
        (number == literal_column("0"), elapsed(CALL.c.connected, CALL.c.ended)),  # the dialplan served it
        (func.count(PAIRING.c.ended) < number, null()),
        else_=cast(func.sum(not_negative(length)), BigInteger),
    )
    keys = of_call(by)
    until = func.coalesce(CALL.c.connected, CALL.c.dequeued, CALL.c.ended)
    query = (
        select(
            cast(CALL.c.id, Text), micros(CALL.c.queued), elapsed(CALL.c.queued, until), talked,
            CALL.c.connected.is_not(None), CALL.c.outcome, micros(CALL.c.ended), CALL.c.live, *keys.values(),
        )
        .select_from(CALL)
        .outerjoin(PAIRING, and_(PAIRING.c.call_id == CALL.c.id, as_operator))
        .where(CALL.c.queued >= begins, CALL.c.queued < ends)
        .group_by(CALL.c.id)
    )  # fmt: skip
    async with reading(engine) as connection:
        rows = (await connection.execute(query)).all()
    latest = max((row[6] for row in rows if row[6] is not None), default=None)
    chosen = rows if tests else [row for row in rows if row[7]]
    ids, at, waits, talks, answered, outcomes, _, _, *attributes = columns_of(chosen, 8 + len(keys))
    return WaitedCalls(
        marks_of(ids), whole(at), _length(waits), _length(talks), np.array(answered, np.bool_), Coded.of(outcomes),
        dict(zip(keys, map(Coded.of, attributes), strict=True)),
        None if latest is None else instant_of(latest), len(rows) - len(chosen),
    )  # fmt: skip


def _length(found: Sequence[int | None]) -> Whole:
    """Return durations; 0 for a negative one: the clock was set back in between."""
    lengths = whole(found)
    return np.where(lengths == NONE, NONE, np.maximum(lengths, 0))


def not_negative(length: Any) -> Any:
    """Return the same in a query; 0 for NULL as well."""
    zero = literal_column("0", BigInteger)
    return case((length > zero, length), else_=zero)


_NO_CALL = "0" * 32
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


def marks_of(ids: Sequence[str | None]) -> Whole:
    """Return 64 bits of each id, by which calls are compared; 0 for none. Of a billion calls two may have the same."""
    digits = "".join(text or _NO_CALL for text in ids).replace("-", "")
    halves = np.frombuffer(bytes.fromhex(digits), ">u8").astype(np.uint64).reshape(-1, 2)
    return (halves[:, 0] * _SPREAD ^ halves[:, 1]).view(np.int64)


async def menu_calls(
    engine: AsyncEngine, begins: datetime, ends: datetime, by: Collection[str] = (), *, tests: bool = False
) -> MenuCalls:
    """Return the calls that started in the period and never waited, as in `waited_calls`."""
    keys = of_call(by)
    query = select(func.count(), CALL.c.outcome, CALL.c.outgoing, *keys.values()).where(
        CALL.c.queued.is_(None), true() if tests else CALL.c.live
    )
    at, numbers, outcomes, outgoing, *attributes = await _by_quarter(
        engine, query, CALL.c.started, (begins, ends), [CALL.c.outcome, CALL.c.outgoing, *keys.values()]
    )
    coded = dict(zip(keys, map(Coded.of, attributes), strict=True))
    return MenuCalls(whole(at), whole(numbers), Coded.of(outcomes), np.array(outgoing, np.bool_), coded)


async def count(
    engine: AsyncEngine,
    table: Any,
    at: Any,
    span: tuple[datetime, datetime],
    numbers: Mapping[str, Any],
    by: Collection[str],
    own: Mapping[str, Any],
    *where: Any,
    tests: bool,
) -> list[Counted]:
    """Return counts of the rows of a table whose instant `at` is in the period.

    `numbers`: aggregates by their names. `own`: the attributes that are not those of the row's call. What belongs to
    test calls counts only with `tests`.
    """
    keys = of_call(by, own)
    query = (
        select(*numbers.values(), *keys.values())
        .select_from(table)
        .outerjoin(CALL, CALL.c.id == table.c.call_id)
        .where(*where, true() if tests else or_(CALL.c.live, CALL.c.id.is_(None)))
    )
    quarters, *columns = await _by_quarter(engine, query, at, span, [*keys.values()])
    coded = dict(zip(keys, map(Coded.of, columns[len(numbers) :]), strict=True))
    found = columns[: len(numbers)]
    return [Counted(what, whole(quarters), whole(some), coded) for what, some in zip(numbers, found, strict=True)]


_QUARTER_US = literal_column("900000000", BigInteger)
"""Since 2000 every time zone's offset is a multiple of a quarter of an hour, so each is in one day, hour or half hour
of any site."""


async def _by_quarter(
    engine: AsyncEngine, query: Select[Any], at: Any, span: tuple[datetime, datetime], keys: Sequence[Any]
) -> list[Sequence[Any]]:
    """Return the columns of a query that counts what happened at `at`, by the beginning of the quarter of an hour,
    which is the first column, and by `keys`."""
    quarter = micros(at) // _QUARTER_US * _QUARTER_US
    within = query.with_only_columns(quarter, *query.selected_columns).where(at >= span[0], at < span[1])
    async with reading(engine) as connection:
        rows = (await connection.execute(within.group_by(quarter, *keys))).all()
    return columns_of(rows, 1 + len(query.selected_columns))


async def send_requests(
    engine: AsyncEngine, begins: datetime, ends: datetime, by: Collection[str] = (), *, tests: bool = False
) -> list[Counted]:
    """Return callers' requests for a procedure of the guide in writing, by the time of the request, with the attributes
    of their calls; and those of them that people have sent."""
    request = GUIDE_REQUEST.c
    sent = request.outcome == literal_column(f"'{GuideOutcome.SENT}'")
    numbers = {TO_SEND: func.count(), SENT: func.count().filter(sent)}
    own = {"language": request.language, "topic": request.topic}
    return await count(engine, GUIDE_REQUEST, request.requested, (begins, ends), numbers, by, own, tests=tests)


TO_SEND, SENT = "guide_requests", "guide_requests_sent"


async def states_before(engine: AsyncEngine, at: datetime) -> OperatorStates:
    """Return the state that each operator had at an instant, if it began in the `LOOK_BACK` before it."""
    state = OPERATOR_STATE.c
    newest = (state.at.desc(), state.boot.desc(), state.seq.desc())
    place = func.row_number().over(partition_by=state.operator_id, order_by=newest)
    among = _states(at - LOOK_BACK, at).add_columns(place.label("place")).subquery()
    columns = [column for column in among.c if column.name != "place"]
    return await _read_states(engine, select(*columns).where(among.c.place == literal_column("1")))


async def operator_states(engine: AsyncEngine, begins: datetime, ends: datetime) -> OperatorStates:
    """Return the operators' states that began in the period."""
    state = OPERATOR_STATE.c
    return await _read_states(
        engine, _states(begins, ends).order_by(state.operator_id, state.at, state.boot, state.seq)
    )


def _states(begins: datetime, ends: datetime) -> Select[Any]:
    state = OPERATOR_STATE.c
    call = case((state.state == literal_column(f"'{OperatorState.TALKING}'"), cast(state.call_id, Text)))
    return select(state.operator_id, micros(state.at).label("at"), state.state, call.label("call"), state.reason).where(
        state.at >= begins, state.at < ends
    )


_PLACES = {state.value: place for place, state in enumerate(STATES)}


async def _read_states(engine: AsyncEngine, query: Select[Any]) -> OperatorStates:
    async with reading(engine) as connection:
        rows = (await connection.execute(query)).all()
    operators, at, names, calls, reasons = columns_of(rows, 5)
    states = np.fromiter(map(_PLACES.__getitem__, names), np.int64, len(names))
    return OperatorStates(Coded.of(operators), whole(at), states, marks_of(calls), Coded.of(reasons))


async def operator_names(engine: AsyncEngine) -> dict[str, str]:
    """Return the operators' names by id, including those who are no longer in the list."""
    async with reading(engine) as connection:
        return {row.id: row.name for row in await connection.execute(select(OPERATOR.c.id, OPERATOR.c.name))}


async def number_of_waits(engine: AsyncEngine, begins: datetime, ends: datetime) -> int:
    """Return how many calls began to wait in the period, test calls as well."""
    query = select(func.count()).select_from(CALL).where(CALL.c.queued >= begins, CALL.c.queued < ends)
    async with reading(engine) as connection:
        return await connection.scalar(query) or 0


async def has_calls(engine: AsyncEngine) -> bool:
    """Return whether the database has any call at all."""
    async with reading(engine) as connection:
        return await connection.scalar(select(CALL.c.id).limit(1)) is not None


_ATTRIBUTES: dict[str, Any] = {
    "language": CALL.c.language,
    "country": CALL.c.country,
    "topic": CALL.c.topic,
    "operator": CALL.c.operator_id,
    "number": CALL.c.number,
    "ending": CALL.c.ending,
}


def of_call(by: Collection[str], own: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the columns of the attributes in `by`. `own`: those that are not the call's."""
    attributes = _ATTRIBUTES | dict(own or {})
    return {name: attributes[name] for name in ATTRIBUTES if name in by}
