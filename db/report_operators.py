"""Operators' calls for reports: offers, conversations and transfers.

Each function takes an engine and raises DatabaseError if the database is away. A period is from `begins` up to, not
including, `ends`, as aware datetimes.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from sqlalchemy import and_, exists, func, literal_column, or_, select, true
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.enums import OfferState, Outcome, Role
from db.instants import elapsed
from db.report import not_negative
from db.report_tables import CALL, OFFER, PAIRING


@dataclass(slots=True)
class OperatorWork:
    """An operator's calls in a period.

    `conversations`: as a call's operator. `over`: those that have ended; `talked_s`: their length, hold included.
    `taken_over`: calls that another operator had before. `transferred`: calls handed on. `finished`: conversations
    after which the call had no other operator. `consulted`: as a colleague or interpreter beside the operator, without
    taking the call over. `offers`: the number of offers by their final state.
    """

    conversations: int = 0
    over: int = 0
    talked_s: float = 0.0
    taken_over: int = 0
    transferred: int = 0
    finished: int = 0
    consulted: int = 0
    offers: Counter[OfferState] = field(default_factory=Counter)

    def __add__(self, other: "OperatorWork") -> "OperatorWork":
        return OperatorWork(*(getattr(self, part.name) + getattr(other, part.name) for part in fields(self)))


async def operators_work(
    engine: AsyncEngine, begins: datetime, ends: datetime, *, tests: bool = False
) -> dict[str, OperatorWork]:
    """Return for each operator the conversations that began and the offers made in the period. Those of test calls only
    with `tests`."""
    work: defaultdict[str, OperatorWork] = defaultdict(OperatorWork)
    await _add_conversations(work, engine, begins, ends, tests=tests)
    await _add_fallback(work, engine, begins, ends, tests=tests)
    await _add_offers(work, engine, begins, ends, tests=tests)
    return dict(work)


async def _add_conversations(
    work: defaultdict[str, OperatorWork], engine: AsyncEngine, begins: datetime, ends: datetime, *, tests: bool
) -> None:
    pairing = PAIRING.c
    talked = pairing.role == literal_column(f"'{Role.OPERATOR}'")
    handed_on = func.coalesce(pairing.reason, literal_column("''")) == literal_column("'transfer'")
    over = and_(talked, pairing.ended.is_not(None))
    query = (
        select(
            pairing.operator_id,
            func.count().filter(talked),
            func.count().filter(over),
            func.coalesce(func.sum(not_negative(elapsed(pairing.began, pairing.ended))).filter(talked), 0),
            func.count().filter(talked, _another_operator(earlier=True)),
            func.count().filter(talked, handed_on),
            func.count().filter(over, ~handed_on, ~_another_operator(earlier=False)),
            func.count().filter(~talked),
        )
        .select_from(PAIRING)
        .outerjoin(CALL, CALL.c.id == pairing.call_id)
        .where(pairing.began >= begins, pairing.began < ends, _counts(tests))
        .group_by(pairing.operator_id)
    )
    async with reading(engine) as connection:
        for operator, number, ended, talked_us, *rest in await connection.execute(query):
            work[operator] = OperatorWork(number, ended, int(talked_us) / 1e6, *rest)


async def _add_fallback(
    work: defaultdict[str, OperatorWork], engine: AsyncEngine, begins: datetime, ends: datetime, *, tests: bool
) -> None:
    """Add the calls that the dialplan served, which have no pairing."""
    length = elapsed(CALL.c.connected, CALL.c.ended)
    query = (
        select(CALL.c.operator_id, func.count(), func.count(length), func.coalesce(func.sum(not_negative(length)), 0))
        .where(
            CALL.c.outcome == literal_column(f"'{Outcome.FALLBACK}'"),  # as in the index
            CALL.c.operator_id.is_not(None),
            CALL.c.connected >= begins,
            CALL.c.connected < ends,
            ~exists().where(PAIRING.c.call_id == CALL.c.id).correlate(CALL),
            true() if tests else CALL.c.live,
        )
        .group_by(CALL.c.operator_id)
    )
    async with reading(engine) as connection:
        for operator, number, over, talked_us in await connection.execute(query):
            own = work[operator]
            own.conversations += number
            own.over += over
            own.talked_s += int(talked_us) / 1e6
            own.finished += over


async def _add_offers(
    work: defaultdict[str, OperatorWork], engine: AsyncEngine, begins: datetime, ends: datetime, *, tests: bool
) -> None:
    query = (
        select(OFFER.c.operator_id, OFFER.c.state, func.count())
        .select_from(OFFER)
        .outerjoin(CALL, CALL.c.id == OFFER.c.call_id)
        .where(OFFER.c.offered >= begins, OFFER.c.offered < ends, _counts(tests))
        .group_by(OFFER.c.operator_id, OFFER.c.state)
    )
    async with reading(engine) as connection:
        for operator, state, number in await connection.execute(query):
            work[operator].offers[OfferState(state)] = number


def _counts(tests: bool) -> Any:
    """Return the condition that what belongs to a call, which is joined, counts: the offer of a callback has none."""
    return true() if tests else or_(CALL.c.live, CALL.c.id.is_(None))


def _another_operator(*, earlier: bool) -> Any:
    """Return a condition: another operator had the call before this pairing, or after it."""
    other = PAIRING.alias()
    when = other.c.began < PAIRING.c.began if earlier else other.c.began > PAIRING.c.began
    same = and_(other.c.call_id == PAIRING.c.call_id, other.c.role == literal_column(f"'{Role.OPERATOR}'"))
    return exists().where(same, other.c.operator_id != PAIRING.c.operator_id, when).correlate(PAIRING)
