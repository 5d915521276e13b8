"""Moving a line to another database while it goes on writing to the present one.

The rows are copied while the line runs, again and again until little has changed meanwhile. Then nobody may write to
the present database any more; the rest is copied, every row is compared, and the line is switched over. What happens in
that moment waits in the journal. Until then nothing has changed for the line, so an interruption costs only time.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.copying import Copied, Progress, copy_rows, count_rows, frozen, tables
from db.engine import DatabaseError, format_url, open_engine, parse_url, reading, writing
from db.upgrade import pending, upgrade

MARK = "hatif_copy"
"""A table that a database has while it is a copy that is not finished: it may be overwritten."""
FEW = 100
"""So few changes during one copy are copied in a moment."""
_PASSES = 5
_VERIFIED_AFTER = 3


@dataclass(frozen=True, slots=True)
class Moved:
    """The rows that were copied and compared, and how many passes that took."""

    rows: int
    passes: int


async def move(
    source: str,
    target: str,
    switch: Callable[[], None],
    progress: Progress = lambda done, total: None,
    step: Callable[[str], None] = lambda text: None,
) -> Moved:
    """Copy the database `source` to the empty database `target` (URLs), verify it, and switch over.

    Args:
        switch: Has the line use `target` from now on. Nobody can write to `source` while it works.
        step: Called with what is done next.

    Raises:
        DatabaseError: One of them is away, they are the same, the target is not empty, or a row does not fit.
    """
    await _check(source, target)
    async with open_engine(source, long=True) as engine, open_engine(target, long=True) as new:
        passes = 0
        while passes < _PASSES:
            passes += 1
            step("Copying" if passes == 1 else "Copying what has changed meanwhile")
            async with frozen(engine) as old, writing(new) as connection:
                copied = await copy_rows(old, connection, progress)
            if copied.changes <= FEW:
                break
        async with _alone(engine) as old:
            step("Copying the rest, and comparing every row")
            copied, more = await _finish(old, new, progress)
            await _unmark(new)
            try:
                switch()
            except BaseException:
                await _mark(new)
                raise
    return Moved(copied.rows, passes + more)


async def _check(source: str, target: str) -> None:
    """Check both, and mark the target as a copy that is not finished."""
    if parse_url(source) == parse_url(target):
        raise DatabaseError(f"{format_url(parse_url(target))} is the line's database already: name another one")
    if missing := await pending(source):
        raise DatabaseError(
            f"{format_url(parse_url(source))} lacks the migration {missing[0]}: run `hatif db upgrade` first"
        )
    await upgrade(target)
    async with open_engine(target) as engine:
        async with reading(engine) as connection:
            begun = await connection.run_sync(lambda sync: inspect(sync).has_table(MARK))
            if not begun and await count_rows(connection):
                raise DatabaseError(
                    f"{format_url(engine.url)} is neither empty nor an interrupted copy: name an empty database"
                )
        if not begun:
            await _mark(engine)


async def _mark(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await connection.execute(text(f"CREATE TABLE IF NOT EXISTS {MARK} (unfinished INTEGER)"))


async def _unmark(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await connection.execute(text(f"DROP TABLE {MARK}"))


@asynccontextmanager
async def _alone(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Keep everybody else from writing until the end of the block; they can read."""
    async with writing(engine) as connection:  # on SQLite this is the lock
        if connection.dialect.name == "postgresql":
            names = ", ".join(f'"{table.name}"' for table in tables())
            await connection.execute(text(f"LOCK TABLE {names} IN SHARE MODE"))
        yield connection


async def _finish(old: AsyncConnection, new: AsyncEngine, progress: Progress) -> tuple[Copied, int]:
    """Copy until a pass finds every row equal; return that pass, and how many there were."""
    for passes in range(1, _VERIFIED_AFTER + 1):
        async with writing(new) as connection:
            copied = await copy_rows(old, connection, progress)
        if not copied.changes:
            return copied, passes
    raise DatabaseError(
        f"{format_url(new.url)} does not keep what is written to it ({copied.changes} rows differ), or somebody else "
        "writes to it: nothing was switched over"
    )
