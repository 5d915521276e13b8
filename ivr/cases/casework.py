"""Changes to case files outside a call: the rows of each change, and how they are stored.

Each change is written to a journal of its own; the process that delivers journals brings it to the database, or else
this module does. So no change is lost while nothing else runs, or while the database is away.
"""

import asyncio
import hashlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from db.apply import position
from db.delivery import deliver_all, heartbeat
from db.engine import DatabaseError, open_engine
from db.enums import CaseState
from db.ids import uuid7
from db.journal import Journal
from db.names import folded
from db.references import ReferenceAllocator
from ivr.cases.case_rules import CHANGEABLE
from ivr.home.settings import Settings
from ivr.records import references

Rows = list[tuple[str, dict[str, Any]]]
"""Tables and their columns, for the journal."""

DELIVERED_S = 1.0
"""How long to wait for another process to deliver; one that runs takes some 0.1 s."""
_ALIVE_FOR = timedelta(seconds=5)
_POLL_S = 0.03


_PERSONAL = frozenset({"applicant"})
"""Columns whose values stand in no note and no audit, so that they can be erased in one place."""


class NotKeptError(Exception):
    """The disk refuses a change; the text says which file, and what to do."""


def version_of(file: Mapping[str, Any]) -> str:
    """Return the version of a case: a digest of what people change in it, so that any change makes another one."""
    content = repr([_plain(file.get(name)) for name in CHANGEABLE])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def opening_rows(reference: str, columns: Mapping[str, Any], pin_hash: str, by: str, now: datetime) -> Rows:
    """Return the rows of a new case file, whose applicant can hear its state by telephone."""
    file = {"reference": reference, "state": CaseState.OPEN.value, "opened": now, "pin_hash": pin_hash, **columns}
    return [
        ("case_file", _with_folded(file)),
        _note(reference, "The file was opened and a PIN was given to the applicant.", by, now),
        _audit(reference, "case_opened", by, data={"kind": columns["kind"]}),
    ]


def change_rows(file: Mapping[str, Any], new: Mapping[str, Any], by: str, now: datetime, why: str = "") -> Rows:
    """Return the rows of a change; `new` holds the columns of `file` that change, at least one.

    A `file` with its reference only is one that could not be read: its note tells the new values.
    """
    columns: dict[str, Any] = {"reference": file["reference"], **new}
    if "state" in new:
        columns |= {"changed": now, "closed": now if new["state"] == CaseState.CLOSED else None}
    words = "; ".join(f"{name}: {_change(file, name, value)}" for name, value in new.items())
    data = {
        name: _change(file, name, value) if name in _PERSONAL else [_plain(file.get(name)), _plain(value)]
        for name, value in new.items()
    }
    return [
        ("case_file", _with_folded(columns)),
        _note(file["reference"], f"{words}. {why}" if why else words, by, now),
        _audit(file["reference"], "case_changed", by, why, data),
    ]


def new_pin_rows(reference: str, pin_hash: str, by: str, now: datetime) -> Rows:
    """Return the rows that replace a file's PIN and clear its failures."""
    return [
        (
            "case_file",
            {"reference": reference, "pin_hash": pin_hash, "pin_failures": 0, "pin_locked_until": None},
        ),
        _note(reference, "A new PIN was given to the applicant.", by, now),
        _audit(reference, "case_pin", by),
    ]


def note_rows(
    reference: str, text: str, by: str, now: datetime, *, note: UUID | None = None, call: str | None = None
) -> Rows:
    """Return the rows of a note in a case file. The same `note` (an id) twice is one note."""
    return [_note(reference, text, by, now, note, call), _audit(reference, "case_noted", by)]


def _with_folded(columns: dict[str, Any]) -> dict[str, Any]:
    """Return a case's columns with the applicant's name as it is looked for, if it is one of them."""
    if "applicant" not in columns:
        return columns
    name = columns["applicant"]
    return columns | {"applicant_folded": folded(name) if name is not None else None}


def _note(
    reference: str, text: str, by: str, now: datetime, note: UUID | None = None, call: str | None = None
) -> tuple[str, dict[str, Any]]:
    columns = {"id": note or uuid7(), "case_reference": reference, "author": by, "text": text, "at": now}
    return "case_note", columns | ({"call_id": call} if call else {})


def _audit(
    reference: str, act: str, by: str, reason: str = "", data: Mapping[str, Any] | None = None
) -> tuple[str, dict[str, Any]]:
    about = f"case:{reference}"
    return "audit", {"by": by, "act": act, "about": about, "reason": reason or None, "data": dict(data or {})}


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _change(file: Mapping[str, Any], name: str, value: Any) -> str:
    if name in _PERSONAL:
        is_first = name in file and not file[name]
        return "removed" if value is None else "added" if is_first else "changed"
    return f"{_shown(file[name])} → {_shown(value)}" if name in file else _shown(value)


def _shown(value: Any) -> str:
    return "none" if value is None else str(_plain(value))


def new_reference(settings: Settings, node: str, node_number: int, url: str) -> str:
    """Return an unused reference. Raises NotKeptError if the disk cannot record that it was given out."""
    allocator = ReferenceAllocator(settings.case_references, node_number, taken=1)
    try:
        return asyncio.run(references.new_reference(allocator, url, node))
    except OSError as error:
        raise NotKeptError(
            f"{settings.case_references} cannot be written ({error.strerror}): no file was opened; "
            "make room on its disk."
        ) from None


async def keep(folder: Path, node: str, url: str, rows: Rows) -> str | None:
    """Write the rows to a journal in `folder` and deliver them to the database.

    Returns why the database does not have them yet, if so; they are delivered later. Raises NotKeptError if not even
    the journal could be written.
    """
    journal = Journal(folder, node)
    for table, columns in rows:
        journal.put(table, **columns)
    journal.flush()
    lost = journal.waiting
    journal.close()
    if lost:
        raise NotKeptError(
            f"the journal {folder} cannot be written: nothing was changed; make room, or mend its rights."
        )
    try:
        if not await _wait_until_delivered(folder, url, journal, len(rows)):
            await deliver_all(folder, url)
    except (DatabaseError, SQLAlchemyError) as error:
        return str(error).splitlines()[0]
    return None


async def _wait_until_delivered(folder: Path, url: str, journal: Journal, records: int) -> bool:
    """Wait for the process that delivers this folder; return False if there is none, or it takes too long."""
    beat = heartbeat(folder)
    if beat is None or beat.at < datetime.now(UTC) - _ALIVE_FOR:
        return False
    async with open_engine(url) as engine:
        deadline = time.monotonic() + DELIVERED_S
        while time.monotonic() < deadline:
            if (await position(engine, journal.node, journal.boot)).seq >= records:
                return True
            await asyncio.sleep(_POLL_S)
        return False
