"""Amendments of the guide. People propose, refuse and withdraw them in the office; the controller releases them.

Functions raise DatabaseError if the database is away.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.amendment_data import Amendment
from db.engine import reading, writing
from db.enums import AmendmentState
from db.rows import NotFoundError
from db.tables import Amendment as Row

_COLUMNS = tuple(getattr(Row, name) for name in Amendment.__dataclass_fields__)


async def propose(connection: AsyncConnection, amendment: Amendment) -> None:
    """Keep a new amendment."""
    await connection.execute(insert(Row).values(asdict(amendment)))


async def latest(engine: AsyncEngine, last: int, procedure: str | None = None) -> Sequence[Amendment]:
    """Return the latest amendments, of one procedure if it is named, the newest first."""
    where = Row.procedure == procedure if procedure is not None else true()
    query = select(*_COLUMNS).where(where).order_by(Row.proposed.desc(), Row.id.desc()).limit(last)
    async with reading(engine) as connection:
        return [Amendment(*row) for row in await connection.execute(query)]


async def find(engine: AsyncEngine, identity: UUID) -> Amendment:
    """Return an amendment. Raises NotFoundError if there is none."""
    async with reading(engine) as connection:
        row = (await connection.execute(select(*_COLUMNS).where(Row.id == identity))).first()
    if row is None:
        raise NotFoundError("there is no such amendment")
    return Amendment(*row)


async def move(engine: AsyncEngine, identity: UUID, before: AmendmentState, after: AmendmentState, **more: Any) -> bool:
    """Do as `decide` in a transaction of its own."""
    async with writing(engine) as connection:
        return await decide(connection, identity, before, after, **more)


async def decide(
    connection: AsyncConnection, identity: UUID, before: AmendmentState, after: AmendmentState, **more: Any
) -> bool:
    """Bring an amendment from one state to another, with more values; return False if it is not in that state."""
    moved = update(Row).where(Row.id == identity, Row.state == before.value).values(state=after.value, **more)
    return bool((await connection.execute(moved)).rowcount)
