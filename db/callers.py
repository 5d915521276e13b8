"""What is remembered about numbers, and forgetting it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading, writing
from db.ids import uuid7
from db.read import NotFoundError
from db.tables import Audit, Caller


@dataclass(frozen=True, slots=True)
class Remembered:
    """`pin_locked_until`: since when and how long a number may not ask for files is kept here as well."""

    number: str
    language: str | None
    last_call_id: UUID | None
    last_called: datetime | None
    pin_locked_until: datetime | None


async def remembered_language(engine: AsyncEngine, number: str) -> str | None:
    """The language of the last call of `number` (E.164 with +); None for a number that is not remembered."""
    async with reading(engine) as connection:
        language: str | None = await connection.scalar(select(Caller.language).where(Caller.number == number))
    return language


async def caller(engine: AsyncEngine, number: str) -> Remembered:
    """All that is remembered of a number. NotFoundError for one that is not."""
    async with reading(engine) as connection:
        row = (await connection.execute(select(Caller).where(Caller.number == number))).one_or_none()
    if row is None:
        raise NotFoundError(f"{number} is not remembered: see the callers in `hatif calls`")
    return Remembered(row.number, row.language, row.last_call_id, row.last_called, row.pin_locked_until)


async def erase(engine: AsyncEngine, number: str, node: str, by: str) -> bool:
    """Deletes what is remembered of a number; whether anything was. The audit says who did it, without the number."""
    async with writing(engine) as connection:
        erased = (await connection.execute(delete(Caller).where(Caller.number == number))).rowcount > 0
        if erased:
            entry = {
                "node": node,
                "boot": uuid7(),
                "seq": 1,
                "at": datetime.now(UTC),
                "by": by,
                "act": "caller_erased",
                "about": None,
                "data": {},
            }
            await connection.execute(insert(Audit).values(entry))
    return erased
