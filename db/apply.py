"""Writing a group of journal records to the tables, in one transaction with the position in the journal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Executable, and_, bindparam, case, func, or_, select, tuple_, update
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db import case_changes, case_openings
from db.engine import insert_of, reading, writing
from db.enums import Role
from db.ids import started_at
from db.records import SHAPES, Record
from db.returners import LOST
from db.tables import Call, Table
from db.tables.floor import Pairing

POSITION = Table.metadata.tables["journal_position"]

_FIRST_STAYS = {Call.__tablename__: frozenset({"line_answered"})}
"""Columns that a record which begins a row once more only fills: it knows them roughly."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far the journal of one boot is delivered: up to record `seq`, at byte `offset` of file `number`."""

    node: str
    boot: UUID
    seq: int = 0
    number: int = 0
    offset: int = 0

    def at(self, number: int, offset: int, seq: int) -> "Position":
        return replace(self, number=number, offset=offset, seq=max(self.seq, seq))


class MovedError(Exception):
    """Another deliverer has moved the position; nothing was written."""


class RefusedError(Exception):
    """The tables refuse these records; nothing was written. For a group of one, that record is the cause."""


async def position(engine: AsyncEngine, node: str, boot: UUID) -> Position:
    """Return how far the journal of `boot` is delivered. Raises DatabaseError if the database is away."""
    async with reading(engine) as connection:
        row = (
            await connection.execute(
                select(POSITION.c.seq, POSITION.c.file_number, POSITION.c.file_offset).where(
                    POSITION.c.node == node, POSITION.c.boot == boot
                )
            )
        ).one_or_none()
    return Position(node, boot, *row) if row is not None else Position(node, boot)


async def apply(engine: AsyncEngine, records: Sequence[Record], before: Position, after: Position) -> None:
    """Write the rows and move the position from `before` to `after`, both or neither.

    Records of the same row are merged first; later values win, except those of `_FIRST_STAYS`. A case never overwrites
    another one with the same reference (`db.case_openings`).

    Raises:
        MovedError: Another deliverer has moved the position.
        RefusedError: The tables refuse the records.
        DatabaseError: The database is away.
    """
    try:
        async with writing(engine) as connection:
            await _move(connection, before, after)
            merged = _merge(records)
            changes = merged.pop(case_changes.TABLE, [])  # after the cases that they are about
            for table_name, rows in merged.items():
                await _write(connection, table_name, rows)
            for row in changes:
                await case_changes.deliver(connection, row.columns)
    except (case_openings.OtherCaseError, case_changes.NotAChangeError) as error:
        raise RefusedError(str(error)) from error
    except StatementError as error:
        if not _is_about_the_rows(error):
            raise
        raise RefusedError(str(error.orig or error).splitlines()[0]) from error


_FORWARD = (
    update(POSITION)
    .where(*(POSITION.c[name] == bindparam(f"from_{name}") for name in ("node", "boot", "file_number", "file_offset")))
    .values({name: bindparam(f"to_{name}") for name in ("seq", "file_number", "file_offset", "at")})
)
"""Made once: each group of records is placed with it."""


async def _move(connection: AsyncConnection, before: Position, after: Position) -> None:
    # Done first, so that a second deliverer waits here for the end of this transaction and then sees the new position.
    to = {"seq": after.seq, "file_number": after.number, "file_offset": after.offset, "at": datetime.now(UTC)}
    if before.number == 0:
        row = {"node": before.node, "boot": before.boot, **to}
        moved = await connection.execute(
            insert_of(connection.dialect.name)(POSITION).values(row).on_conflict_do_nothing()
        )
    else:
        start = {"node": before.node, "boot": before.boot, "file_number": before.number, "file_offset": before.offset}
        places = (("from", start), ("to", to))
        moved = await connection.execute(
            _FORWARD, {f"{which}_{name}": value for which, place in places for name, value in place.items()}
        )
    if moved.rowcount != 1:
        raise MovedError


@dataclass(slots=True)
class _Row:
    key: tuple[Any, ...]
    columns: dict[str, Any]
    node_given: bool


def _merge(records: Sequence[Record]) -> dict[str, list[_Row]]:
    rows: dict[tuple[str, tuple[Any, ...]], _Row] = {}
    for record in records:
        row = rows.get((record.table.name, record.key))
        if row is None:
            rows[record.table.name, record.key] = _Row(record.key, dict(record.columns), record.node_given)
            continue
        if record.table.name == case_openings.TABLE and _opens(record.columns) and _opens(row.columns):
            case_openings.check_same(row.columns, record.columns)
        if not record.node_given and row.node_given:
            row.columns.update((name, value) for name, value in record.columns.items() if name != "node")
        else:
            row.columns.update(record.columns)
            row.node_given = record.node_given
    tables: dict[str, list[_Row]] = {}
    for (table_name, _), row in rows.items():
        tables.setdefault(table_name, []).append(row)
    return tables


def _opens(columns: Mapping[str, Any]) -> bool:
    return SHAPES[case_openings.TABLE].required <= columns.keys()


