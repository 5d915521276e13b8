"""An operator's day in figures, from the database: what they have done, and what they have missed.

One look at the database serves all operators for half a minute.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.enums import OfferState
from db.missed_calls import MISSED
from db.report_operators import OperatorWork, operators_work
from db.tables import Call, Offer

KEPT = timedelta(seconds=30)
SHOWN = 5


@dataclass(frozen=True, slots=True)
class MissedCall:
    """A call that was offered to an operator, who did not take it."""

    at: datetime
    state: str
    language: str | None
    topic: str | None


@dataclass(frozen=True, slots=True)
class Day:
    """The day so far. `missed`: calls that rang in vain; `declined` and `unreachable` are counted apart."""

    calls: int
    average_s: float | None
    missed: int
    declined: int
    unreachable: int
    latest: list[MissedCall]


class Days:
    """The figures of all operators."""

    def __init__(self, engine: AsyncEngine, timezone: str) -> None:
        self._engine, self._zone = engine, ZoneInfo(timezone)
        self._work: dict[str, OperatorWork] = {}
        self._read: datetime | None = None

    async def of(self, operator: str, now: datetime) -> Day:
        """Return an operator's day, from midnight in the site's time zone. Raises DatabaseError."""
        midnight = now.astimezone(self._zone).replace(hour=0, minute=0, second=0, microsecond=0)
        if self._read is None or not self._read <= now < self._read + KEPT:
            self._work, self._read = await operators_work(self._engine, midnight, now), now
        work = self._work.get(operator, OperatorWork())
        latest = await self._missed(operator, midnight)
        return Day(
            calls=work.conversations,
            average_s=work.talked_s / work.over if work.over else None,
            missed=work.offers[OfferState.NO_ANSWER],
            declined=work.offers[OfferState.REFUSED],
            unreachable=work.offers[OfferState.UNREACHABLE],
            latest=latest,
        )

    async def _missed(self, operator: str, since: datetime) -> list[MissedCall]:
        query = (
            select(Offer.offered, Offer.state, Call.language, Call.topic)
            .outerjoin(Call, Call.id == Offer.call_id)
            .where(Offer.operator_id == operator, Offer.offered >= since)
            .where(Offer.state.in_([state.value for state in MISSED]))
            .where(or_(Call.live, Call.id.is_(None)))  # as the figures: no test calls
            .order_by(Offer.offered.desc())
            .limit(SHOWN)
        )
        async with reading(self._engine) as connection:
            return [MissedCall(*row) for row in await connection.execute(query)]
