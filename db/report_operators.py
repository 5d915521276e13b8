"""Operators' calls for reports: offers, conversations and transfers.

Each function takes an engine and raises DatabaseError if the database is away. A period is from `begins` up to, not
including, `ends`, as aware datetimes.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, func, literal_column, or_, select, true
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import aliased

from db.engine import reading
from db.enums import OfferState, Outcome, Role
from db.instants import elapsed
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

    def add_conversations(self, number: int, over: int, talked_us: int, *, last: bool) -> None:
        """Count conversations, those of them that are over, and their length. `last`: whether their calls have no other
        operator after them."""
        self.conversations += number
        self.over += over
        self.talked_s += int(talked_us) / 1e6
        self.finished += over if last else 0


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
    operators = Pairing.role == literal_column(f"'{Role.OPERATOR}'")
    transferred = func.coalesce(Pairing.reason == literal_column("'transfer'"), literal_column("false"))
    kind = [
        Pairing.operator_id,
        operators.label("operators"),
        transferred.label("transferred"),
        _another_operator(earlier=True).label("earlier"),
        _another_operator(earlier=False).label("later"),
    ]
    query = (
        select(*kind, *_talks(Pairing.began, Pairing.ended))
        .outerjoin(Call, Call.id == Pairing.call_id)
        .where(Pairing.began >= begins, Pairing.began < ends, counts)
        .group_by(*kind)
    )
    async with reading(engine) as connection:
        for operator, talked, transferred, earlier, later, *talks in await connection.execute(query):
            of_operator = work[operator]
            if not talked:
                of_operator.consulted += talks[0]
                continue
            of_operator.taken_over += talks[0] if earlier else 0
            of_operator.transferred += talks[0] if transferred else 0
            of_operator.add_conversations(*talks, last=not later and not transferred)


def _talks(began: Any, ended: Any) -> list[Any]:
    """Return aggregates: the number of conversations, of those that are over, and their length in microseconds."""
    length = elapsed(began, ended)
    # Not below 0: the clock may have been set back in between.
    return [func.count(), func.count(length), func.coalesce(func.sum(case((length > 0, length), else_=0)), 0)]


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
    query = (
        select(Call.operator_id, *_talks(Call.connected, Call.ended))
        .where(
            Call.outcome == literal_column(f"'{Outcome.FALLBACK}'"),  # as in the index
            Call.operator_id.is_not(None),
            Call.connected >= begins,
            Call.connected < ends,
            ~exists().where(Pairing.call_id == Call.id).correlate(Call),
            counts,
        )
        .group_by(Call.operator_id)
    )
    async with reading(engine) as connection:
        for operator, *talks in await connection.execute(query):
            work[operator].add_conversations(*talks, last=True)
