"""Calls and operators' states, as reports count them.

Each function takes an engine (`db.engine.async_engine`) and raises DatabaseError if the database is away. A period is
from `begins` up to, not including, `ends`, as aware datetimes. Durations are microseconds; instants in arrays are
microseconds since 1970. What a number in an array would be that does not exist, is `db.columns.NONE`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Text, cast, func, literal_column, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.columns import NONE, Coded, Columns, Kind, Whole, instant_of, instant_text, read_columns, read_instants
from db.engine import reading
from db.enums import GuideOutcome, OperatorState, Role
from db.frames import AT, Frame
from db.instants import BETWEEN
from db.report_tables import CALL, GUIDE_REQUEST, OPERATOR, OPERATOR_STATE, PAIRING

LOOK_BACK = timedelta(days=7)
"""How long before a period an operator's state is searched for; an operator without a change in it counts as away."""

ATTRIBUTES = ("language", "country", "topic", "operator", "number")
"""The attributes of calls by which they can be grouped, besides the time. The operator is the first one who answered,
the number the one that was dialled."""

STATES = tuple(OperatorState)
"""Operators' states, by their codes in `OperatorStates`."""

Attributes = Mapping[str, Coded]
"""Those that were asked for."""

_CLOCK_SET_BACK = timedelta(hours=1)
_LONGEST_CALL = timedelta(days=1)


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
    """Calls that never waited for an operator, each at its start. `outgoing`: calls that we made."""

    at_us: Whole
    outcomes: Coded
    outgoing: NDArray[np.bool_]
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Counted:
    """Other counts, each at its own instant. `what`: the name of its figure; `numbers`: how much it counts."""

    what: str
    at_us: Whole
    numbers: Whole
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class OperatorStates:
    """The states of an operator in their order: when each began, its place in `STATES`, the mark of the call of
    `talking` (0 for none), the reason for a pause ('' for none)."""

    operator: str
    at_us: Whole
    states: Whole
    calls: Whole
    reasons: Sequence[str]


async def waited_calls(
    engine: AsyncEngine, begins: datetime, ends: datetime, by: Collection[str] = (), *, tests: bool = False
) -> WaitedCalls:
    """Return the calls that began to wait in the period, with the attributes in `by`; test calls only with `tests`."""
    async with reading(engine) as connection:
        return waited_of(await read_waited(connection, begins, ends, by), by, tests=tests)


async def read_waited(
    connection: AsyncConnection, begins: datetime, ends: datetime, by: Collection[str] = ATTRIBUTES
) -> Frame:
    """Return the same with all test calls, for `waited_of`."""
    columns = {
        "id": (Kind.TEXT, CALL.c.id),
        AT: (Kind.INSTANT, CALL.c.queued),
        "connected": (Kind.INSTANT, CALL.c.connected),
        "dequeued": (Kind.INSTANT, CALL.c.dequeued),
        "ended": (Kind.INSTANT, CALL.c.ended),
        "outcome": (Kind.TEXT, CALL.c.outcome),
        "live": (Kind.NUMBER, CALL.c.live),
        **of_call(by),
    }
    among = select(CALL.c.id).where(CALL.c.queued >= begins, CALL.c.queued < ends)
    conversations = {
        "call": (Kind.TEXT, PAIRING.c.call_id),
        "began": (Kind.INSTANT, PAIRING.c.began),
        "ended": (Kind.INSTANT, PAIRING.c.ended),
    }
    talks = select(PAIRING.c.id).where(
        PAIRING.c.began >= begins - _CLOCK_SET_BACK, PAIRING.c.role == literal_column(f"'{Role.OPERATOR}'")
    )
    found = await read_columns(connection, columns, among)
    ended = found.arrays["ended"]
    latest = int(np.max(ended, initial=NONE))
    last = begins if latest == NONE else instant_of(latest)
    if np.min(ended, initial=0) == NONE:  # some go on
        last = max(last, ends + _LONGEST_CALL)
    paired = await read_columns(connection, conversations, talks.where(PAIRING.c.began <= last))
    queued, connected, dequeued = (found.arrays[name] for name in (AT, "connected", "dequeued"))
    until = np.where(connected != NONE, connected, np.where(dequeued != NONE, dequeued, ended))
    numbers = {
        "id": marks_of(found.texts["id"]), AT: queued, "waited": _elapsed(queued, until),
        "talked": _talked(found, paired), "answered": connected != NONE, "ended": ended, "live": found.arrays["live"],
    }  # fmt: skip
    return Frame(numbers, {name: Coded.of(texts) for name, texts in found.texts.items() if name != "id"})


