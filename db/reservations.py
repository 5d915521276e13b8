"""Reserving case references in the database, so that no other node allocates them."""

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import insert_of, reading, writing
from db.references import ReferenceAllocator
from db.tables import CaseFile, CaseReference

STOCK = 2000  # references on disk, for times when the database is away
GROUP = 500  # references per transaction: well under 50 ms on SQLite


async def reserve(engine: AsyncEngine, node: str, wanted: Collection[str]) -> list[str]:
    """Reserve those of the `wanted` references that are free; return them. Raises DatabaseError if the database is
    away."""
    # A case may have a reference that was never reserved, allocated while its node had neither database nor stock.
    used = await references_in_use(engine, wanted)
    rows = [{"reference": reference, "node": node, "reserved": datetime.now(UTC)} for reference in {*wanted} - used]
    if not rows:
        return []
    insert = insert_of(engine.dialect.name)(CaseReference)
    async with writing(engine) as connection:
        statement = insert.on_conflict_do_nothing().returning(CaseReference.reference)
        return list(await connection.scalars(statement, rows))


async def reserve_one(engine: AsyncEngine, node: str, allocator: ReferenceAllocator) -> str:
    """Reserve a reference to be used at once. Raises DatabaseError if the database is away, OSError if the stock's file
    cannot be read."""
    while True:
        for reference in await reserve(engine, node, allocator.candidates(1)):
            return reference


async def restock(engine: AsyncEngine, node: str, allocator: ReferenceAllocator, most: int = STOCK) -> None:
    """Reserve references until the node has about `most`. The disk, its lock and check digits are left to threads.

    Raises DatabaseError if the database is away, OSError if the stock's file cannot be written.
    """
    while len(stock := await asyncio.to_thread(allocator.stock)) <= most - GROUP:
        # Fails before references are reserved and lost, if the file cannot be written.
        await asyncio.to_thread(allocator.add, ())
        wanted = await asyncio.to_thread(allocator.candidates, GROUP)
        await asyncio.to_thread(allocator.add, await reserve(engine, node, wanted))
    if used := await references_in_use(engine, stock):
        await asyncio.to_thread(allocator.drop, used)


async def references_in_use(engine: AsyncEngine, references: Collection[str]) -> set[str]:
    """Return those of the references that cases have."""
    async with reading(engine) as connection:
        return set(await connection.scalars(select(CaseFile.reference).where(CaseFile.reference.in_(references))))
