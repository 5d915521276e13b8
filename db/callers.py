"""The memory of callers' numbers."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, union
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.rows import NotFoundError
from db.tables import Call, Callback, Caller, CaseFile, GuideRequest


@dataclass(frozen=True, slots=True)
class RememberedCaller:
    """The memory of a number. `pin_locked_until`: until then it has one attempt a call at PINs."""

    number: str
    language: str | None
    last_call_id: UUID | None
    last_called: datetime | None
    pin_locked_until: datetime | None


async def remembered_language(engine: AsyncEngine, number: str) -> str | None:
    """Return the language of the last call of `number` (E.164 with +); None if the number is not remembered."""
    async with reading(engine) as connection:
        language: str | None = await connection.scalar(select(Caller.language).where(Caller.number == number))
    return language


async def known_numbers(engine: AsyncEngine, numbers: Collection[str]) -> list[str]:
    """Return those of `numbers` that are remembered, have called, or have a pending request or a case."""
    async with reading(engine) as connection:
        remembered = select(Caller.number).where(Caller.number.in_(numbers))
        requested = (
            select(table.number).where(table.number.in_(numbers), table.ended.is_(None))
            for table in (Callback, GuideRequest)
        )
        others = (select(column).where(column.in_(numbers)) for column in (Call.caller, CaseFile.caller))
        return list(await connection.scalars(union(remembered, *others, *requested)))


async def caller(engine: AsyncEngine, number: str) -> RememberedCaller:
    """Return everything that is remembered about a number. Raises NotFoundError if nothing is."""
    async with reading(engine) as connection:
        row = (await connection.execute(select(Caller).where(Caller.number == number))).one_or_none()
    if row is None:
        raise NotFoundError(f"{number} is not remembered: see the callers in `hatif calls`")
    return RememberedCaller(row.number, row.language, row.last_call_id, row.last_called, row.pin_locked_until)