def waited_of(found: Frame, by: Collection[str], *, tests: bool) -> WaitedCalls:
    """Return the calls of a frame of `read_waited`."""
    latest = int(np.max(found.numbers["ended"], initial=NONE))
    live = found.numbers["live"] == 1
    chosen = found if tests or live.all() else found.where(live)
    numbers = chosen.numbers
    return WaitedCalls(
        numbers["id"], numbers[AT], numbers["waited"], numbers["talked"], numbers["answered"] == 1,
        chosen.texts["outcome"], attributes_of(chosen, by), None if latest == NONE else instant_of(latest),
        len(found) - len(chosen),
    )  # fmt: skip


_NO_CALL = "0" * 32
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


def marks_of(ids: Sequence[str]) -> Whole:
    """Return 64 bits of each id, by which calls are compared; 0 for ''. Of a billion calls two may have the same."""
    digits = "".join(text or _NO_CALL for text in ids).replace("-", "")
    halves = np.frombuffer(bytes.fromhex(digits), ">u8").astype(np.uint64).reshape(-1, 2)
    return (halves[:, 0] * _SPREAD ^ halves[:, 1]).view(np.int64)


def _elapsed(since: Whole, until: Whole) -> Whole:
    """Return durations; 0 for a negative one: the clock was set back in between."""
    return np.where((since == NONE) | (until == NONE), NONE, np.maximum(until - since, 0))


def _talked(calls: Columns, paired: Columns) -> Whole:
    """Return how long operators talked with each caller."""
    places = dict(zip(calls.texts["id"], range(len(calls)), strict=True))
    of_call = np.fromiter(map(places.get, paired.texts["call"], repeat(-1)), np.int64, len(paired))
    ours = of_call >= 0
    of_call, lengths = of_call[ours], _elapsed(paired.arrays["began"], paired.arrays["ended"])[ours]
    # Calls that the dialplan served have no pairing.
    talked = _elapsed(calls.arrays["connected"], calls.arrays["ended"])
    talked[of_call] = 0
    np.add.at(talked, of_call, np.where(lengths == NONE, 0, lengths))
    talked[of_call[lengths == NONE]] = NONE
    return talked


async def menu_calls(
    engine: AsyncEngine, begins: datetime, ends: datetime, by: Collection[str] = (), *, tests: bool = False
) -> MenuCalls:
    """Return the calls that started in the period and never waited, as in `waited_calls`."""
    async with reading(engine) as connection:
        return menu_of(await read_menu(connection, begins, ends, by), by, tests=tests)


async def read_menu(
    connection: AsyncConnection, begins: datetime, ends: datetime, by: Collection[str] = ATTRIBUTES
) -> Frame:
    """Return the same with all test calls, for `menu_of`."""
    columns = {
        AT: (Kind.INSTANT, CALL.c.started),
        "outcome": (Kind.TEXT, CALL.c.outcome),
        "outgoing": (Kind.NUMBER, CALL.c.outgoing),
        "live": (Kind.NUMBER, CALL.c.live),
        **of_call(by),
    }
    among = select(CALL.c.id).where(CALL.c.started >= begins, CALL.c.started < ends, CALL.c.queued.is_(None))
    return Frame.of(await read_columns(connection, columns, among))


def menu_of(found: Frame, by: Collection[str], *, tests: bool) -> MenuCalls:
    """Return the calls of a frame of `read_menu`."""
    chosen = found if tests else found.where(found.numbers["live"] == 1)
    return MenuCalls(
        chosen.numbers[AT], chosen.texts["outcome"], chosen.numbers["outgoing"] == 1, attributes_of(chosen, by)
    )


async def send_requests(
    engine: AsyncEngine, begins: datetime, ends: datetime, by: Collection[str] = (), *, tests: bool = False
) -> tuple[Counted, Counted]:
    """Return callers' requests for a procedure of the guide in writing, by the time of the request, with the attributes
    of their calls; and those of them that people have sent."""
    own = {"language": GUIDE_REQUEST.c.language, "topic": GUIDE_REQUEST.c.topic}
    sent = func.coalesce(GUIDE_REQUEST.c.outcome == literal_column(f"'{GuideOutcome.SENT}'"), literal_column("false"))
    columns = {"at": (Kind.INSTANT, GUIDE_REQUEST.c.requested), "sent": (Kind.NUMBER, sent), **of_call(by, own)}
    among = (
        select(GUIDE_REQUEST.c.id)
        .select_from(GUIDE_REQUEST)
        .outerjoin(CALL, CALL.c.id == GUIDE_REQUEST.c.call_id)
        .where(GUIDE_REQUEST.c.requested >= begins, GUIDE_REQUEST.c.requested < ends, counts_of(tests))
    )
    async with reading(engine) as connection:
        found = Frame.of(await read_columns(connection, columns, among))
    at, attributes, number = found.numbers["at"], attributes_of(found, by), found.numbers["sent"]
    return Counted(TO_SEND, at, np.ones_like(at), attributes), Counted(SENT, at, number, attributes)


