"""Operators' calls for reports: offers, conversations and transfers.

Each function takes an engine and raises DatabaseError if the database is away. A period is from `begins` up to, not
including, `ends`, as aware datetimes.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, and_, case, exists, func, literal_column, or_, select, true
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import aliased

from db.columns import NONE, Coded, Kind, read_columns
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

    def add_last_conversations(self, number: int, over: int, talked_us: int) -> None:
        """Count conversations whose calls have no other operator after them, those of them that are over, and their
        length."""
        self.conversations += number
        self.over += over
        self.talked_s += int(talked_us) / 1e6
        self.finished += over


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
    # Few calls have several pairings, and an index tells which: only there it is worth looking for another operator.
    of_call = aliased(Pairing)
    several = select(of_call.call_id).group_by(of_call.call_id).having(func.count() > 1)
    others = case((_another_operator(earlier=True), _EARLIER), else_=0) + case(
        (_another_operator(earlier=False), _LATER), else_=0
    )
    columns = {
        "operator": (Kind.TEXT, Pairing.operator_id),
        "role": (Kind.TEXT, Pairing.role),
        "reason": (Kind.TEXT, Pairing.reason),
        "began": (Kind.INSTANT, Pairing.began),
        "ended": (Kind.INSTANT, Pairing.ended),
        "others": (Kind.NUMBER, case((Pairing.call_id.in_(several), others), else_=0)),
    }
    among = (
        select(Pairing.id)
        .select_from(Pairing)
        .outerjoin(Call, Call.id == Pairing.call_id)
        .where(Pairing.began >= begins, Pairing.began < ends, counts)
    )
    async with reading(engine) as connection:
        found = await read_columns(connection, columns, among)
    operators, others_had = Coded.of(found.texts["operator"]), found.arrays["others"]
    talked = Coded.of(found.texts["role"]).are([Role.OPERATOR])
    transferred = Coded.of(found.texts["reason"]).are(["transfer"])
    began, ended = found.arrays["began"], found.arrays["ended"]
    over = talked & (ended != NONE)
    length = np.where(over, np.maximum(ended - began, 0), 0)  # the clock may have been set back in between
    last = over & (others_had & _LATER == 0) & ~transferred
    for place, operator in enumerate(operators.names):
        own, of_operator = operators.codes == place, work[operator or ""]
        of_operator.consulted += int((own & ~talked).sum())
        of_operator.taken_over += int((own & talked & (others_had & _EARLIER > 0)).sum())
        of_operator.transferred += int((own & talked & transferred).sum())
        of_operator.conversations += int((own & talked).sum())
        of_operator.over += int((own & over).sum())
        of_operator.talked_s += int(length[own].sum()) / 1e6
        of_operator.finished += int((own & last).sum())


_EARLIER, _LATER = 1, 2


def _talks(began: Any, ended: Any) -> list[Any]:
    """Return aggregates: the number of conversations, of those that are over, and their length in microseconds."""
    length = elapsed(began, ended)
    # Not below 0: the clock may have been set back in between.
    return [func.count(), func.count(length), func.coalesce(func.sum(case((length > 0, length), else_=0)), 0)]


def _another_operator(*, earlier: bool) -> Any:
    """Return a condition: another operator had the call before this pairing, or after it."""
    other = aliased(Pairing)
    when = other.began < Pairing.began if earlier else other.began > Pairing.began
    same = and_(other.call_id == Pairing.call_id, other.role == literal_column(f"'{Role.OPERATOR}'"))
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
            work[operator].add_last_conversations(*talks)
