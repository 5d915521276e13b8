"""Changes of case files.

With the database there, a change is one update that compares the version of the case. With it away, it is a record in
the journal that carries the version; one that meets a newer version when it is delivered becomes a note of the case and
a task of its author (`db.case_changes`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db import case_changes, case_files, pin_hashes
from db.case_changes import Change
from db.case_files import FileStory
from db.case_rows import new_pin_rows, note_rows, plain
from db.engine import DatabaseError, writing
from db.ids import uuid7
from db.references import format_reference
from db.tables import CaseChange, CaseFile
from db.traces import Read
from office.cases.references import UnknownCaseError, digits_of
from office.cases.rules import CaseRules, note_text
from office.context import Kept, Office
from office.people import Actor, Permission, require
from office.reading import Reading, put_on_record
from wire.errors import UserError

T = TypeVar("T")

_DELIVERED_S = 1.0
"""How long a change waits for the database to have the case that a call has just opened; usually some 0.2 s."""
_POLL_S = 0.05


class ChangedMeanwhileError(UserError):
    """A change of a version that the case no longer has. `story`: the case as it is."""

    def __init__(self, story: FileStory) -> None:
        written = format_reference(story.file.reference)
        super().__init__(
            f"case {written} was changed meanwhile, and is as it was after that: see it with `hatif case show "
            f"{written}`, then give the command again if it is still right, with the version that is shown if any."
        )
        self.story = story


@dataclass(frozen=True, slots=True)
class Changed:
    """A change that was taken.

    Attributes:
        version: Of the case as it is now, or will be once the journal is delivered.
        before: The columns as they were; None if the database is away.
        new: The columns that are different now, or as they were asked for if the database is away.
        away: Why the change is in the journal only.
    """

    version: int
    before: Mapping[str, Any] | None
    new: Mapping[str, Any]
    away: str | None = None


async def change(
    office: Office,
    actor: Actor,
    reference: str,
    version: int,
    columns: Mapping[str, Any],
    rules: CaseRules,
    reading: Reading,
    *,
    why: str = "",
) -> Changed:
    """Change columns of a case, based on a version of it.

    Raises NotAllowedError, UnknownCaseError, CaseError for a column that cannot be so, ChangedMeanwhileError if the
    case has another version, and what `reading` raises.
    """
    require(actor, Permission.TAKE_CALLS)
    digits, now = digits_of(reference), office.now()
    wanted = Change(digits, version, rules.check(columns, now), actor.id, now, why.strip())
    await put_on_record(office, actor, Read.CASE, f"case:{digits}", reading)
    try:
        made = await _once_there(office, digits, lambda connection: case_changes.make(connection, wanted, office.node))
        if made is None:
            raise ChangedMeanwhileError(await case_files.story(office.engine, digits))
    except (DatabaseError, NotThereYetError) as error:
        # Also where it may have been made: the record then finds the case as it wants it, and does nothing.
        return _journalled(office, wanted, error)
    office.kept.pop((actor.id, digits), None)
    return Changed(made.version, made.before, made.new)


async def note(
    office: Office,
    actor: Actor,
    reference: str,
    text: str,
    reading: Reading,
    *,
    identity: UUID | None = None,
    call: UUID | None = None,
) -> str | None:
    """Add a note to a case: the same `identity` twice is one note. Return why it is in the journal only, if so.

    Notes never collide, so they need no version. Raises as `change` does.
    """
    require(actor, Permission.TAKE_CALLS)
    digits = digits_of(reference)
    rows = note_rows(digits, note_text(text), actor.id, office.now(), note=identity, call=call)
    await put_on_record(office, actor, Read.CASE, f"case:{digits}", reading)

    async def put(connection: AsyncConnection) -> None:
        await case_changes.put(connection, rows, office.node)

    try:
        await _once_there(office, digits, put)
    except (DatabaseError, NotThereYetError) as error:
        office.keep(rows)
        return str(error)
    return None


async def new_pin(office: Office, actor: Actor, reference: str, reading: Reading) -> str:
    """Give a case a new PIN and return it; a lock of the case ends. Raises as `change` does, and DatabaseError."""
    require(actor, Permission.TAKE_CALLS)
    digits, now = digits_of(reference), office.now()
    await put_on_record(office, actor, Read.CASE, f"case:{digits}", reading)
    pin = pin_hashes.new()
    pin_hash = await asyncio.to_thread(pin_hashes.hash_pin, pin, office.pepper)
    (_, columns), *others = new_pin_rows(digits, pin_hash, actor.id, now)

    async def give(connection: AsyncConnection) -> None:
        await connection.execute(update(CaseFile).where(CaseFile.reference == digits).values(columns))
        await case_changes.put(connection, others, office.node)

    try:
        await _once_there(office, digits, give)
    except NotThereYetError as error:
        raise DatabaseError(str(error)) from None
    return pin


async def finish_unmade(office: Office, actor: Actor, identity: UUID) -> None:
    """Note that nothing is left to do about a change of theirs that was not made. Raises as `new_pin` does."""
    require(actor, Permission.TAKE_CALLS)
    mine = (CaseChange.id == identity) & (CaseChange.author == actor.id)
    async with writing(office.engine) as connection:
        await connection.execute(update(CaseChange).where(mine).values(done=office.now()))


class NotThereYetError(Exception):
    """The call that is up has opened the case, and the database does not have it yet."""


async def _once_there(office: Office, digits: str, act: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Do something with a case in one transaction.

    One that the call has just opened is waited for. Raises UnknownCaseError, NotThereYetError, DatabaseError.
    """
    deadline = asyncio.get_running_loop().time() + _DELIVERED_S
    known = select(CaseFile.reference).where(CaseFile.reference == digits)
    while True:
        async with writing(office.engine) as connection:
            if await connection.scalar(known) is not None:
                return await act(connection)
        if office.opened(digits) is None:
            raise UnknownCaseError(digits)
        if asyncio.get_running_loop().time() > deadline:
            raise NotThereYetError(f"the database does not have case {format_reference(digits)} yet")
        await asyncio.sleep(_POLL_S)


def _journalled(office: Office, wanted: Change, error: Exception) -> Changed:
    """Keep a change in the journal, based on the version that its author has seen, or has made by the last one."""
    key = (wanted.by, wanted.reference)
    kept = office.kept.get(key)
    version = kept.now if kept is not None and kept.seen == wanted.version else wanted.version
    row = {
        "id": uuid7(),
        "case_reference": wanted.reference,
        "version": version,
        "columns": {name: plain(value) for name, value in wanted.columns.items()},
        "author": wanted.by,
        "why": wanted.why or None,
        "at": wanted.at,
    }
    office.keep([("case_change", row)])
    office.kept[key] = Kept(wanted.version, version + 1)
    return Changed(version + 1, None, wanted.columns, str(error))