TO_SEND, SENT = "guide_requests", "guide_requests_sent"


async def states_before(engine: AsyncEngine, at: datetime) -> list[OperatorStates]:
    """Return the state that each operator had at an instant, if it began in the `LOOK_BACK` before it."""
    newest = (OPERATOR_STATE.c.at.desc(), OPERATOR_STATE.c.boot.desc(), OPERATOR_STATE.c.seq.desc())
    async with reading(engine) as connection:
        return await _states(connection, lambda chosen: chosen.order_by(*newest).limit(1), at - LOOK_BACK, at)


async def operator_states(engine: AsyncEngine, begins: datetime, ends: datetime) -> list[OperatorStates]:
    """Return the operators' states that began in the period."""
    async with reading(engine) as connection:
        return await _states_between(connection, begins, ends)


async def read_states(connection: AsyncConnection, begins: datetime, ends: datetime) -> Frame:
    """Return the same in one frame."""
    return states_of(await _states_between(connection, begins, ends))


def states_of(found: Sequence[OperatorStates]) -> Frame:
    """Return the states of operators in one frame: each operator's in their order."""
    empty = [np.zeros(0, np.int64)]

    def column(parts: list[Whole]) -> Whole:
        return np.concatenate(parts or empty)

    numbers = {
        AT: column([one.at_us for one in found]),
        "state": column([one.states for one in found]),
        "call": column([one.calls for one in found]),
    }
    whose = np.repeat(np.arange(len(found)), np.array([len(one.at_us) for one in found], np.int64))
    reasons = Coded.of([reason for one in found for reason in one.reasons])
    return Frame(numbers, {"operator": Coded(whose, [one.operator for one in found]), "reason": reasons})


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
}


def of_call(by: Collection[str], own: Mapping[str, Any] | None = None) -> dict[str, tuple[Kind, Any]]:
    """Return the columns of the attributes in `by`. `own`: those that are not the call's."""
    attributes = _ATTRIBUTES | dict(own or {})
    return {f"by_{name}": (Kind.TEXT, attributes[name]) for name in ATTRIBUTES if name in by}


def attributes_of(found: Frame, by: Collection[str]) -> dict[str, Coded]:
    """Return the attributes that were read by `of_call`."""
    return {name: found.texts[f"by_{name}"] for name in ATTRIBUTES if name in by}


def counts_of(tests: bool) -> Any:
    """Return the condition that what belongs to a call, which is joined, counts."""
    return true() if tests else or_(CALL.c.live, CALL.c.id.is_(None))


async def _states_between(connection: AsyncConnection, begins: datetime, ends: datetime) -> list[OperatorStates]:
    order = (OPERATOR_STATE.c.at, OPERATOR_STATE.c.boot, OPERATOR_STATE.c.seq)
    return await _states(connection, lambda chosen: chosen.order_by(*order), begins, ends)


async def _states(connection: AsyncConnection, ordered: Any, begins: datetime, ends: datetime) -> list[OperatorStates]:
    """Return the states of a period. One text for each operator: the index has them in their order."""
    table = OPERATOR_STATE.c
    first = select(func.min(table.operator_id).label("id")).cte("operators", recursive=True)
    following = select(func.min(table.operator_id)).where(table.operator_id > first.c.id).scalar_subquery()
    operators = first.union_all(select(following).where(first.c.id.is_not(None)))
    chosen = (
        select(table.at, table.state, table.call_id, table.reason)
        .where(table.operator_id == operators.c.id, table.at >= begins, table.at < ends)
        .correlate(operators)
    )
    part = ordered(chosen).subquery()
    between = literal_column(f"'{BETWEEN}'", Text)
    call = func.coalesce(cast(part.c.call_id, Text), "")
    text = instant_text(part.c.at) + between + part.c.state + between + call + between
    whole = select(func.aggregate_strings(text + func.coalesce(part.c.reason, ""), BETWEEN)).scalar_subquery()
    query = select(operators.c.id, whole).where(operators.c.id.is_not(None))
    found = (await connection.execute(query)).all()
    return [_split(operator, text) for operator, text in found if text is not None]


_PLACES = {state.value: place for place, state in enumerate(STATES)}
_TALKING = OperatorState.TALKING.value


def _split(operator: str, text: str) -> OperatorStates:
    parts = text.split(BETWEEN)
    names = parts[1::4]
    states = np.fromiter(map(_PLACES.__getitem__, names), np.int64, len(names))
    calls = marks_of([call if name == _TALKING else "" for name, call in zip(names, parts[2::4], strict=True)])
    return OperatorStates(operator, read_instants(parts[::4]), states, calls, parts[3::4])
