"""Who did what to whom. Raises DatabaseError when the database is away."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.tables import Audit, Call

SUPERVISIONS = ("listen", "whisper", "join")
"""Acts that last: until the next record of the same supervision, or the end of the call."""


@dataclass(frozen=True, slots=True)
class Deed:
    """`until`: the end of a supervision in one mode; None for what does not last, and for what still goes on."""

    at: datetime
    by: str
    act: str
    about: str | None
    call: UUID | None
    until: datetime | None
    reason: str | None
    data: dict[str, Any]


async def deeds(engine: AsyncEngine, last: int) -> list[Deed]:
    """The last records, the newest first; the end of a supervision is told with its beginning."""
    query = (
        select(Audit, Call.ended.label("call_ended"))
        .outerjoin(Call, Call.id == Audit.call_id)
        .order_by(Audit.at.desc(), Audit.seq.desc())
        .limit(last)
    )
    found: list[Deed] = []
    over: dict[str, tuple[datetime, str | None]] = {}  # by supervision: the record after the one that is looked at
    async with reading(engine) as connection:
        for row in await connection.execute(query):
            use = row.data.get("supervision") if isinstance(row.data, dict) else None
            until, reason = None, row.reason
            if row.act in SUPERVISIONS:
                until, reason = over.get(str(use), (row.call_ended, None))
            if use is not None:
                over[str(use)] = (row.at, row.reason)
            if row.act != "supervision_ended":
                found.append(Deed(row.at, row.by, row.act, row.about, row.call_id, until, reason, row.data))
    return found
