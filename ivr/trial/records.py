"""The records of a trial, kept in memory while it runs."""

from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from db.journal import Journal, journal_columns
from db.references import ReferenceAllocator, make_reference

if TYPE_CHECKING:
    from db.caller_limits import RequestsOfCaller


class MemoryJournal(Journal):
    """A journal without a file; `rows` has the table and the columns of each record."""

    def __init__(self, node: str) -> None:
        super().__init__(Path(), node)
        self.rows: list[tuple[str, dict[str, Any]]] = []

    def put(self, table: str, /, **columns: Any) -> None:
        """Keep a record. Raises ValueError for a table or column that does not exist."""
        if not journal_columns().get(table, frozenset()).issuperset(columns):
            raise ValueError(f"there is no table {table!r} with all of {sorted(columns)}")
        self.rows.append((table, columns))

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


class FakeReferences(ReferenceAllocator):
    """Valid references without case files, the same ones in each trial; with `full` there are none."""

    def __init__(self, node_number: int, *, full: bool = False) -> None:
        super().__init__(Path(), node_number)
        self._given, self._full = 0, full

    def next(self) -> str:
        if self._full:
            raise OSError("the disk is full")
        self._given += 1
        return make_reference(self.node_number, self._given)


class NothingUsedUp:
    """Callers who have recorded nothing before (`ivr.records.caller_limits.Reads`)."""

    async def messages_of(self, caller: str, since: datetime, most: int) -> Sequence[UUID] | None:
        return ()

    async def requests_of(
        self, number: str, caller: str, denied_since: datetime, known: Collection[UUID]
    ) -> "RequestsOfCaller | None":
        return None


NOTHING_USED_UP = NothingUsedUp()
