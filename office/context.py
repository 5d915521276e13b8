"""The database and the journal over which a process does the office's work."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from db.case_rows import Rows
from db.journal import Journal
from db.references import ReferenceAllocator
from ivr.model import clock


def _nothing(_: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Kept:
    """Versions of a case: the one that somebody saw before their last change, which is in the journal, and the one that
    it makes."""

    seen: int
    now: int


@dataclass(slots=True)
class Office:
    """The parts of one process.

    Attributes:
        journal: Of this process alone. Without one, nothing is shown that must be on record first.
        references: Of new cases.
        pepper: The secret that PINs are sealed with.
        opened: What the call that is up has opened, by reference: the columns of a case that the database may not have
            yet; None for any other.
        kept: Of changes that are in the journal only, by author and case.
    """

    engine: AsyncEngine
    journal: Journal | None
    node: str
    references: ReferenceAllocator | None = None
    pepper: str = ""
    now: Callable[[], datetime] = clock.now
    opened: Callable[[str], Mapping[str, Any] | None] = _nothing
    kept: dict[tuple[str, str], Kept] = field(default_factory=dict)

    def keep(self, rows: Rows) -> None:
        """Put rows into the journal, on the disk at once. While the disk is full they wait in memory."""
        assert self.journal is not None, "this office was given no journal"
        for table, columns in rows:
            self.journal.put(table, **columns)
        self.journal.flush()
