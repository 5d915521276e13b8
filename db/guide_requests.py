"""Requests for a procedure of the guide in writing. They come through the journal;
`office.guide_requests` has what people do with them.

Functions raise DatabaseError if the database is away.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.guide_request_data import GuideRequest
from db.of_tests import is_of_test
from db.read import ids_beginning
from db.rows import NotFoundError
from db.tables import GuideRequest as Row

COLUMNS = tuple(
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


async def _requests(engine: AsyncEngine, where: Any) -> Sequence[GuideRequest]:
    async with reading(engine) as connection:
        rows = await connection.execute(select(*COLUMNS).where(where).order_by(Row.due, Row.id))
        return [GuideRequest(*row) for row in rows]
