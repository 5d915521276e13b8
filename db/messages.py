"""Voice messages that callers left, for the people who listen to them.

Functions raise DatabaseError if the database is away.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading, writing
from db.tables import Message as Row

MOST = 200


@dataclass(frozen=True, slots=True)
class Message:
    """A voice message. `file`: relative to HATIF_HOME; `heard_by`: who has taken it."""

    id: UUID
    at: datetime
    caller: str | None
    language: str | None
    topic: str | None
    category: str | None
    case_reference: str | None
    file: str
    duration_ms: int | None
    text: str | None
    heard: datetime | None
    heard_by: str | None


_COLUMNS = tuple(getattr(Row, name) for name in Message.__dataclass_fields__)
_UNHEARD = (Row.heard.is_(None), Row.erased.is_(None))


async def unheard(engine: AsyncEngine) -> list[Message]:
    """Return the messages that nobody has taken, oldest first, at most `MOST`."""
    async with reading(engine) as connection:
        rows = await connection.execute(select(*_COLUMNS).where(*_UNHEARD).order_by(Row.at, Row.id).limit(MOST))
        return [Message(*row) for row in rows]


async def count_unheard(engine: AsyncEngine) -> int:
    """Return how many messages nobody has taken."""
    async with reading(engine) as connection:
        return await connection.scalar(select(func.count()).select_from(Row).where(*_UNHEARD)) or 0


async def find(engine: AsyncEngine, identity: UUID) -> Message | None:
    """Return a message; None if there is none, or it was erased."""
    async with reading(engine) as connection:
        query = select(*_COLUMNS).where(Row.id == identity, Row.erased.is_(None))
        row = (await connection.execute(query)).one_or_none()
        return Message(*row) if row is not None else None


async def take(engine: AsyncEngine, identity: UUID, by: str, at: datetime) -> bool:
    """Note who takes care of a message; return False, and change nothing, if somebody has taken it."""
    async with writing(engine) as connection:
        taken = update(Row).where(Row.id == identity, *_UNHEARD).values(heard=at, heard_by=by)
        return bool((await connection.execute(taken)).rowcount)
