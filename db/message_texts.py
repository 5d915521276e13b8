"""Texts of voice messages: which messages wait for one, and what became of them.

Each change is conditional: a text is written once, and never to a message that was erased meanwhile. Functions raise
DatabaseError if the database is away.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading, writing
from db.tables import Message as Row

TRIES = 2
"""How often a recogniser may fail on a message; then it is left without a text."""
LONGEST = 20_000
"""Letters of one text."""


@dataclass(frozen=True, slots=True)
class Untranscribed:
    """A message without a text. `tries`: how often the recogniser failed on it."""

    id: UUID
    file: str
    language: str | None
    duration_ms: int | None
    tries: int


@dataclass(frozen=True, slots=True)
class Counts:
    """Messages that wait for a text, that have one, and that are left without."""

    waiting: int = 0
    written: int = 0
    without: int = 0


_WAITING = (Row.text_ended.is_(None), Row.erased.is_(None))


async def next_waiting(engine: AsyncEngine, node: str) -> Untranscribed | None:
    """Return the message of this node that gets its text next: what people have to do first, the oldest of it first."""
    query = (
        select(Row.id, Row.file, Row.language, Row.duration_ms, func.coalesce(Row.text_tries, 0))
        .where(*_WAITING, Row.node == node)
        .order_by(Row.done.is_not(None), func.coalesce(Row.text_tries, 0), Row.at, Row.id)
        .limit(1)
    )
    async with reading(engine) as connection:
        row = (await connection.execute(query)).one_or_none()
    return Untranscribed(*row) if row is not None else None


async def keep(
    engine: AsyncEngine, identity: UUID, text: str, language: str | None, confidence: int, at: datetime
) -> bool:
    """Write a text, with its confidence in percent; return False if there is one already, or the message was erased."""
    return await _change(
        engine,
        identity,
        text=text[:LONGEST],
        text_language=language,
        text_confidence=confidence,
        text_why=None,
        text_ended=at,
    )


async def leave(engine: AsyncEngine, identity: UUID, why: str, at: datetime) -> bool:
    """Note why a message has no text, for good; return False if it has one, or was erased."""
    return await _change(engine, identity, text_why=why[:500], text_ended=at)


async def note_crash(engine: AsyncEngine, identity: UUID, why: str, at: datetime) -> bool:
    """Note that the recogniser failed on a message, the last of `TRIES` times for good. Returns as `leave` does."""
    async with writing(engine) as connection:
        tries = await connection.scalar(select(func.coalesce(Row.text_tries, 0)).where(Row.id == identity, *_WAITING))
        if tries is None:
            return False
        ended = at if tries + 1 >= TRIES else None
        columns = {"text_tries": tries + 1, "text_why": why[:500], "text_ended": ended}
        await connection.execute(update(Row).where(Row.id == identity, *_WAITING).values(columns))
    return True


async def counts(engine: AsyncEngine) -> Counts:
    """Return how many messages wait for a text, have one, and are left without."""
    is_there = Row.erased.is_(None)
    async with reading(engine) as connection:

        async def count(*where: Any) -> int:
            return await connection.scalar(select(func.count()).select_from(Row).where(is_there, *where)) or 0

        ended = Row.text_ended.is_not(None)
        return Counts(
            await count(Row.text_ended.is_(None)),
            await count(ended, Row.text.is_not(None)),
            await count(ended, Row.text.is_(None)),
        )


async def _change(engine: AsyncEngine, identity: UUID, **columns: Any) -> bool:
    async with writing(engine) as connection:
        changed = await connection.execute(update(Row).where(Row.id == identity, *_WAITING).values(columns))
        return bool(changed.rowcount)
