"""Cases as programs read and change them through the control API.

A change names the version that it is based on. The controller makes the changes of one case one after the other, and
knows its own records that the database does not have yet, so no change overwrites one that its author has not seen.
While the database is away, versions cannot be compared: a change is kept in the journal and delivered later.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from weakref import WeakValueDictionary

from db.enums import CaseState
from db.journal import Journal
from db.references import format_reference
from ivr.cases.case_changes import Rows, version_of
from ivr.records.database_client import SharedEngine
from ivr.records.opened_cases import OpenedCases
from ivr.records.repository import Repository

_EMPTY: Mapping[str, Any] = {
    **dict.fromkeys(
        ("title", "applicant", "topic", "language", "country", "post", "owner", "caller", "call_id", "missing",
         "expected", "follow_up", "changed", "due", "closed", "notify_number", "pin_locked_until",
         "pin_own_locked_until")
    ),
    "state": CaseState.OPEN.value,
    "priority": "normal",
    "pin": False,
    "pin_failures": 0,
    "pin_own_failures": 0,
}  # fmt: skip
"""A case that was opened a moment ago, without its own columns."""

_NOTE = ("id", "at", "author", "text", "call_id")


class UnknownCaseError(LookupError):
    """No case has this reference."""


@dataclass(frozen=True, slots=True)
class CaseContent:
    """A case with its notes and messages, oldest first, as it will be once the database has every record.

    `file` has the columns of `db.case_files.File`; `version` is the digest that a change of it names.
    """

    file: Mapping[str, Any]
    notes: Sequence[Mapping[str, Any]]
    messages: Sequence[Mapping[str, Any]]

    @property
    def version(self) -> str:
        return version_of(self.file)


@dataclass(slots=True)
class _Kept:
    """Changes of one case that are in the journal and may not be in the database yet.

    `seq` is the last record; `notes` are by id. It is dropped once a read finds it delivered; while the database is
    away, it grows with what people change, some kilobytes a change at most.
    """

    seq: int
    columns: dict[str, Any]
    notes: dict[Any, dict[str, Any]]


class CaseRepository(Repository):
    """Reads cases from the database and puts changes into the controller's journal.

    `opened`: the cases that calls have opened, which can be read before they are in the database.

    Belongs to one event loop.
    """

    def __init__(self, shared: SharedEngine, journal: Journal, opened: OpenedCases) -> None:
        super().__init__(shared, "cases")
        self._journal = journal
        self._opened = opened
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # kept while somebody has it
        self._kept: dict[str, _Kept] = {}

    def alone(self, reference: str) -> asyncio.Lock:
        """Return the lock that holds back other changes of a case."""
        return self._locks.setdefault(reference, asyncio.Lock())

    async def read(self, reference: str) -> CaseContent | None:
        """Return a case; None if the database is away (`why`). It is not asked for a case that a call has just opened.

        Raises:
            UnknownCaseError: No case has this reference.
        """
        # Now: another read may drop them before this one's answer is here.
        kept, opened = self._kept.get(reference), self._opened.get(reference)
        columns = opened.columns if opened is not None else {}
        if opened is not None and opened.is_new:
            return self._overlaid(reference, None, kept, columns)
        found = await self._client.ask(
            "db.case_files",
            lambda files, engine: files.delivered_story(engine, reference, self._journal.node, self._journal.boot),
        )
        if found is None:
            return None
        story, delivered = found
        self._opened.forget(delivered)
        self._kept = {other: records for other, records in self._kept.items() if records.seq > delivered}
        if kept is None or kept.seq <= delivered:
            kept = self._kept.get(reference)
        return self._overlaid(reference, asdict(story) if story is not None else None, kept, columns)

    def kept(self, reference: str) -> Mapping[str, Any]:
        """Return the columns that were changed lately, which is all that is known while the database is away."""
        found = self._kept.get(reference)
        return found.columns if found is not None else {}

    def put(self, reference: str, rows: Rows) -> None:
        """Record rows about one case."""
        kept = self._kept.setdefault(reference, _Kept(0, {}, {}))
        for table, columns in rows:
            self._journal.put(table, **columns)
            if table == "case_file":
                kept.columns |= columns
            elif table == "case_note":
                kept.notes[columns["id"]] = {name: columns.get(name) for name in _NOTE}
        kept.seq = self._journal.seq

    def _overlaid(
        self, reference: str, story: dict[str, Any] | None, kept: _Kept | None, opened: Mapping[str, Any]
    ) -> CaseContent:
        """Return a case with what is not in the database yet. `opened`: its columns if a call has opened it."""
        if story is None and (opened or (kept is not None and "opened" in kept.columns)):
            story = {"file": {**_EMPTY, "node": self._journal.node, **opened}, "notes": [], "messages": []}
        if story is None:
            raise UnknownCaseError(f"No case has the reference {format_reference(reference)}.")
        if kept is None:
            return CaseContent(story["file"], story["notes"], story["messages"])
        known = {name: value for name, value in kept.columns.items() if name != "applicant_folded"}
        known.pop("pin_given", None)
        if known.pop("pin_hash", None) is not None:
            known["pin"] = True
        notes = {note["id"]: note for note in story["notes"]} | kept.notes
        in_order = sorted(notes.values(), key=lambda note: note["at"])
        return CaseContent(story["file"] | known, in_order, story["messages"])
