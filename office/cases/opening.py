"""Opening a case file by hand, whose applicant can ask for its state by telephone."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from db import case_changes, case_openings, pin_hashes
from db.case_rows import Rows, opening_rows
from db.engine import DatabaseError, writing
from db.enums import CaseKind
from db.reservations import reserve_one
from office.cases.rules import CaseError, CaseRules
from office.context import Office
from office.delivery import NotKeptError
from office.people import Actor, Permission, require

REQUIRED = ("title", "topic", "language", "country")
"""Of a new case."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A new case. `pin`: with which its applicant asks for its state, shown only now; `rows`: as they are stored;
    `away`: why it is in the journal only."""

    reference: str
    pin: str
    columns: Mapping[str, Any]
    rows: Rows
    away: str | None

    @property
    def file(self) -> Mapping[str, Any]:
        """The columns of its file."""
        return self.rows[0][1]

    @property
    def note(self) -> Mapping[str, Any]:
        """The columns of its first note."""
        return self.rows[1][1]


async def open_case(office: Office, actor: Actor, columns: Mapping[str, Any], rules: CaseRules) -> Opened:
    """Open a case with these columns under a new reference. Works while the database is away.

    Raises NotAllowedError, CaseError for a column that cannot be so, and NotKeptError if the disk cannot record that
    the reference was given out.
    """
    require(actor, Permission.TAKE_CALLS)
    stored = rules.check({"kind": CaseKind.ENQUIRY.value, **columns}, office.now())
    for name in REQUIRED:
        if not stored.get(name):
            raise CaseError(f"a new case needs a {name}.", name)
    pin = pin_hashes.new()
    hashing = asyncio.create_task(asyncio.to_thread(pin_hashes.hash_pin, pin, office.pepper))
    try:
        reference, away = await _new_reference(office)
    finally:
        pin_hash = await hashing
    rows = opening_rows(reference, stored, pin_hash, actor.id, office.now())
    if away is None:
        away = await _insert(office, rows)
    if away is not None:
        office.keep(rows)
    return Opened(reference, pin, stored, rows, away)


async def _new_reference(office: Office) -> tuple[str, str | None]:
    """Return an unused reference, and why the database is away, if it is."""
    assert office.references is not None, "this office opens no cases"
    try:
        try:
            return await reserve_one(office.engine, office.node, office.references), None
        except DatabaseError as error:
            away = str(error)
        return await asyncio.to_thread(office.references.next), away
    except OSError as error:
        raise NotKeptError(
            f"{office.references.file} cannot be written ({error.strerror}): no file was opened; make room on its disk."
        ) from None


async def _insert(office: Office, rows: Rows) -> str | None:
    (_, file), *others = rows
    try:
        async with writing(office.engine) as connection:
            await case_openings.open_case(connection, {"node": office.node, **file}, [])
            await case_changes.put(connection, others, office.node)
    except DatabaseError as error:
        # Also where it may have been opened: the same record twice opens it once.
        return str(error)
    return None
