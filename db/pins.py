"""The stored hashes of PINs: sealed at an upgrade, and unsealed for an earlier version that knows no seals."""

from collections.abc import Callable

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading, writing
from db.tables import CaseFile

_GROUP = 500  # rows of one transaction, so that none takes long


async def rewrite(engine: AsyncEngine, begins: str, new: Callable[[str], str]) -> int:
    """Replace each hash that begins like this by what `new` makes of it; return how many there were.

    A hash that has changed meanwhile is left alone.
    """
    wanted = select(CaseFile.reference, CaseFile.pin_hash).where(CaseFile.pin_hash.startswith(begins))
    async with reading(engine) as connection:
        rows = [(row.reference, row.pin_hash or "") for row in await connection.execute(wanted)]
    for first in range(0, len(rows), _GROUP):
        async with writing(engine) as connection:
            for reference, pin_hash in rows[first : first + _GROUP]:
                same = (CaseFile.reference == reference) & (CaseFile.pin_hash == pin_hash)
                await connection.execute(update(CaseFile).where(same).values(pin_hash=new(pin_hash)))
    return len(rows)
