"""Counts of offers that operators did not accept, and of callers who hung up before they were answered."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.enums import OfferState
from db.tables import Call, Offer

MISSED = (OfferState.NO_ANSWER, OfferState.REFUSED, OfferState.UNREACHABLE)


async def missed_offers(engine: AsyncEngine, since: datetime) -> dict[str, dict[str, int]]:
    """Return the number of missed offers since then, by operator and by the offer's state. Raises DatabaseError if the
    database is away."""
    query = (
        select(Offer.operator_id, Offer.state, func.count())
        .where(Offer.offered >= since, Offer.state.in_([state.value for state in MISSED]))
        .group_by(Offer.operator_id, Offer.state)
    )
    counts: dict[str, dict[str, int]] = {}
    async with reading(engine) as connection:
        for operator, state, count in await connection.execute(query):
            counts.setdefault(operator, {})[str(state)] = count
    return counts


async def unanswered_calls(engine: AsyncEngine, since: datetime, rang: timedelta, early: Collection[str] = ()) -> int:
    """Return the number of calls since then whose callers hung up unanswered after ringing for longer than `rang`.

    `early`: the numbers whose calls are not meant to be answered at once.
    """
    chosen = select(Call.started, Call.ended).where(
        Call.started >= since,
        Call.ended.is_not(None),
        Call.line_answered.is_(None),
        Call.live,
        or_(Call.number.is_(None), Call.number.not_in(early)),
    )
    async with reading(engine) as connection:
        return sum(row.ended - row.started > rang for row in await connection.execute(chosen))
