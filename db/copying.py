"""Copying a database to another one, of either kind, table by table and row by row.

Copying compares as it goes: rows that the target lacks are inserted, rows that differ are replaced, rows that the
source no longer has are deleted. So a second copy brings what has changed since, a copy that was interrupted goes on,
and a copy that changes nothing has verified every row.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, MetaData, Row, Select, Text, and_, delete, func, insert, select, text, tuple_
from sqlalchemy import Table as SQLTable
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.engine import DatabaseError, explain, format_url, open_engine, parse_url, reading, writing
from db.tables import FORMER, Table
from db.upgrade import current, pending, upgrade

GROUP = 1000  # rows that are compared at once

Progress = Callable[[int, int], None]
"""Called with the number of rows that are done, and of all."""


@dataclass(frozen=True, slots=True)
class Copied:
    """The rows of the source, and how many of them the target lacked or had otherwise; `deleted`: those that only the
    target had."""

    rows: int = 0
    inserted: int = 0
    replaced: int = 0
    deleted: int = 0

    @property
    def changes(self) -> int:
        return self.inserted + self.replaced + self.deleted


def tables() -> Sequence[SQLTable]:
    """Return all tables that have rows of Hatif's own."""
    return Table.metadata.sorted_tables


async def count_rows(connection: AsyncConnection, of: Sequence[SQLTable] | None = None) -> int:
    """Return the number of rows in all tables, or in these."""
    return sum([await _count(connection, table) for table in of or tables()])


async def copy_rows(
    source: AsyncConnection,
    target: AsyncConnection,
    progress: Progress = lambda done, total: None,
    of: Sequence[SQLTable] | None = None,
) -> Copied:
    """Make the target's tables equal to the source's. Both transactions are the caller's.

    Args:
        of: The tables of both, if they are not this version's.

    Raises:
        DatabaseError: A row does not fit into the target; the sentence names it.
    """
    if target.dialect.name == "postgresql":
        # What was planned for an empty table would be kept, and would search all of a full one.
        await target.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
    total, copied = await count_rows(source, of), Copied()
    for table in of or tables():
        async for rows in _groups(source, _in_order(table)):
            inserted, replaced = await _put(target, table, rows)
            copied = replace(
                copied,
                rows=copied.rows + len(rows),
                inserted=copied.inserted + inserted,
                replaced=copied.replaced + replaced,
            )
            progress(copied.rows, total)
        if await _count(target, table) != await _count(source, table):
            deleted = await _delete_others(source, target, table)
            copied = replace(copied, deleted=copied.deleted + deleted)
    return copied


async def snapshot(url: str, out: Path, progress: Progress = lambda done, total: None) -> None:
    """Write a database as it is at one instant into a new SQLite file, while others go on writing.

    It may be an earlier version's: the copy has the tables of that version.

    Raises:
        DatabaseError: It is away, has no tables yet, or is a later version's.
    """
    await pending(url)  # says if its migration is not known
    if (migration := await current(url)) is None:
        raise DatabaseError(f"{format_url(parse_url(url))} has no tables yet: run `hatif db upgrade` first")
    if parse_url(url).get_backend_name() == "sqlite":
        await asyncio.to_thread(copy_sqlite, Path(parse_url(url).database or ""), out)
        return
    await upgrade(f"sqlite:///{out}", migration)
    async with (
        open_engine(url, long=True) as engine,
        open_engine(f"sqlite:///{out}", long=True) as file,
        frozen(engine) as source,
        writing(file) as target,
    ):
        await copy_rows(source, target, progress, await source.run_sync(_tables_there))


def _tables_there(connection: Connection) -> list[SQLTable]:
    """Return the tables that a database has, which may be an earlier version's, for use in databases of both kinds."""
    there = MetaData()
    there.reflect(connection, only=lambda name, _: name != "alembic_version" and name not in FORMER)
    for name, table in there.tables.items():
        ours = Table.metadata.tables.get(name)
        for column in table.columns:
            column.type = (
                ours.c[column.name].type if ours is not None and column.name in ours.c else column.type.as_generic()
            )
    return there.sorted_tables


