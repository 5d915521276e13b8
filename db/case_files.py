"""Queries about one case file: for a caller who asks for its state, and for the people who work on it.

As in `db.read`, each function takes an engine and raises DatabaseError if the database is away.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.enums import CasePriority, CaseState
from db.read_cases import Case, Note
from db.references import normalize
from db.rows import NotFoundError
from db.tables import Caller, CaseFile, CaseNote
from db.tables import Message as MessageTable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Failures:
    """The number of wrong PINs, and until when they lock."""

    failures: int
    locked_until: datetime | None


@dataclass(frozen=True, slots=True)
class FileByTelephone:
    """The part of a file that a caller with the right PIN may hear, and the data to check the PIN."""

    reference: str
    state: str
    missing: str | None
    expected: date | None
    pin_hash: str | None  # None: nobody can hear about it by telephone
    tried: Failures
    owner: str | None = None  # operator's id
    applicants_number: str | None = None
    tried_by_applicant: Failures = Failures(0, None)  # from that number; all others are in `tried`


@dataclass(frozen=True, slots=True)
class Claim:
    """A caller's attempt to hear about a file. `file`: None if there is no such reference; `tried`: the wrong PINs from
    the caller's `number`."""

    file: FileByTelephone | None
    number: str
    tried: Failures


async def claim(engine: AsyncEngine, reference: str, number: str) -> Claim:
    """Return the data to check a caller's reference and PIN."""
    async with reading(engine) as connection:
        file = (
            await connection.execute(
                select(
                    CaseFile.reference,
                    CaseFile.state,
                    CaseFile.missing,
                    CaseFile.expected,
                    CaseFile.pin_hash,
                    CaseFile.pin_failures,
                    CaseFile.pin_locked_until,
                    CaseFile.owner,
                    CaseFile.caller,
                    CaseFile.pin_own_failures,
                    CaseFile.pin_own_locked_until,
                ).where(CaseFile.reference == reference)
            )
        ).one_or_none()
        caller = (
            await connection.execute(
                select(Caller.pin_failures, Caller.pin_locked_until).where(Caller.number == number)
            )
        ).one_or_none()
    return Claim(
        FileByTelephone(
            *file[:5],
            Failures(file.pin_failures, file.pin_locked_until),
            file.owner,
            file.caller,
            Failures(file.pin_own_failures, file.pin_own_locked_until),
        )
        if file is not None
        else None,
        number,
        Failures(caller.pin_failures, caller.pin_locked_until) if caller is not None else Failures(0, None),
    )


@dataclass(frozen=True, slots=True)
class File(Case):
    """A case file without its PIN. `pin`: whether it has one; `version`: one more with each change by people."""

    version: int
    changed: datetime | None
    notify_number: str | None
    pin: bool
    pin_failures: int
    pin_locked_until: datetime | None
    pin_own_failures: int
    pin_own_locked_until: datetime | None
    node: str


@dataclass(frozen=True, slots=True)
class Message:
    """A voice message that a caller left."""

    at: datetime
    category: str | None
    file: str  # relative to HATIF_HOME
    duration_ms: int | None
    text: str | None
    text_language: str | None
    text_confidence: int | None
    text_why: str | None
    heard: datetime | None
    heard_by: str | None
    erased: datetime | None


@dataclass(frozen=True, slots=True)
class FileStory:
    """A case file with its notes and messages, oldest first."""

    file: File
    notes: list[Note]
    messages: list[Message]


async def story(engine: AsyncEngine, reference: str) -> FileStory:
    """Return a case file with its notes and messages. Raises NotFoundError if there is no such file."""
    digits = normalize(reference)
    async with reading(engine) as connection:
        row = (await connection.execute(select(CaseFile).where(CaseFile.reference == digits))).one_or_none()
        if row is None:
            raise NotFoundError(f"no case has the reference {reference!r}: see `hatif cases`")
        notes = await connection.execute(
            select(CaseNote).where(CaseNote.case_reference == digits).order_by(CaseNote.at, CaseNote.id)
        )
        messages = await connection.execute(
            select(MessageTable).where(MessageTable.case_reference == digits).order_by(MessageTable.at, MessageTable.id)
        )
        return FileStory(
            File(
                **{name: getattr(row, name) for name in File.__dataclass_fields__ if name != "pin"},
                pin=bool(row.pin_hash),
            ),
            _from_rows(Note, notes.all()),
            _from_rows(Message, messages.all()),
        )


def new_story(node: str, columns: Mapping[str, Any], *notes: Mapping[str, Any]) -> FileStory:
    """Return a case that was opened a moment ago with these columns and notes, as it will be in the database."""
    empty: dict[str, Any] = dict.fromkeys(File.__dataclass_fields__)
    own = {name: value for name, value in columns.items() if name in empty}
    empty |= {"state": CaseState.OPEN.value, "priority": CasePriority.NORMAL.value, "version": 1, "node": node}
    empty |= {"pin": bool(columns.get("pin_hash")), "pin_failures": 0, "pin_own_failures": 0}
    shown = [Note(note["id"], note["at"], note["author"], note["text"], note.get("call_id")) for note in notes]
    return FileStory(File(**{**empty, **own}), shown, [])


def _from_rows(kind: type[T], rows: Sequence[Any]) -> list[T]:
    names = kind.__dataclass_fields__  # type: ignore[attr-defined]
    return [kind(**{name: getattr(row, name) for name in names}) for row in rows]
