"""A group of journal records into the tables: one transaction, together with how far the journal is delivered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Executable, bindparam, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db import openings
from db.engine import reading, writing
from db.records import SHAPES, Record
from db.tables import Table

POSITION = Table.metadata.tables["journal_position"]


@dataclass(frozen=True, slots=True)
class Position:
    """Delivered so far of one boot: `seq` of the last record, and the bytes up to `offset` of file `number`."""

    node: str
    boot: UUID
    seq: int = 0
    number: int = 0
    offset: int = 0

    def at(self, number: int, offset: int, seq: int) -> "Position":
        return replace(self, number=number, offset=offset, seq=max(self.seq, seq))


class MovedError(Exception):
    """Another deliverer has come further; nothing was written."""


class RefusedError(Exception):
    """The tables do not take these records; nothing was written. Of one record: it is the one."""


async def position(engine: AsyncEngine, node: str, boot: UUID) -> Position:
    """How far the journal of `boot` is delivered. DatabaseError when the database is away."""
    async with reading(engine) as connection:
        found = (
            await connection.execute(
                select(POSITION.c.seq, POSITION.c.file_number, POSITION.c.file_offset).where(
                    POSITION.c.node == node, POSITION.c.boot == boot
                )
            )
        ).one_or_none()
    return Position(node, boot, *found) if found is not None else Position(node, boot)


async def apply(engine: AsyncEngine, records: Sequence[Record], before: Position, after: Position) -> None:
    """Write the rows and go from `before` to `after`, both or neither.

    Records of one row are put together first: what a later one says holds. A case never replaces another one with its
    reference (`db.openings`). MovedError, RefusedError as above; DatabaseError when the database is away.
    """
    try:
        async with writing(engine) as connection:
            await _move(connection, before, after)
            for table_name, rows in _folded(records).items():
                await _write(connection, table_name, rows)
    except openings.OtherCaseError as error:
        raise RefusedError(str(error)) from error
    except StatementError as error:
        if not _is_about_the_rows(error):
            raise
        raise RefusedError(str(error.orig or error).splitlines()[0]) from error


async def _move(connection: AsyncConnection, before: Position, after: Position) -> None:
    # First of all, so that a second deliverer waits here for the end of this transaction, and finds that it was done.
    values = {
        "seq": after.seq,
        "file_number": after.number,
        "file_offset": after.offset,
        "at": datetime.now(UTC),
    }
    if before.number == 0:
        row = {"node": before.node, "boot": before.boot, **values}
        statement: Any = _insert(connection)(POSITION).values(row).on_conflict_do_nothing()
    else:
        statement = (
            update(POSITION)
            .where(
                POSITION.c.node == before.node,
                POSITION.c.boot == before.boot,
                POSITION.c.file_number == before.number,
                POSITION.c.file_offset == before.offset,
            )
            .values(values)
        )
    if (await connection.execute(statement)).rowcount != 1:
        raise MovedError


def _insert(connection: AsyncConnection) -> Any:
    return postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert


@dataclass(slots=True)
class _Row:
    key: tuple[Any, ...]
    columns: dict[str, Any]
    node_given: bool


def _folded(records: Sequence[Record]) -> dict[str, list[_Row]]:
    rows: dict[tuple[str, tuple[Any, ...]], _Row] = {}
    for record in records:
        row = rows.get((record.table.name, record.key))
        if row is None:
            rows[record.table.name, record.key] = _Row(record.key, dict(record.columns), record.node_given)
            continue
        if record.table.name == openings.TABLE and _opens(record.columns) and _opens(row.columns):
            openings.check_same(row.columns, record.columns)
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
    return SHAPES[openings.TABLE].required <= columns.keys()


async def _write(connection: AsyncConnection, table_name: str, rows: list[_Row]) -> None:
    required = SHAPES[table_name].required
    whole: dict[tuple[tuple[str, ...], bool], list[_Row]] = {}
    parts: dict[tuple[tuple[str, ...], bool], list[_Row]] = {}
    for row in rows:
        kind = whole if required <= row.columns.keys() else parts
        kind.setdefault((tuple(sorted(row.columns)), row.node_given), []).append(row)
    for (names, node_given), of_one_kind in whole.items():
        if table_name == openings.TABLE:
            for row in of_one_kind:
                await openings.open_case(connection, row.columns, _changes(table_name, names, node_given))
            continue
        statement = _upsert(connection.dialect.name, table_name, names, node_given)
        await connection.execute(statement, [row.columns for row in of_one_kind])
    if not parts:
        return
    # An INSERT without a required column fails even where the row exists, on both databases: these need an UPDATE.
    await _must_exist(connection, table_name, [row for of_one_kind in parts.values() for row in of_one_kind])
    for (names, node_given), of_one_kind in parts.items():
        changes = _update(table_name, names, node_given)
        if changes is not None:
            values = [{f"to_{name}": value for name, value in row.columns.items()} for row in of_one_kind]
            await connection.execute(changes, values)


async def _must_exist(connection: AsyncConnection, table_name: str, rows: list[_Row]) -> None:
    shape = SHAPES[table_name]
    columns = [shape.table.c[name] for name in shape.key]
    matches = (
        columns[0].in_([row.key[0] for row in rows])
        if len(columns) == 1
        else tuple_(*columns).in_([row.key for row in rows])
    )
    found = {tuple(key) for key in await connection.execute(select(*columns).where(matches))}
    for row in rows:
        if row.key not in found:
            lacking = ", ".join(sorted(shape.required - row.columns.keys()))
            raise RefusedError(f"there is no {table_name} {'/'.join(map(str, row.key))}, and a new one needs {lacking}")


@lru_cache(maxsize=1000)
def _upsert(dialect: str, table_name: str, names: tuple[str, ...], node_given: bool) -> Executable:
    shape = SHAPES[table_name]
    insert = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(shape.table)
    changes = [] if shape.appended else _changes(table_name, names, node_given)
    if not changes:
        return insert.on_conflict_do_nothing(index_elements=shape.key)
    return insert.on_conflict_do_update(
        index_elements=shape.key, set_={name: insert.excluded[name] for name in changes}
    )


@lru_cache(maxsize=1000)
def _update(table_name: str, names: tuple[str, ...], node_given: bool) -> Executable | None:
    shape = SHAPES[table_name]
    changes = _changes(table_name, names, node_given)
    if not changes:
        return None
    return (
        update(shape.table)
        .where(*(shape.table.c[name] == bindparam(f"to_{name}") for name in shape.key))
        .values({name: bindparam(f"to_{name}") for name in changes})
    )


def _changes(table_name: str, names: tuple[str, ...], node_given: bool) -> list[str]:
    """What an existing row takes over: not its key, and not a node that is only the writer's."""
    kept = {*SHAPES[table_name].key, *(() if node_given else ("node",))}
    return [name for name in names if name not in kept]


def _is_about_the_rows(error: StatementError) -> bool:
    """Only what is known to be: any other error must not cost the records of a whole journal."""
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
