"""Queries about orphaned calls, whose end no process has seen."""

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
    """Asterisk's id of the caller's channel, and the instant of the call's last event."""

    channel: str | None
    event: datetime | None


async def last_known(engine: AsyncEngine, calls: Sequence[UUID]) -> dict[UUID, LastKnown]:
    """Return what is known about each of the calls."""
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
