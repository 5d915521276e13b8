"""Operators' calls for reports: offers, conversations and transfers.

Each function takes an engine and raises DatabaseError if the database is away. A period is from `begins` up to, not
including, `ends`, as aware datetimes.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import and_, case, exists, func, literal_column, select, true
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.columns import NONE, Kind, read_columns
from db.engine import reading
from db.enums import OfferState, Outcome, Role
from db.frames import AT, Frame
from db.instants import elapsed
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
    async with reading(engine) as connection:
        talks, offers = await read_talks(connection, begins, ends), await read_offers(connection, begins, ends)
    return add_works(work_of(talks, offers, tests=tests), await fallback_work(engine, begins, ends, tests=tests))


async def read_talks(connection: AsyncConnection, begins: datetime, ends: datetime) -> Frame:
    """Return the conversations of the period, test calls' as well, for `work_of`."""
    # Few calls have several pairings, and an index tells which: only there it is worth looking for another operator.
    of_call = PAIRING.alias()
    same_call = of_call.c.call_id == PAIRING.c.call_id
    several = select(func.count()).select_from(of_call).where(same_call).correlate(PAIRING).scalar_subquery() > 1
    others = case((_another_operator(earlier=True), _EARLIER), else_=0) + case(
        (_another_operator(earlier=False), _LATER), else_=0
    )
    columns = {
        "operator": (Kind.TEXT, PAIRING.c.operator_id),
        "role": (Kind.TEXT, PAIRING.c.role),
        "reason": (Kind.TEXT, PAIRING.c.reason),
        AT: (Kind.INSTANT, PAIRING.c.began),
        "ended": (Kind.INSTANT, PAIRING.c.ended),
        "others": (Kind.NUMBER, case((several, others), else_=0)),
        "live": (Kind.NUMBER, _LIVE),
    }
    among = (
        select(PAIRING.c.id)
        .select_from(PAIRING)
        .outerjoin(CALL, CALL.c.id == PAIRING.c.call_id)
        .where(PAIRING.c.began >= begins, PAIRING.c.began < ends)
    )
    return Frame.of(await read_columns(connection, columns, among))


async def read_offers(connection: AsyncConnection, begins: datetime, ends: datetime) -> Frame:
    """Return the offers of the period, test calls' as well, for `work_of`."""
    columns = {
        AT: (Kind.INSTANT, OFFER.c.offered),
        "operator": (Kind.TEXT, OFFER.c.operator_id),
        "state": (Kind.TEXT, OFFER.c.state),
        "live": (Kind.NUMBER, _LIVE),
    }
    among = (
        select(OFFER.c.id)
        .select_from(OFFER)
        .outerjoin(CALL, CALL.c.id == OFFER.c.call_id)
        .where(OFFER.c.offered >= begins, OFFER.c.offered < ends)
    )
    return Frame.of(await read_columns(connection, columns, among))


_LIVE = func.coalesce(CALL.c.live, literal_column("true"))  # the offer of a callback has no call yet


def work_of(talks: Frame, offers: Frame, *, tests: bool) -> dict[str, OperatorWork]:
    """Return operators' conversations and offers from the frames of a period."""
    work: defaultdict[str, OperatorWork] = defaultdict(OperatorWork)
    if not tests:
        talks, offers = (some.where(some.numbers["live"] == 1) for some in (talks, offers))
    operators, others_had = talks.texts["operator"], talks.numbers["others"]
    talked = talks.texts["role"].are([Role.OPERATOR])
    transferred = talks.texts["reason"].are(["transfer"])
    began, ended = talks.numbers[AT], talks.numbers["ended"]
    over = talked & (ended != NONE)
    length = np.where(over, np.maximum(ended - began, 0), 0)  # the clock may have been set back in between
    last = over & (others_had & _LATER == 0) & ~transferred
    for place in np.unique(operators.codes).tolist():
        own, of_operator = operators.codes == place, work[operators.names[place] or ""]
        of_operator.consulted += int((own & ~talked).sum())
        of_operator.taken_over += int((own & talked & (others_had & _EARLIER > 0)).sum())
        of_operator.transferred += int((own & talked & transferred).sum())
        of_operator.conversations += int((own & talked).sum())
        of_operator.over += int((own & over).sum())
        of_operator.talked_s += int(length[own].sum()) / 1e6
        of_operator.finished += int((own & last).sum())
    _count_offers(offers, work)
    return dict(work)


def _count_offers(offers: Frame, work: defaultdict[str, OperatorWork]) -> None:
    operators, states = offers.texts["operator"], offers.texts["state"]
    each = operators.codes * len(states.names) + states.codes
    for code, number in zip(*(some.tolist() for some in np.unique(each, return_counts=True)), strict=True):
        operator, state = divmod(code, len(states.names))
        work[operators.names[operator] or ""].offers[OfferState(states.names[state] or "")] += number


def add_works(*several: Mapping[str, OperatorWork]) -> dict[str, OperatorWork]:
    """Return the sums, by operator."""
    work: defaultdict[str, OperatorWork] = defaultdict(OperatorWork)
    for works in several:
        for operator, own in works.items():
            work[operator] = work[operator] + own
    return dict(work)


_EARLIER, _LATER = 1, 2


def _talks(began: Any, ended: Any) -> list[Any]:
    """Return aggregates: the number of conversations, of those that are over, and their length in microseconds."""
    length = elapsed(began, ended)
    # Not below 0: the clock may have been set back in between.
    return [func.count(), func.count(length), func.coalesce(func.sum(case((length > 0, length), else_=0)), 0)]


def _another_operator(*, earlier: bool) -> Any:
    """Return a condition: another operator had the call before this pairing, or after it."""
    other = PAIRING.alias()
    when = other.c.began < PAIRING.c.began if earlier else other.c.began > PAIRING.c.began
    same = and_(other.c.call_id == PAIRING.c.call_id, other.c.role == literal_column(f"'{Role.OPERATOR}'"))
    return exists().where(same, other.c.operator_id != PAIRING.c.operator_id, when).correlate(PAIRING)


async def fallback_work(
    engine: AsyncEngine, begins: datetime, ends: datetime, *, tests: bool = False
) -> dict[str, OperatorWork]:
    """Return the calls that the dialplan served, which have no pairing, by operator."""
    work: defaultdict[str, OperatorWork] = defaultdict(OperatorWork)
    query = (
        select(CALL.c.operator_id, *_talks(CALL.c.connected, CALL.c.ended))
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
        for operator, *talks in await connection.execute(query):
            work[operator].add_last_conversations(*talks)
    return dict(work)
