"""The rows of each change to a case file: the file's own columns, a note in it, and the entry in the audit.

Without the database's packages: a command that opens a case writes them to the journal, and loads neither.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from db.enums import CaseKind, CasePriority, CaseState
from db.ids import uuid7
from db.names import folded

Rows = list[tuple[str, dict[str, Any]]]
"""Tables and their columns, for the journal."""

_PERSONAL = frozenset({"applicant"})
"""Columns whose values stand in no note and no audit, so that they can be erased in one place."""


def columns_of_call(
    reference: str,
    call: str,
    topic: str | None,
    language: str | None,
    country: str | None,
    caller: str | None,
    opened: datetime,
) -> dict[str, Any]:
    """Return the columns of the case that a call opens when an operator answers."""
    return {
        "reference": reference,
        "kind": (CaseKind.COMPLAINT if topic == "complaint" else CaseKind.ENQUIRY).value,
        "topic": topic,
        "language": language,
        "country": country,
        "call_id": call,
        "caller": caller or None,
        "opened": opened,
    }


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
        _audit(reference, "case_opened", by, now, data={"kind": columns["kind"]}),
    ]


def change_rows(file: Mapping[str, Any], new: Mapping[str, Any], by: str, now: datetime, why: str = "") -> Rows:
    """Return the rows of a change; `new` holds the columns of `file` that change, at least one."""
    columns: dict[str, Any] = {"reference": file["reference"], **new}
    if "state" in new:
        columns |= {"changed": now, "closed": now if new["state"] == CaseState.CLOSED else None}
    words = "; ".join(f"{name}: {_change(file, name, value)}" for name, value in new.items())
    data = {
        name: _change(file, name, value) if name in _PERSONAL else [plain(file.get(name)), plain(value)]
        for name, value in new.items()
    }
    return [
        ("case_file", _with_folded(columns)),
        _note(file["reference"], f"{words}. {why}" if why else words, by, now),
        _audit(file["reference"], "case_changed", by, now, why, data),
    ]


def unmade_rows(reference: str, wanted: Mapping[str, Any], by: str, now: datetime, why: str = "") -> Rows:
    """Return the note and the audit of a change that was not made, since the case was changed meanwhile."""
    words = "; ".join(f"{name}: {_change({}, name, value)}" for name, value in wanted.items())
    sentence = f"Not changed, since somebody else had changed the case meanwhile: {words}"
    return [
        _note(reference, f"{sentence}. {why}" if why else sentence, by, now),
        _audit(reference, "case_change_unmade", by, now, why, {"columns": sorted(wanted)}),
    ]


def new_pin_rows(reference: str, pin_hash: str, by: str, now: datetime) -> Rows:
    """Return the rows that replace a file's PIN and clear its failures. Requests made with the former PIN end by it."""
    failures = {"pin_failures": 0, "pin_locked_until": None, "pin_own_failures": 0, "pin_own_locked_until": None}
    return [
        ("case_file", {"reference": reference, "pin_hash": pin_hash, "pin_given": now, **failures}),
        _note(reference, "A new PIN was given to the applicant.", by, now),
        _audit(reference, "case_pin", by, now),
    ]


def note_rows(
    reference: str, text: str, by: str, now: datetime, *, note: UUID | None = None, call: UUID | None = None
) -> Rows:
    """Return the rows of a note in a case file. The same `note` (an id) twice is one note."""
    return [_note(reference, text, by, now, note, call), _audit(reference, "case_noted", by, now)]


def plain(value: Any) -> Any:
    """Return the value of a column as JSON has it."""
    return value.isoformat() if hasattr(value, "isoformat") else value


def _with_folded(columns: dict[str, Any]) -> dict[str, Any]:
    """Return a case's columns with the applicant's name as it is looked for, if it is one of them."""
    if "applicant" not in columns:
        return columns
    name = columns["applicant"]
    return columns | {"applicant_folded": folded(name) if name is not None else None}


def _note(
    reference: str, text: str, by: str, now: datetime, note: UUID | None = None, call: UUID | None = None
) -> tuple[str, dict[str, Any]]:
    columns = {"id": note or uuid7(), "case_reference": reference, "author": by, "text": text, "at": now}
    return "case_note", columns | ({"call_id": call} if call else {})


def _audit(
    reference: str, act: str, by: str, now: datetime, reason: str = "", data: Mapping[str, Any] | None = None
) -> tuple[str, dict[str, Any]]:
    row = {"at": now, "by": by, "act": act, "about": f"case:{reference}", "reason": reason or None}
    return "audit", row | {"data": dict(data or {})}


def _change(file: Mapping[str, Any], name: str, value: Any) -> str:
    if name in _PERSONAL:
        is_first = name in file and not file[name]
        return "removed" if value is None else "added" if is_first else "changed"
    return f"{_shown(file[name])} → {_shown(value)}" if name in file else _shown(value)


def _shown(value: Any) -> str:
    return "none" if value is None else str(plain(value))
