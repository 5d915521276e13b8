"""How often operators were offered a call in vain, and how often callers rang in vain."""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.enums import OfferState
from db.tables import Call, Offer

IN_VAIN = (OfferState.NO_ANSWER, OfferState.REFUSED, OfferState.UNREACHABLE)


async def missed(engine: AsyncEngine, since: datetime) -> dict[str, dict[str, int]]:
    """By operator, then by the state of the offer: those of `IN_VAIN` that were offered since then. DatabaseError when
    the database is away."""
    query = (
        select(Offer.operator_id, Offer.state, func.count())
        .where(Offer.offered >= since, Offer.state.in_([each.value for each in IN_VAIN]))
        .group_by(Offer.operator_id, Offer.state)
    )
    found: dict[str, dict[str, int]] = {}
    async with reading(engine) as connection:
        for operator, state, count in await connection.execute(query):
            found.setdefault(operator, {})[str(state)] = count
    return found


async def unanswered(engine: AsyncEngine, since: datetime, rang: timedelta) -> int:
    """Return how many of the callers who called since then hung up unanswered after ringing for longer than `rang`."""
    chosen = select(Call.started, Call.ended).where(
        Call.started >= since, Call.ended.is_not(None), Call.line_answered.is_(None), Call.live
    )
    async with reading(engine) as connection:
        return sum(row.ended - row.started > rang for row in await connection.execute(chosen))
