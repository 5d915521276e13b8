"""Requests for a procedure of the guide in writing. They come through the journal, and people end them.

Functions raise DatabaseError if the database is away.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading, writing
from db.enums import GuideOutcome
from db.guide_request_data import GuideRequest
from db.of_tests import is_of_test
from db.read import ids_beginning
from db.rows import NotFoundError
from db.tables import GuideRequest as Row

_COLUMNS = tuple(
    is_of_test(Row.call_id) if name == "test" else getattr(Row, name) for name in GuideRequest.__dataclass_fields__
)


async def latest(engine: AsyncEngine, last: int) -> list[GuideRequest]:
    """Return the requests that have not ended, the first due first, then the `last` ones that have, newest first."""
    newest = select(Row.id).where(Row.ended.is_not(None)).order_by(Row.ended.desc()).limit(last)
    requests = await _requests(engine, or_(Row.ended.is_(None), Row.id.in_(newest)))
    over = [(request.ended, request) for request in requests if request.ended is not None]
    over.sort(key=lambda ended: ended[0], reverse=True)
    return [*(request for request in requests if request.ended is None), *(request for _, request in over)]


async def find(engine: AsyncEngine, beginning: str) -> GuideRequest:
    """Return the request whose id begins with `beginning`. Raises NotFoundError if there is not exactly one."""
    ids = ids_beginning(beginning, "hatif waiting")
    found = await _requests(engine, Row.id.between(*ids))
    if len(found) != 1:
        count = "more than one request has" if found else "no request to send something has"
        raise NotFoundError(f"{count} an id that begins with {beginning!r}; see `hatif waiting`")
    return found[0]


async def end(engine: AsyncEngine, identity: UUID, outcome: GuideOutcome, *, by: str, why: str, at: datetime) -> bool:
    """End a request; return False, and change nothing, if it has ended already."""
    over = {"outcome": outcome.value, "reason": why or None, "ended": at, "ended_by": by}
    async with writing(engine) as connection:
        ended = await connection.execute(update(Row).where(Row.id == identity, Row.ended.is_(None)).values(over))
        return bool(ended.rowcount)


async def take(engine: AsyncEngine, identity: UUID, by: str, at: datetime) -> bool:
    """Give a request to somebody; return False if somebody else has it, or it has ended. Idempotent."""
    mine = {"taken_by": by, "taken": func.coalesce(Row.taken, at)}
    free = (Row.ended.is_(None), or_(Row.taken_by.is_(None), Row.taken_by == by))
    async with writing(engine) as connection:
        taken = await connection.execute(update(Row).where(Row.id == identity, *free).values(mine))
        return bool(taken.rowcount)


async def release(engine: AsyncEngine, identity: UUID, by: str | None) -> bool:
    """Let others take a request again; return False if it is not `by` who has it (None: whoever), or it has ended."""
    theirs = Row.taken_by == by if by is not None else Row.taken_by.is_not(None)
    free = {"taken_by": None, "taken": None}
    async with writing(engine) as connection:
        released = await connection.execute(
            update(Row).where(Row.id == identity, Row.ended.is_(None), theirs).values(free)
        )
        return bool(released.rowcount)


async def _requests(engine: AsyncEngine, where: Any) -> Sequence[GuideRequest]:
    async with reading(engine) as connection:
        rows = await connection.execute(select(*_COLUMNS).where(where).order_by(Row.due, Row.id))
        return [GuideRequest(*row) for row in rows]
