"""What each operator did with calls: what they were offered, with whom they talked, whom they handed on.

Each function takes an engine and raises DatabaseError when the database is away. A period is from `begins` to before
`ends`, aware instants.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import aliased

from db.engine import reading
from db.enums import OfferState, Outcome, Role
from db.report import instant, seconds, streamed
from db.tables import Call, Offer, Pairing


@dataclass(slots=True)
class OperatorWork:
    """An operator's calls in a period.

    `conversations`: as a call's operator; `over`: those that have ended, and `talked_s` their length, hold included.
    `taken_over`: conversations that another operator had before; `transferred`: those handed on; `finished`: those
    after which the call had no other operator. `consulted`: as a colleague beside the operator, interpreters included,
    who did not take the call over. `offers`: by what became of them.
    """

    conversations: int = 0
    over: int = 0
    talked_s: float = 0.0
    taken_over: int = 0
    transferred: int = 0
    finished: int = 0
    consulted: int = 0
    offers: Counter[OfferState] = field(default_factory=Counter)


def added(one: OperatorWork, other: OperatorWork) -> OperatorWork:
    return OperatorWork(*(getattr(one, each.name) + getattr(other, each.name) for each in fields(OperatorWork)))


async def operators_work(
    engine: AsyncEngine, begins: datetime, ends: datetime, *, tests: bool = False
) -> dict[str, OperatorWork]:
    """By operator: conversations that began and offers made in the period; those of test calls only with `tests`."""
    found: defaultdict[str, OperatorWork] = defaultdict(OperatorWork)
    counts = true() if tests else or_(Call.live, Call.id.is_(None))  # an offer of a call back has no call yet
    await _talks(engine, begins, ends, counts, found)
    await _fallback(engine, begins, ends, counts, found)
    offers = (
        select(Offer.operator_id, Offer.state, func.count())
        .outerjoin(Call, Call.id == Offer.call_id)
        .where(Offer.offered >= begins, Offer.offered < ends, counts)
        .group_by(Offer.operator_id, Offer.state)
    )
    async with reading(engine) as connection:
        for operator, state, number in await connection.execute(offers):
            found[operator].offers[OfferState(state)] += number
    return dict(found)


async def _talks(
    engine: AsyncEngine,
    begins: datetime,
    ends: datetime,
    counts: ColumnElement[bool],
    found: defaultdict[str, OperatorWork],
) -> None:
    query = (
        select(
            Pairing.operator_id,
            Pairing.role,
            Pairing.reason,
            instant(Pairing.began),
            instant(Pairing.ended),
            _another_operator(earlier=True).label("earlier"),
            _another_operator(earlier=False).label("later"),
        )
        .outerjoin(Call, Call.id == Pairing.call_id)
        .where(Pairing.began >= begins, Pairing.began < ends, counts)
    )
    async with streamed(engine, query) as rows:
        async for some in rows.partitions():
            for row in some:
                work = found[row.operator_id]
                if row.role != Role.OPERATOR:
                    work.consulted += 1
                    continue
                work.conversations += 1
                work.taken_over += row.earlier
                work.transferred += row.reason == "transfer"
                talked = seconds(row.began, row.ended)
                if talked is not None:
                    work.over += 1
                    work.talked_s += talked
                    work.finished += not row.later and row.reason != "transfer"


def _another_operator(*, earlier: bool) -> Any:
    """Whether another operator had the call before this pairing, or after it."""
    other = aliased(Pairing)
    when = other.began < Pairing.began if earlier else other.began > Pairing.began
    same = and_(other.call_id == Pairing.call_id, other.role == Role.OPERATOR.value)
    return exists().where(same, other.operator_id != Pairing.operator_id, when).correlate(Pairing)


async def _fallback(
    engine: AsyncEngine,
    begins: datetime,
    ends: datetime,
    counts: ColumnElement[bool],
    found: defaultdict[str, OperatorWork],
) -> None:
    """The dialplan's calls have no pairing."""
    query = select(Call.operator_id, instant(Call.connected), instant(Call.ended)).where(
        Call.outcome == Outcome.FALLBACK.value,
        Call.operator_id.is_not(None),
        Call.connected >= begins,
        Call.connected < ends,
        ~exists().where(Pairing.call_id == Call.id).correlate(Call),
        counts,
    )
    async with streamed(engine, query) as rows:
        async for some in rows.partitions():
            for row in some:
                work = found[row.operator_id]
                work.conversations += 1
                talked = seconds(row.connected, row.ended)
                if talked is not None:
                    work.over += 1
                    work.talked_s += talked
                    work.finished += 1
