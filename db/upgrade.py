"""Upgrading a database to this version's tables, or back, with Alembic migrations from the package itself.

A whole upgrade is one transaction under a lock, on SQLite as well: it is applied completely or not at all, and a second
process that upgrades waits and then finds nothing to do.
"""

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from sqlalchemy import Connection, event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.engine import DatabaseError, format_url, is_missing_file, open_engine, parse_url, reading, writing

FOLDER = Path(__file__).parent / "migrations"
LOCK = 0x6861746966  # "hatif", the key of PostgreSQL's advisory lock
WAIT_MS = 60_000  # for another process that upgrades


async def upgrade(url: str, to: str = "heads") -> list[str]:
    """Apply all pending migrations, up to `to`; return those that were applied, oldest first."""
    if (parsed := parse_url(url)).get_backend_name() == "sqlite" and parsed.database is not None:
        _create_private(Path(parsed.database))
    if to == "heads" and not await pending(url):  # asked first, with the limits of a short statement
        return []
    async with _locked(url) as (engine, connection):
        missing = _missing(engine, await connection.run_sync(_current), to)
        if missing:
            await connection.run_sync(_alembic, lambda config: command.upgrade(config, to))
        return missing


async def downgrade(url: str, to: str) -> list[str]:
    """Undo the migrations after `to`, for an earlier version of Hatif; return those that were undone, newest first.

    What is in the columns and tables that they had added is lost.

    Raises:
        DatabaseError: The database is away, or one of both migrations is not known.
    """
    async with _locked(url) as (engine, connection):
        undone = _after(engine, await connection.run_sync(_current), to)
        if undone:
            await connection.run_sync(_alembic, lambda config: command.downgrade(config, to))
        return undone


async def current(url: str) -> str | None:
    """Return the database's current migration; None for an empty database or a file that does not exist yet."""
    if is_missing_file(parse_url(url)):
        return None
    async with open_engine(url) as engine, reading(engine) as connection:
        return await connection.run_sync(_current)


async def pending(url: str) -> list[str]:
    """Return the migrations that `upgrade` would apply, oldest first."""
    async with open_engine(url) as engine:
        if is_missing_file(engine.url):
            return _missing(engine, None)
        async with reading(engine) as connection:
            return _missing(engine, await connection.run_sync(_current))


def _alembic(connection: Connection, act: Callable[[Config], None]) -> None:
    config = _config()
    config.attributes["connection"] = connection
    act(config)


def _config() -> Config:
    config = Config(stdout=StringIO())  # standard output belongs to the command
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "m%%(rev)s_%%(slug)s")
    return config


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _missing(engine: AsyncEngine, at: str | None, to: str = "heads") -> list[str]:
    script = ScriptDirectory.from_config(_config())
    try:
        newest_first = [found.revision for found in script.iterate_revisions(to, at or "base")]
    except RevisionError:
        raise DatabaseError(
            f"{format_url(engine.url)} is at migration {at!r}, which this version of Hatif does not know: "
            "install the newer version that made it, or restore a backup"
        ) from None
    return [revision for revision in reversed(newest_first) if revision != at]


def _after(engine: AsyncEngine, at: str | None, to: str) -> list[str]:
    """Return the known migrations from a database's own back to, and without, `to`. Raises DatabaseError."""
    known = [found.revision for found in ScriptDirectory.from_config(_config()).walk_revisions()]  # newest first
    _missing(engine, at)  # says if the database's own is not known
    if at is None or to not in known or known.index(to) < known.index(at):
        raise DatabaseError(
            f"{format_url(engine.url)} is at migration {at!r}, from which there is no way back to {to!r}: name one of "
            f"{', '.join(reversed(known[known.index(at) :] if at else []))}"
        )
    return known[known.index(at) : known.index(to)]


@asynccontextmanager
async def _locked(url: str) -> AsyncGenerator[tuple[AsyncEngine, AsyncConnection]]:
    """Begin a writing transaction under the lock of upgrades."""
    async with open_engine(url, long=True) as engine:
        if engine.dialect.name == "sqlite":
            _wait_longer(engine)
        async with writing(engine) as connection:
            if connection.dialect.name == "postgresql":
                await connection.execute(text(f"SET LOCAL lock_timeout = {WAIT_MS}"))
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
            yield engine, connection


def _wait_longer(engine: AsyncEngine) -> None:
    """On SQLite the lock is the writing transaction itself: wait for it as long as a migration may take."""

    def on_connect(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {WAIT_MS}")
        cursor.close()

    event.listen(engine.sync_engine, "connect", on_connect)


def _create_private(file: Path) -> None:
    """Create a new file that only its owner may read, because it will contain callers' numbers; SQLite gives its
    auxiliary files the same mode."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise DatabaseError(
            f"sqlite:///{file} cannot be created ({error.strerror}): correct the URL or the permissions"
        ) from None
