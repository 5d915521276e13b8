"""Use of the guide by callers, and their questions that it does not answer. Functions raise DatabaseError."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, true
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.enums import CaseKind
from db.tables import Audit, Call, CallEvent, CaseFile, QuestionDone

_EVENT, _GAP = "guide", "guide_gap"


@dataclass(frozen=True, slots=True)
class Hearing:
    """A call in which a procedure was heard. `queued`: when the caller began to wait for an operator, if they did."""

    call: UUID
    procedure: str
    last: datetime
    queued: datetime | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that an operator did not find in the guide."""

    at: datetime
    words: str
    language: str
    topic: str | None


@dataclass(frozen=True, slots=True)
class Complaint:
    """A complaint or suggestion. `call`: in which it was opened."""

    opened: datetime
    topic: str | None
    call: UUID | None


@dataclass(frozen=True, slots=True)
class Done:
    """A question that somebody has dealt with."""

    question: str
    done: datetime
    done_by: str
    note: str | None


async def hearings(engine: AsyncEngine, since: datetime, until: datetime | None = None) -> Sequence[Hearing]:
    """Return what was heard in the calls that began in a period, without test calls."""
    procedure = CallEvent.data["procedure"].as_string()
    query = (
        select(Call.id, procedure, func.max(CallEvent.at), Call.queued)
        .join(CallEvent, CallEvent.call_id == Call.id)
        .where(Call.live, Call.started >= since, Call.started < until if until is not None else true())
        .where(CallEvent.kind == _EVENT)
        .group_by(Call.id, procedure, Call.queued)
    )
    async with reading(engine) as connection:
        return [Hearing(*row) for row in await connection.execute(query)]


async def gaps(engine: AsyncEngine, since: datetime) -> Sequence[Gap]:
    """Return what operators marked as missing since then, the oldest first."""
    query = select(Audit.at, Audit.data).where(Audit.at >= since, Audit.act == _GAP).order_by(Audit.at, Audit.seq)
    async with reading(engine) as connection:
        found: list[tuple[datetime, Any]] = [(row.at, row.data) for row in await connection.execute(query)]
    return [
        Gap(at, str(data.get("words") or ""), str(data.get("language") or ""), data.get("topic"))
        for at, data in found
        if isinstance(data, dict) and data.get("words")
    ]


async def complaints(engine: AsyncEngine, since: datetime) -> Sequence[Complaint]:
    """Return the complaints and suggestions since then, the oldest first."""
    kinds = (CaseKind.COMPLAINT.value, CaseKind.SUGGESTION.value)
    query = select(CaseFile.opened, CaseFile.topic, CaseFile.call_id)
    where = (CaseFile.opened >= since, CaseFile.kind.in_(kinds))
    async with reading(engine) as connection:
        return [Complaint(*row) for row in await connection.execute(query.where(*where).order_by(CaseFile.opened))]


async def done(engine: AsyncEngine) -> dict[str, Done]:
    """Return what was dealt with, by question."""
    query = select(QuestionDone.question, QuestionDone.done, QuestionDone.done_by, QuestionDone.note)
    async with reading(engine) as connection:
        return {row.question: Done(*row) for row in await connection.execute(query)}
