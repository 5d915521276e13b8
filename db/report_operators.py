"""Operators' calls for reports: offers, conversations and transfers.

Each function takes an engine and raises DatabaseError if the database is away. A period is from `begins` up to, not
including, `ends`, as aware datetimes.
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
from db.report import as_instant, seconds, stream
from db.tables import Call, Offer, Pairing


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

    def add_conversation(self, began: datetime | None, ended: datetime | None, *, last: bool) -> None:
        """Count a conversation. `last`: whether the call has no other operator after it."""
        self.conversations += 1
        talked = seconds(began, ended)
        if talked is not None:
            self.over += 1
            self.talked_s += talked
            self.finished += last


async def operators_work(
    engine: AsyncEngine, begins: datetime, ends: datetime, *, tests: bool = False
) -> dict[str, OperatorWork]:
    """Return for each operator the conversations that began and the offers made in the period. Those of test calls only
    with `tests`."""
    work: defaultdict[str, OperatorWork] = defaultdict(OperatorWork)
    counts = true() if tests else or_(Call.live, Call.id.is_(None))  # the offer of a callback has no call yet
    await _add_pairings(engine, begins, ends, counts, work)
    await _add_fallback_calls(engine, begins, ends, counts, work)
    offers = (
        select(Offer.operator_id, Offer.state, func.count())
        .outerjoin(Call, Call.id == Offer.call_id)
        .where(Offer.offered >= begins, Offer.offered < ends, counts)
        .group_by(Offer.operator_id, Offer.state)
    )
    async with reading(engine) as connection:
        for operator, state, number in await connection.execute(offers):
            work[operator].offers[OfferState(state)] += number
    return dict(work)


async def _add_pairings(
    engine: AsyncEngine,
    begins: datetime,
    ends: datetime,
    counts: ColumnElement[bool],
    work: defaultdict[str, OperatorWork],
) -> None:
    query = (
        select(
            Pairing.operator_id,
            Pairing.role,
            Pairing.reason,
            as_instant(Pairing.began),
            as_instant(Pairing.ended),
            _another_operator(earlier=True).label("earlier"),
            _another_operator(earlier=False).label("later"),
        )
        .outerjoin(Call, Call.id == Pairing.call_id)
        .where(Pairing.began >= begins, Pairing.began < ends, counts)
    )
    async with stream(engine, query) as rows:
        async for some in rows.partitions():
            for row in some:
                of_operator = work[row.operator_id]
                if row.role != Role.OPERATOR:
                    of_operator.consulted += 1
                    continue
                transferred = row.reason == "transfer"
                of_operator.taken_over += row.earlier
                of_operator.transferred += transferred
                of_operator.add_conversation(row.began, row.ended, last=not row.later and not transferred)


def _another_operator(*, earlier: bool) -> Any:
    """Return a condition: another operator had the call before this pairing, or after it."""
    other = aliased(Pairing)
    when = other.began < Pairing.began if earlier else other.began > Pairing.began
    same = and_(other.call_id == Pairing.call_id, other.role == Role.OPERATOR.value)
    return exists().where(same, other.operator_id != Pairing.operator_id, when).correlate(Pairing)


async def _add_fallback_calls(
    engine: AsyncEngine,
    begins: datetime,
    ends: datetime,
    counts: ColumnElement[bool],
    work: defaultdict[str, OperatorWork],
) -> None:
    """Add the calls that the dialplan served, which have no pairing."""
    query = select(Call.operator_id, as_instant(Call.connected), as_instant(Call.ended)).where(
        Call.outcome == Outcome.FALLBACK.value,
        Call.operator_id.is_not(None),
        Call.connected >= begins,
        Call.connected < ends,
        ~exists().where(Pairing.call_id == Call.id).correlate(Call),
        counts,
    )
    async with stream(engine, query) as rows:
        async for some in rows.partitions():
            for row in some:
                work[row.operator_id].add_conversation(row.connected, row.ended, last=True)
