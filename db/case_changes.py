"""Changes of case files in the database: one conditional update each, with its note and its entry in the audit.

A change names the version of the case that it is based on. Where the case has another one by then, nothing is changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.case_rows import Rows, change_rows, unmade_rows
from db.engine import insert_of
from db.ids import uuid7
from db.records import SHAPES
from db.tables import CaseChange, CaseFile, Table

TABLE = CaseChange.__tablename__

_BY_THE_LINE = frozenset({"reference", "node", "notify_number"})
"""What calls write into a case, besides its PIN: it makes no new version."""


class NotAChangeError(ValueError):
    """A journal record whose columns no case has."""


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody changes in a version of a case that they have seen. `columns`: as they are stored."""

    reference: str
    version: int
    columns: Mapping[str, Any]
    by: str
    at: datetime
    why: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """A change that was made. `before`: the case's columns; `new`: those that are different now, perhaps none."""

    before: Mapping[str, Any]
    new: Mapping[str, Any]

    @property
    def version(self) -> int:
        return int(self.before["version"]) + bool(self.new)


async def make(connection: AsyncConnection, change: Change, node: str) -> Made | None:
    """Make a change; None, and nothing changed, if the case has another version, or if there is none."""
    before = await _row(connection, change.reference)
    if before is None or before["version"] != change.version:
        return None
    new = _different(before, change.columns)
    if not new:
        return Made(before, {})
    (_, columns), *others = change_rows(before, new, change.by, change.at, change.why)
    same = (CaseFile.reference == change.reference) & (CaseFile.version == change.version)
    changed = update(CaseFile).where(same).values(**columns, version=CaseFile.version + 1)
    if (await connection.execute(changed)).rowcount != 1:  # by another transaction of PostgreSQL, since it was read
        return None
    await put(connection, others, node)
    return Made(before, new)


async def deliver(connection: AsyncConnection, row: Mapping[str, Any]) -> None:
    """Make a change that was journalled; if it meets another version, keep it as a note, and for its author.

    Raises:
        NotAChangeError: It has columns that no case has.
    """
    change = Change(
        row["case_reference"], row["version"], _stored(row["columns"]), row["author"], row["at"], row.get("why") or ""
    )
    if await make(connection, change, row["node"]) is not None:
        return
    present = await _row(connection, change.reference)
    if present is not None and not _different(present, change.columns):
        return  # somebody else has made the same
    await put(connection, unmade_rows(change.reference, change.columns, change.by, change.at, change.why), row["node"])
    kept = insert_of(connection.dialect.name)(CaseChange).values(**row)
    await connection.execute(kept.on_conflict_do_nothing())


async def put(connection: AsyncConnection, rows: Rows, node: str) -> None:
    """Insert notes and entries of the audit, which no journal numbers. A note that is there already stays."""
    for name, columns in rows:
        table = Table.metadata.tables[name]
        if SHAPES[name].appended:
            await connection.execute(insert(table).values(node=node, boot=uuid7(), seq=1, **columns))
        else:
            new = insert_of(connection.dialect.name)(table).values(node=node, **columns)
            await connection.execute(new.on_conflict_do_nothing())


def makes_version(columns: Mapping[str, Any]) -> bool:
    """Return whether a journal record about these columns of a case changes what people see in it."""
    return any(name not in _BY_THE_LINE and not name.startswith("pin_") for name in columns)


async def _row(connection: AsyncConnection, reference: str) -> Mapping[str, Any] | None:
    found = await connection.execute(select(CaseFile.__table__).where(CaseFile.reference == reference))
    row = found.mappings().one_or_none()
    return dict(row) if row is not None else None


def _different(before: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in columns.items() if before[name] != value}


def _stored(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a journal record as the table has them."""
    known, stored = SHAPES[CaseFile.__tablename__].columns, {}
    for name, value in columns.items():
        try:
            stored[name] = None if value is None else known[name](value)
        except (KeyError, ValueError, TypeError) as error:
            raise NotAChangeError(f"case_change: invalid {name} {value!r:.80}: {error!r}") from None
    return stored
