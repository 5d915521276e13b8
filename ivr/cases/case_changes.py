"""Changes to case files outside a call: the rows of each change, for a journal.

Without the database's packages: the controller imports this, and they would hold up its start.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from db.enums import CasePriority, CaseState
from db.ids import uuid7
from db.names import folded
from ivr.cases.case_rules import CHANGEABLE

Rows = list[tuple[str, dict[str, Any]]]
"""Tables and their columns, for the journal."""

_PERSONAL = frozenset({"applicant"})
"""Columns whose values stand in no note and no audit, so that they can be erased in one place."""


def version_of(file: Mapping[str, Any]) -> str:
    """Return the version of a case: a digest of what people change in it, so that any change makes another one."""
    content = repr([_plain(file.get(name)) for name in CHANGEABLE])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def opening_rows(reference: str, columns: Mapping[str, Any], pin_hash: str, by: str, now: datetime) -> Rows:
    """Return the rows of a new case file, whose applicant can hear its state by telephone."""
    state, priority = CaseState.OPEN.value, CasePriority.NORMAL.value
    file = {
        "reference": reference,
        "state": state,
        "priority": priority,
        "opened": now,
        "pin_hash": pin_hash,
        "pin_given": now,
        **columns,
    }
    return [
        ("case_file", _with_folded(file)),
        _note(reference, "The file was opened and a PIN was given to the applicant.", by, now),
        _audit(reference, "case_opened", by, data={"kind": columns["kind"]}),
    ]


def change_rows(file: Mapping[str, Any], new: Mapping[str, Any], by: str, now: datetime, why: str = "") -> Rows:
    """Return the rows of a change; `new` holds the columns of `file` that change, at least one.

    If the case could not be read, `file` has its reference and what else is known; of any other column the note has
    the new value only.
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
    """Return the rows that replace a file's PIN and clear its failures. Requests made with the former PIN end by it."""
    failures = {"pin_failures": 0, "pin_locked_until": None, "pin_own_failures": 0, "pin_own_locked_until": None}
    return [
        ("case_file", {"reference": reference, "pin_hash": pin_hash, "pin_given": now, **failures}),
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
