"""Cases as programs read and change them through the control API.

A change names the version that it is based on. The controller makes the changes of one case one after the other, and
knows its own records that the database does not have yet, so no change overwrites one that its author has not seen.
While the database is away, versions cannot be compared: a change is kept in the journal and delivered later.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import structlog

from db.journal import Journal
from db.references import format_reference
from ivr.cases.casework import Rows, version_of
from ivr.records.database_client import DatabaseClient, first_line

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

log = structlog.get_logger()

_LIMIT_S = 3.0
"""How long a person who asks waits for the database, in seconds; a slower database counts as away."""


_EMPTY: Mapping[str, Any] = {
    **dict.fromkeys(
        ("title", "applicant", "topic", "language", "country", "post", "owner", "caller", "call_id", "missing",
         "expected", "follow_up", "changed", "due", "closed", "notify_number", "pin_locked_until")
    ),
    "priority": "normal",
    "pin_failures": 0,
}  # fmt: skip
"""A case of which the database has nothing yet."""


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
    """What the journal has taken for one case and the database may not have yet; `seq` is the last record."""

    seq: int
    columns: dict[str, Any]
    notes: list[dict[str, Any]]


class CaseRepository:
    """Reads cases from the database at `url` and puts changes into the controller's journal.

    Belongs to one event loop; the creator awaits `close`.
    """

    def __init__(self, url: str, journal: Journal) -> None:
        self._client = DatabaseClient(url, _LIMIT_S, self._failed)
        self._journal = journal
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # kept while somebody has it
        self._kept: dict[str, _Kept] = {}
        self.why = ""  # why the database is away

    async def close(self) -> None:
        await self._client.close()

    def alone(self, reference: str) -> asyncio.Lock:
        """Return the lock that holds back other changes of a case."""
        return self._locks.setdefault(reference, asyncio.Lock())

    async def read(self, reference: str) -> CaseContent | None:
        """Return a case; None if the database is away (`why`).

        Raises:
            UnknownCaseError: No case has this reference.
        """

        async def read(files: Any, engine: "AsyncEngine") -> tuple[dict[str, Any] | None, int]:
            from db.apply import position  # the database's packages must not hold up a start
            from db.read import NotFoundError

            delivered = (await position(engine, self._journal.node, self._journal.boot)).seq
            try:
                return plain(await files.story(engine, reference)), delivered
            except NotFoundError:
                return None, delivered

        found = await self._client.ask("db.case_files", read)
        if found is None:
            return None
        story, delivered = found
        for known, kept in list(self._kept.items()):
            if kept.seq <= delivered:
                del self._kept[known]
        return self._overlaid(reference, story, self._kept.get(reference))

    def kept(self, reference: str) -> Mapping[str, Any]:
        """Return the columns that were changed lately, which is all that is known while the database is away."""
        found = self._kept.get(reference)
        return found.columns if found is not None else {}

    def put(self, reference: str, rows: Rows) -> None:
        """Record rows about one case."""
        kept = self._kept.setdefault(reference, _Kept(0, {}, []))
        for table, columns in rows:
            self._journal.put(table, **columns)
            if table == "case_file":
                kept.columns |= columns
            elif table == "case_note":
                kept.notes = [note for note in kept.notes if note["id"] != columns["id"]] + [columns]
        kept.seq = self._journal.seq

    def _overlaid(self, reference: str, story: dict[str, Any] | None, kept: _Kept | None) -> CaseContent:
        if story is None and kept is not None and "opened" in kept.columns:  # opened a moment ago
            story = {"file": {**_EMPTY, "node": self._journal.node, "pin": True}, "notes": [], "messages": []}
        if story is None:
            raise UnknownCaseError(f"No case has the reference {format_reference(reference)}.")
        if kept is None:
            return CaseContent(story["file"], story["notes"], story["messages"])
        known = {name: value for name, value in kept.columns.items() if name != "pin_hash"}
        written = {(note["at"], note["text"]) for note in story["notes"]}
        added = [
            {name: note.get(name) for name in ("at", "author", "text", "call_id")}
            for note in kept.notes
            if (note["at"], note["text"]) not in written
        ]
        return CaseContent(story["file"] | known, [*story["notes"], *added], story["messages"])

    def _failed(self, error: Exception) -> None:
        self.why = first_line(error)
        log.warning("The database is away: cases are not read", reason=self.why)


def plain(story: Any) -> dict[str, Any]:
    """Return a `FileStory` as mappings."""
    return {
        "file": _fields(story.file),
        "notes": [_fields(note) for note in story.notes],
        "messages": [_fields(message) for message in story.messages],
    }


def _fields(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__dataclass_fields__}
