"""The audit trail. Functions raise DatabaseError if the database is away."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Insert, insert, select, true
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.ids import uuid7
from db.tables import Audit, Call

SUPERVISIONS = ("listen", "whisper", "join")
"""Acts with a duration: until the next record of the same supervision, or the end of the call."""
ENDED = "supervision_ended"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An act of a person. `until`: the end of a supervision in one mode; None for acts without a duration and for
    supervisions in progress."""

    at: datetime
    by: str
    act: str
    about: str | None
    call: UUID | None
    until: datetime | None
    reason: str | None
    data: dict[str, Any]


def entry(at: datetime, by: str, act: str, about: str | None = None, /, **data: Any) -> Insert:
    """Return the statement that adds an entry of the desk, or of a command, to the transaction of the act itself.

    No journal numbers it, so it gets a key of its own.
    """
    row = {"node": "desk", "boot": uuid7(), "seq": 1, "at": at}
    return insert(Audit).values(**row, by=by, act=act, about=about, data=data)


async def audit_entries(engine: AsyncEngine, last: int, act: str | None = None) -> list[AuditEntry]:
    """Return the last entries, those of one act if it is named, newest first.

    The end of a supervision is part of the entry for its beginning.
    """
    acts = (*SUPERVISIONS, ENDED) if act in SUPERVISIONS else (act,)  # another one may be the end of this one
    wanted = Audit.act.in_(acts) if act is not None else true()
    query = (
        select(Audit, Call.ended.label("call_ended"))
        .outerjoin(Call, Call.id == Audit.call_id)
        .where(wanted)
        .order_by(Audit.at.desc(), Audit.seq.desc())
        .limit(last)
    )
    async with reading(engine) as connection:
        return entries_of(await connection.execute(query), act)


def entries_of(rows: Iterable[Any], act: str | None) -> list[AuditEntry]:
    """Return the entries of rows, which are the newest first, with the ends of supervisions."""
    entries: list[AuditEntry] = []
    following: dict[str, tuple[datetime, str | None]] = {}  # by supervision: the next later record
    for row in rows:
        supervision = row.data.get("supervision") if isinstance(row.data, dict) else None
        until, reason = None, row.reason
        if row.act in SUPERVISIONS:
            until, reason = following.get(str(supervision), (row.call_ended, None))
        if supervision is not None:
            following[str(supervision)] = (row.at, row.reason)
        if row.act != ENDED and act in (None, row.act):
            entries.append(AuditEntry(row.at, row.by, row.act, row.about, row.call_id, until, reason, row.data))
    return entries
