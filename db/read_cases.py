"""Queries of case files, like those of `db.read`."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, false, select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.names import folded
from db.of_tests import is_of_test
from db.references import normalize
from db.rows import NotFoundError, all_rows, from_row
from db.tables import CaseFile, CaseNote


@dataclass(frozen=True, slots=True)
class Case:
    reference: str
    kind: str
    state: str
    topic: str | None
    language: str | None
    country: str | None
    post: str | None
    call_id: UUID | None
    caller: str | None
    title: str | None
    applicant: str | None
    missing: str | None
    expected: date | None
    owner: str | None
    priority: str
    follow_up: date | None
    opened: datetime
    due: datetime | None
    closed: datetime | None


@dataclass(frozen=True, slots=True)
class Note:
    id: UUID
    at: datetime
    author: str
    text: str
    call_id: UUID | None


async def cases(
    engine: AsyncEngine,
    last: int = 20,
    *,
    state: str | None = None,
    owner: str | None = None,
    applicant: str | None = None,
    overdue: datetime | None = None,
    tests: bool = False,
) -> list[Case]:
    """Return the last opened case files, newest first.

    Args:
        tests: Also those opened in test calls.
        applicant: Only those whose applicant has these words in their name.
        overdue: Only those that were due by then and are not closed.
    """
    wanted = [CaseFile.state == state] if state is not None else []
    if owner is not None:
        wanted.append(CaseFile.owner == owner)
    if applicant is not None:
        wanted.append(applicant_has(applicant))
    if overdue is not None:
        wanted += [CaseFile.due <= overdue, CaseFile.closed.is_(None)]
    if not tests:
        wanted.append(~is_of_test(CaseFile.call_id))
    async with reading(engine) as connection:
        found = await connection.execute(
            select(CaseFile).where(*wanted).order_by(CaseFile.opened.desc(), CaseFile.reference.desc()).limit(last)
        )
        return [from_row(Case, row) for row in found]


def applicant_has(words: str) -> ColumnElement[bool]:
    """Return the condition that an applicant's name has all these words, or parts of it, in any order and script."""
    parts = folded(words).split()
    return and_(*(CaseFile.applicant_folded.contains(part, autoescape=True) for part in parts)) if parts else false()


async def case(engine: AsyncEngine, reference: str) -> tuple[Case, list[Note]]:
    """Return a case file and its notes, oldest first. Raises NotFoundError if there is no such case."""
    digits = normalize(reference)
    async with reading(engine) as connection:
        found = (await connection.execute(select(CaseFile).where(CaseFile.reference == digits))).one_or_none()
        if found is None:
            raise NotFoundError(f"no case has the reference {reference!r}: see `hatif cases`")
        mine = CaseNote.case_reference == digits
        return from_row(Case, found), await all_rows(connection, Note, CaseNote, mine, CaseNote.at, CaseNote.id)
