"""Voice messages to be worked off. They come through the journal; `office.messages` has what people do with them.

Functions raise DatabaseError if the database is away.
"""

from uuid import UUID

from sqlalchemy import func, select, true
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.message_data import VoiceMessage
from db.of_tests import is_of_test
from db.rows import NotFoundError
from db.tables import Message as Row

MOST = 500
"""Messages that are not done, in one list."""

_IS_TEST = is_of_test(Row.call_id)
COLUMNS = tuple(_IS_TEST if name == "test" else getattr(Row, name) for name in VoiceMessage.__dataclass_fields__)


async def latest(engine: AsyncEngine, last: int, *, tests: bool = True) -> list[VoiceMessage]:
    """Return the messages that are not done, oldest first, at most `MOST`; then the `last` that are, newest first.

    `tests`: also those left in test calls.
    """
    wanted = (Row.done.is_(None), true() if tests else ~_IS_TEST)
    open_ones = select(*COLUMNS).where(*wanted).order_by(Row.at, Row.id).limit(MOST)
    over = select(*COLUMNS).where(Row.done.is_not(None)).order_by(Row.done.desc()).limit(last)
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
        row = (await connection.execute(select(*COLUMNS).where(Row.id == identity))).one_or_none()
    if row is None:
        raise NotFoundError(f"no message has the id {identity}")
    return VoiceMessage(*row)
