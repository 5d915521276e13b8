"""Amendments of the guide, and callers' questions that were dealt with.

Functions raise DatabaseError if the database is away.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.amendment_data import Amendment
from db.engine import insert_of, reading, writing
from db.enums import AmendmentState
from db.rows import NotFoundError
from db.tables import Amendment as Row
from db.tables import QuestionDone

_COLUMNS = tuple(getattr(Row, name) for name in Amendment.__dataclass_fields__)


async def propose(engine: AsyncEngine, amendment: Amendment) -> None:
    """Keep a new amendment."""
    async with writing(engine) as connection:
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
    """Bring an amendment from one state to another, with more values; return False if it is not in that state."""
    values = {"state": after.value, **more}
    async with writing(engine) as connection:
        moved = await connection.execute(
            update(Row).where(Row.id == identity, Row.state == before.value).values(values)
        )
        return bool(moved.rowcount)


async def note_done(engine: AsyncEngine, question: str, at: datetime, by: str, note: str) -> None:
    """Keep that a question of callers was dealt with."""
    row = {"done": at, "done_by": by, "note": note or None}
    statement = insert_of(engine.dialect.name)(QuestionDone).values(question=question, **row)
    async with writing(engine) as connection:
        await connection.execute(statement.on_conflict_do_update(index_elements=["question"], set_=row))