async def _write(connection: AsyncConnection, table_name: str, rows: list[_Row]) -> None:
    required = SHAPES[table_name].required
    whole: dict[tuple[tuple[str, ...], bool], list[_Row]] = {}
    parts: dict[tuple[tuple[str, ...], bool], list[_Row]] = {}
    for row in rows:
        kind = whole if required <= row.columns.keys() else parts
        kind.setdefault((tuple(sorted(row.columns)), row.node_given), []).append(row)
    for (names, node_given), of_one_kind in whole.items():
        if table_name == case_openings.TABLE:
            for row in of_one_kind:
                await case_openings.open_case(connection, row.columns, _changes(table_name, names, node_given))
            continue
        if table_name == Pairing.__tablename__:
            for row in of_one_kind:
                await _end_displaced(connection, row.columns)
                upsert = _upsert(connection.dialect.name, table_name, names, node_given)
                await connection.execute(upsert, row.columns)
            continue
        statement = _upsert(connection.dialect.name, table_name, names, node_given)
        await connection.execute(statement, [row.columns for row in of_one_kind])
    if not parts:
        return
    # An INSERT without a required column fails on both databases even if the row exists, so these need an UPDATE.
    missing = await _missing(connection, table_name, [row for of_one_kind in parts.values() for row in of_one_kind])
    for row in missing:
        await _begin_late(connection, table_name, row)
    for (names, node_given), of_one_kind in parts.items():
        changes = _update(table_name, names, node_given)
        values = [
            {f"to_{name}": value for name, value in row.columns.items()} for row in of_one_kind if row not in missing
        ]
        if changes is not None and values:
            await connection.execute(changes, values)


async def _begin_late(connection: AsyncConnection, table_name: str, row: _Row) -> None:
    """Make the row of a call whose first record was lost: when it began is in its id.

    Raises:
        RefusedError: It is not a call's.
    """
    identity = row.key[0]
    if table_name != Call.__tablename__ or identity.version != 7:
        lacks = ", ".join(sorted(SHAPES[table_name].required - row.columns.keys()))
        raise RefusedError(f"{table_name} {'/'.join(map(str, row.key))} does not exist, and a new one needs {lacks}")
    began = {"started": datetime.fromtimestamp(started_at(identity), UTC)} | row.columns
    upsert = _upsert(connection.dialect.name, table_name, tuple(sorted(began)), row.node_given)
    await connection.execute(upsert, began)


async def _missing(connection: AsyncConnection, table_name: str, rows: list[_Row]) -> list[_Row]:
    """Return those of the rows that are not in the table."""
    shape = SHAPES[table_name]
    columns = [shape.table.c[name] for name in shape.key]
    matches = (
        columns[0].in_([row.key[0] for row in rows])
        if len(columns) == 1
        else tuple_(*columns).in_([row.key for row in rows])
    )
    found = {tuple(key) for key in await connection.execute(select(*columns).where(matches))}
    return [row for row in rows if row.key not in found]


@lru_cache(maxsize=1000)
def _upsert(dialect: str, table_name: str, names: tuple[str, ...], node_given: bool) -> Executable:
    shape = SHAPES[table_name]
    insert = insert_of(dialect)(shape.table)
    changes = [] if shape.appended else _changes(table_name, names, node_given)
    if not changes:
        return insert.on_conflict_do_nothing(index_elements=shape.key)
    stays = _FIRST_STAYS.get(table_name, frozenset())
    values = {
        name: func.coalesce(shape.table.c[name], insert.excluded[name]) if name in stays else insert.excluded[name]
        for name in changes
    }
    return insert.on_conflict_do_update(index_elements=shape.key, set_=values)


@lru_cache(maxsize=1000)
def _update(table_name: str, names: tuple[str, ...], node_given: bool) -> Executable | None:
    shape = SHAPES[table_name]
    changes = _changes(table_name, names, node_given)
    if not changes:
        return None
    values: dict[str, Any] = {name: bindparam(f"to_{name}") for name in changes}
    if table_name == case_openings.TABLE and case_changes.makes_version(values):
        values["version"] = shape.table.c.version + 1
    return (
        update(shape.table)
        .where(*(shape.table.c[name] == bindparam(f"to_{name}") for name in shape.key))
        .values(values)
    )


def _changes(table_name: str, names: tuple[str, ...], node_given: bool) -> list[str]:
    """Return the columns that an existing row takes over: not its key, and the node only if the record names it."""
    unchanged = {*SHAPES[table_name].key, *(() if node_given else ("node",))}
    return [name for name in names if name not in unchanged]


def _is_about_the_rows(error: StatementError) -> bool:
    """Return whether the error is certainly about the data: any other error must not cost a journal its records."""
    if isinstance(error, IntegrityError | DataError) or not isinstance(error, DBAPIError):
        return True
    cause: BaseException | None = error.orig
    while cause is not None:
        state = getattr(cause, "sqlstate", None) or ""
        if state[:2] in ("22", "23") or (
            type(cause).__module__.startswith("asyncpg") and isinstance(cause, ValueError)
        ):
            return True
        cause = cause.__cause__
    return False


async def _end_displaced(connection: AsyncConnection, columns: Mapping[str, Any]) -> None:
    """End the open pairings that a new one proves to be over, as lost. Idempotent.

    A controller that was killed has left them open, and the one that follows records new conversations before it has
    looked at everything. What it finds out later about their end overrides this.

    Args:
        columns: The row of the new pairing.
    """
    if columns.get("ended") is not None:
        return
    began, role = columns["began"], columns.get("role", Role.OPERATOR)
    same_call = and_(Pairing.call_id == columns["call_id"], Pairing.role == Role.OPERATOR, role == Role.OPERATOR)
    await connection.execute(
        update(Pairing)
        .where(
            Pairing.ended.is_(None),
            Pairing.id != columns["id"],
            or_(Pairing.operator_id == columns["operator_id"], same_call),
        )
        .values(ended=case((Pairing.began > began, Pairing.began), else_=began), reason=LOST)
    )
