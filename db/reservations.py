"""Case references that a node has reserved in the database, so that nobody else gives them out."""

from collections.abc import Collection
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading, writing
from db.references import ReferenceAllocator
from db.tables import CaseFile, CaseReference

STOCK = 2000  # references on disk, for when the database is away
GROUP = 500  # references a transaction: well under 50 ms on SQLite


async def reserve(engine: AsyncEngine, node: str, wanted: Collection[str]) -> list[str]:
    """Reserve those of the `wanted` references that nobody has; return them. DatabaseError when it is away."""
    # A case can have a reference that was never reserved, given out while its node had neither database nor stock.
    used = await in_use(engine, wanted)
    rows = [{"reference": each, "node": node, "reserved": datetime.now(UTC)} for each in {*wanted} - used]
    if not rows:
        return []
    insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
    async with writing(engine) as connection:
        statement = insert(CaseReference).values(rows).on_conflict_do_nothing().returning(CaseReference.reference)
        return list(await connection.scalars(statement))


async def reserve_one(engine: AsyncEngine, node: str, allocator: ReferenceAllocator) -> str:
    """Reserve a reference to be used at once. DatabaseError when the database is away, OSError if the disk refuses."""
    while True:
        for reference in await reserve(engine, node, allocator.candidates(1)):
            return reference


async def restock(engine: AsyncEngine, node: str, allocator: ReferenceAllocator, most: int = STOCK) -> None:
    """Reserve references until the node has about `most`.

    DatabaseError when the database is away, OSError if the disk refuses.
    """
    while len(stock := allocator.stock()) <= most - GROUP:
        allocator.add(())  # a disk that refuses is to cost no references
        allocator.add(await reserve(engine, node, allocator.candidates(GROUP)))
    if used := await in_use(engine, stock):
        allocator.drop(used)


async def in_use(engine: AsyncEngine, references: Collection[str]) -> set[str]:
    """Return those that a case has."""
    async with reading(engine) as connection:
        found = await connection.scalars(select(CaseFile.reference).where(CaseFile.reference.in_(references)))
        return set(found)
