"""Cases in the database of a desk under test."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncEngine

from db.case_files import story
from db.engine import writing
from db.names import folded
from db.references import make_reference
from db.tables import CaseFile, CaseNote

REFERENCE, OTHER = make_reference(1, 17), make_reference(1, 18)
NUMBER = "+33612345678"


def columns_of(**members: Any) -> dict[str, Any]:
    """Return the columns of a case; `members` are those that a test is about."""
    given = {"missing": ",".join(members["missing"]) or None} if isinstance(members.get("missing"), list) else {}
    days = {name: date.fromisoformat(text) for name, text in members.items() if isinstance(text, str) and name in _DAYS}
    if isinstance(members.get("due"), str):
        days["due"] = datetime.fromisoformat(members["due"])
    name = members.get("applicant")
    return {
        "reference": REFERENCE,
        "node": "n",
        "kind": "procedure",
        "state": "open",
        "topic": "documents",
        "language": "fr",
        "country": "FR",
        "caller": NUMBER,
        "title": "First passport",
        "missing": "photograph",
        "owner": "1003",
        "due": datetime(2026, 12, 1, 9, 30, tzinfo=UTC),
        "opened": datetime(2026, 11, 20, 10, tzinfo=UTC),
        "pin_hash": "of the tests",
        "applicant_folded": folded(name) if name else None,
        **members,
        **given,
        **days,
    }


async def notes_of(engine: AsyncEngine, reference: str = REFERENCE) -> list[tuple[str, str]]:
    """Return the author and the text of each note that was added after the first one."""
    return [(note.author, note.text) for note in (await story(engine, reference)).notes[1:]]


async def store_case(engine: AsyncEngine, *, said: str = "Asked for a photograph.", **members: Any) -> None:
    """Store a case with a note that says something, in place of the one with its reference."""
    columns = columns_of(**members)
    reference = columns["reference"]
    note = {"text": said, "at": columns["opened"], "author": "1003"}
    async with writing(engine) as connection:
        await connection.execute(delete(CaseFile).where(CaseFile.reference == reference))
        await connection.execute(delete(CaseNote).where(CaseNote.case_reference == reference))
        await connection.execute(insert(CaseFile).values(columns))
        await connection.execute(insert(CaseNote).values(id=uuid4(), node="n", case_reference=reference, **note))


_DAYS = frozenset({"expected", "follow_up"})
