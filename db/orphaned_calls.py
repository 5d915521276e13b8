"""Queries about calls whose end no process has recorded."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db import read
from db.engine import reading
from db.rows import from_row
from db.tables import Call, CallEvent


@dataclass(frozen=True, slots=True)
class Story:
    """A call and its events, in the order of their journals."""

    call: read.Call
    events: list[read.Event]


async def channels(engine: AsyncEngine, calls: Collection[UUID]) -> dict[UUID, str]:
    """Return Asterisk's ids of the callers' channels, for those calls whose channel is known."""
    async with reading(engine) as connection:
        found = await connection.execute(select(Call.id, Call.channel_id).where(Call.id.in_(calls)))
        return {call: channel for call, channel in found if channel is not None}


async def stories(engine: AsyncEngine, calls: Collection[UUID]) -> dict[UUID, Story]:
    """Return each of the calls that has a row, with its events."""
    rows = await read.calls(engine, None, [Call.id.in_(calls)], tests=True)
    found = {row.id: Story(row, []) for row in rows}
    query = select(CallEvent).where(CallEvent.call_id.in_(calls))
    async with reading(engine) as connection:
        for event in await connection.execute(query.order_by(CallEvent.call_id, CallEvent.boot, CallEvent.seq)):
            if event.call_id in found:
                found[event.call_id].events.append(from_row(read.Event, event))
    return found
