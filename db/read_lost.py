"""What is known of calls whose end nobody saw."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.tables import Call, CallEvent


@dataclass(frozen=True, slots=True)
class LastKnown:
    """Asterisk's id of the caller's channel, and when the last thing happened in the call that was written down."""

    channel: str | None
    event: datetime | None


async def last_known(engine: AsyncEngine, calls: Sequence[UUID]) -> dict[UUID, LastKnown]:
    """Read it for each of the calls."""
    if not calls:
        return {}
    last = (
        select(Call.id, Call.channel_id, func.max(CallEvent.at))
        .outerjoin(CallEvent, CallEvent.call_id == Call.id)
        .where(Call.id.in_(calls))
        .group_by(Call.id, Call.channel_id)
    )
    async with reading(engine) as connection:
        return {call: LastKnown(channel, at) for call, channel, at in await connection.execute(last)}
