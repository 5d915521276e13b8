"""Where a trial keeps what a call says of itself: in memory, as long as the trial goes on."""

from pathlib import Path
from typing import Any

from db.journal import COLUMNS, Journal
from db.references import ReferenceAllocator, make_reference


class Unwritten(Journal):
    """A journal without a file. `rows`: table and columns of each record."""

    def __init__(self, node: str) -> None:
        super().__init__(Path(), node)
        self.rows: list[tuple[str, dict[str, Any]]] = []

    def put(self, table: str, /, **columns: Any) -> None:
        """Raises ValueError for a table or column that does not exist."""
        if not COLUMNS.get(table, frozenset()).issuperset(columns):
            raise ValueError(f"there is no table {table!r} with all of {sorted(columns)}")
        self.rows.append((table, columns))

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


class Pretended(ReferenceAllocator):
    """References that belong to no file: they look right and are given out again by the next trial. `full`: none."""

    def __init__(self, node_number: int, *, full: bool = False) -> None:
        super().__init__(Path(), node_number)
        self._given, self._full = 0, full

    def next(self) -> str:
        if self._full:
            raise OSError("the disk is full")
        self._given += 1
        return make_reference(self.node_number, self._given)
