"""Voice messages to be worked off. They come through the journal; people hear them, take them and finish them.

Each step is one conditional update: of two people who take the same message, one gets False. Functions raise
DatabaseError if the database is away.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading, writing
from db.message_data import VoiceMessage
from db.of_tests import is_of_test
from db.rows import NotFoundError
from db.tables import Message as Row

MOST = 500
"""Messages that are not done, in one list."""

_IS_TEST = is_of_test(Row.call_id)
_COLUMNS = tuple(_IS_TEST if name == "test" else getattr(Row, name) for name in VoiceMessage.__dataclass_fields__)


async def latest(engine: AsyncEngine, last: int, *, tests: bool = True) -> list[VoiceMessage]:
    """Return the messages that are not done, oldest first, at most `MOST`; then the `last` that are, newest first.

    `tests`: also those left in test calls.
    """
    wanted = (Row.done.is_(None), true() if tests else ~_IS_TEST)
    open_ones = select(*_COLUMNS).where(*wanted).order_by(Row.at, Row.id).limit(MOST)
    over = select(*_COLUMNS).where(Row.done.is_not(None)).order_by(Row.done.desc()).limit(last)
    async with reading(engine) as connection:
        return [VoiceMessage(*row) for query in (open_ones, over) for row in await connection.execute(query)]


async def count(engine: AsyncEngine) -> int:
    """Return how many messages nobody has taken, without those left in test calls."""
    free = (Row.done.is_(None), Row.taken_by.is_(None), ~_IS_TEST)
    async with reading(engine) as connection:
        return await connection.scalar(select(func.count()).select_from(Row).where(*free)) or 0


async def find(engine: AsyncEngine, identity: UUID) -> VoiceMessage:
    """Return a message. Raises NotFoundError if there is none with this id."""
    async with reading(engine) as connection:
        row = (await connection.execute(select(*_COLUMNS).where(Row.id == identity))).one_or_none()
    if row is None:
        raise NotFoundError(f"no message has the id {identity}")
    return VoiceMessage(*row)


async def take(engine: AsyncEngine, identity: UUID, by: str, at: datetime) -> bool:
    """Give a message to somebody; return False if somebody else has it, or it is done. Idempotent."""
    free = (Row.done.is_(None), or_(Row.taken_by.is_(None), Row.taken_by == by))
    return await _change(engine, identity, free, taken_by=by, taken=func.coalesce(Row.taken, at))


async def release(engine: AsyncEngine, identity: UUID, by: str | None) -> bool:
    """Let others take a message again; return False if it is not `by` who has it (None: whoever), or it is done."""
    theirs = Row.taken_by == by if by is not None else Row.taken_by.is_not(None)
    return await _change(engine, identity, (Row.done.is_(None), theirs), taken_by=None, taken=None)


async def finish(engine: AsyncEngine, identity: UUID, by: str, at: datetime) -> bool:
    """Note that nothing is left to do; return False if somebody else has the message, or it was done already."""
    theirs = (Row.done.is_(None), or_(Row.taken_by.is_(None), Row.taken_by == by))
    return await _change(engine, identity, theirs, done=at, done_by=by)


async def hear(engine: AsyncEngine, identity: UUID, by: str, at: datetime) -> bool:
    """Note who heard a message first; return False if it was heard before."""
    return await _change(engine, identity, (Row.heard.is_(None),), heard=at, heard_by=by)


async def _change(engine: AsyncEngine, identity: UUID, where: Sequence[Any], **columns: Any) -> bool:
    async with writing(engine) as connection:
        changed = await connection.execute(update(Row).where(Row.id == identity, *where).values(columns))
        return bool(changed.rowcount)
