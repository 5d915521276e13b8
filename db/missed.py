"""How often operators were offered a call in vain."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.tables import Offer
from db.words import OfferState

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