@asynccontextmanager
async def frozen(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Read everything as it is at one instant, over any number of statements."""
    if engine.dialect.name == "postgresql":  # a transaction of SQLite has one view anyway
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    async with reading(engine) as connection:
        yield connection


def copy_sqlite(file: Path, out: Path) -> None:
    """Copy an SQLite file that others use, as it is at one instant, to a new file that only its owner may read.

    Raises:
        DatabaseError: It cannot be read.
    """
    try:
        os.close(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with (
            closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=60)) as source,
            closing(sqlite3.connect(out)) as target,
        ):
            source.backup(target)
    except sqlite3.Error as error:
        raise explain(parse_url(f"sqlite:///{file}"), error) or DatabaseError(
            f"{file} cannot be copied: {error}"
        ) from error
    except OSError as error:
        raise DatabaseError(f"{out} cannot be written: {error.strerror}") from error


async def _count(connection: AsyncConnection, table: SQLTable) -> int:
    return int(await connection.scalar(select(func.count()).select_from(table)) or 0)


def _in_order(table: SQLTable) -> Select[Any]:
    """Select all rows, by their keys (see `_among`). Where open rows are unique, the ended ones come first, so that no
    two are open in between."""
    chosen = select(table)
    if any(index.unique for index in table.indexes) and "ended" in table.c:
        chosen = chosen.order_by(table.c.ended.is_(None))
    return chosen.order_by(*table.primary_key)


async def _groups(connection: AsyncConnection, chosen: Select[Any]) -> AsyncIterator[Sequence[Row[Any]]]:
    result = await connection.stream(chosen.execution_options(yield_per=GROUP))
    async for rows in result.partitions(GROUP):
        yield rows


def _key(table: SQLTable, row: Row[Any]) -> tuple[Any, ...]:
    return tuple(row._mapping[column] for column in table.primary_key)  # noqa: SLF001 - SQLAlchemy's public name


def _matches(table: SQLTable, keys: Sequence[tuple[Any, ...]]) -> Any:
    columns = list(table.primary_key)
    return columns[0].in_([key[0] for key in keys]) if len(columns) == 1 else tuple_(*columns).in_(keys)


def _among(table: SQLTable, keys: Sequence[tuple[Any, ...]]) -> Any:
    """Return a condition that rows with these keys meet, and few others.

    Of keys with several columns it is the range of each, or the values of a text, which databases sort in their own
    ways: PostgreSQL, which knows nothing yet about a table that is being filled, would compare all of its rows with
    each of a thousand keys.
    """
    if len(table.primary_key) == 1:
        return _matches(table, keys)
    columns = zip(table.primary_key, map(set, zip(*keys, strict=True)), strict=True)
    return and_(
        *(
            column.in_(values) if isinstance(column.type, Text) else column.between(min(values), max(values))
            for column, values in columns
        )
    )


async def _put(target: AsyncConnection, table: SQLTable, rows: Sequence[Row[Any]]) -> tuple[int, int]:
    """Insert what the target lacks and replace what it has otherwise; return both numbers."""
    wanted = {_key(table, row): tuple(row) for row in rows}
    # Streamed: where one journal's rows end and another's begin, the range may have all of the first.
    near = await target.stream(select(table).where(_among(table, list(wanted))))
    found = {key: tuple(row) async for row in near if (key := _key(table, row)) in wanted}
    stale = [key for key, row in found.items() if row != wanted[key]]
    if stale:
        await target.execute(delete(table).where(_matches(table, stale)))
    names = [column.name for column in table.columns]
    new = [dict(zip(names, row, strict=True)) for key, row in wanted.items() if found.get(key) != row]
    if new:
        await _insert(target, table, new)
    return len(new) - len(stale), len(stale)


async def _insert(target: AsyncConnection, table: SQLTable, new: Sequence[dict[str, Any]]) -> None:
    try:
        async with target.begin_nested():
            await target.execute(insert(table), list(new))
    except Exception as error:
        if (explained := explain(target.engine.url, error)) is not None:
            raise explained from error
        if len(new) == 1:
            key = "/".join(str(new[0][column.name]) for column in table.primary_key)
            raise DatabaseError(
                f"{format_url(target.engine.url)} does not take the row {key} of {table.name} "
                f"({str(getattr(error, 'orig', None) or error).splitlines()[0]}): correct it in the other database"
            ) from error
        half = len(new) // 2
        await _insert(target, table, new[:half])
        await _insert(target, table, new[half:])


async def _delete_others(source: AsyncConnection, target: AsyncConnection, table: SQLTable) -> int:
    """Delete the rows that only the target has; return their number."""
    deleted = 0
    chosen = select(*table.primary_key)
    keys = [tuple(row) for row in await target.execute(chosen)]
    for start in range(0, len(keys), GROUP):
        group = keys[start : start + GROUP]
        known = {tuple(row) for row in await source.execute(chosen.where(_matches(table, group)))}
        if gone := [key for key in group if key not in known]:
            await target.execute(delete(table).where(_matches(table, gone)))
            deleted += len(gone)
    return deleted
