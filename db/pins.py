"""Hashes of PINs that were stored before the installation had a pepper."""

from collections.abc import Callable

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading, writing
from db.tables import CaseFile

_GROUP = 500  # rows of one transaction, so that none takes long


async def seal(engine: AsyncEngine, sealed: Callable[[str], str]) -> int:
    """Replace each unsealed hash by its sealed form, which needs no PIN; return how many there were.

    A hash that has changed meanwhile is left alone.
    """
    unsealed = select(CaseFile.reference, CaseFile.pin_hash).where(CaseFile.pin_hash.startswith("$argon2"))
    async with reading(engine) as connection:
        rows = [(row.reference, row.pin_hash or "") for row in await connection.execute(unsealed)]
    for first in range(0, len(rows), _GROUP):
        async with writing(engine) as connection:
            for reference, pin_hash in rows[first : first + _GROUP]:
                same = (CaseFile.reference == reference) & (CaseFile.pin_hash == pin_hash)
                await connection.execute(update(CaseFile).where(same).values(pin_hash=sealed(pin_hash)))
    return len(rows)
