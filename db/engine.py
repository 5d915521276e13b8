"""Access to the database: one URL, SQLite or PostgreSQL, always through asyncio.

Synchronous commands use `asyncio.run(...)`, so that PostgreSQL needs one driver, not two.
"""

import asyncio
import contextlib
import os
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite
import orjson
from sqlalchemy import URL, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

_LITTLE = 64 * 1024  # bytes; SQLite needs 32 kB beside a database to open it
BUSY_MS = 5000  # how long a writing transaction waits for another one to end
CONNECT_S = 5.0

FORMS = "sqlite:///PATH, or postgresql://USER:PASSWORD@HOST/NAME"


class DatabaseError(Exception):
    """The database cannot be used now. The text names it, the problem and the remedy; it never contains a password.

    `in_doubt`: it was lost during a writing transaction, of which it may have kept everything or nothing.
    """

    in_doubt = False


def parse_url(url: str) -> URL:
    """Return the URL with our driver. Raises DatabaseError unless it has one of the two supported forms."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise DatabaseError(f"the database URL cannot be parsed: use {FORMS}") from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise DatabaseError(f"the database URL must name a file: use {FORMS}")
        return parsed.set(drivername="sqlite+aiosqlite")
    if backend in ("postgresql", "postgres"):
        if not parsed.database:
            raise DatabaseError(f"the URL {format_url(parsed)} must name a database: use {FORMS}")
        return parsed.set(drivername="postgresql+asyncpg")
    raise DatabaseError(f"databases of type {backend!r} are not supported: use {FORMS}")


def format_url(url: URL) -> str:
    """Return the URL as it may be printed and logged, without user and password."""
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{url.database}"
    host = url.host or url.query.get("host") or "the local socket"
    port = f":{url.port}" if url.port else ""
    return f"postgresql://{host}{port}/{url.database or ''}"


def is_missing_file(url: URL) -> bool:
    """Return whether the URL names an SQLite file that does not exist in a folder that does."""
    file = Path(url.database or "")
    return url.get_backend_name() == "sqlite" and file.parent.is_dir() and not file.exists()


def insert_of(dialect: str) -> Callable[[Any], postgresql.Insert | sqlite.Insert]:
    """Return the dialect's `insert`, which supports ON CONFLICT. `dialect`: its name in SQLAlchemy."""
    return postgresql.insert if dialect == "postgresql" else sqlite.insert


def async_engine(url: str) -> AsyncEngine:
    """Create an engine for `url` without connecting. The caller must await `engine.dispose()`."""
    parsed = parse_url(url)
    connect: dict[str, Any] = (
        {"timeout": BUSY_MS / 1000, "async_creator_fn": _open_sqlite}
        if parsed.get_backend_name() == "sqlite"
        else {"timeout": CONNECT_S}
    )
    engine = create_async_engine(
        parsed,
        connect_args=connect,
        hide_parameters=True,  # callers' numbers must not appear in logs
        pool_pre_ping=parsed.get_backend_name() == "postgresql",
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
    )
    if parsed.get_backend_name() == "sqlite":
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        _watch_file(engine, Path(parsed.database or ""))
    return engine


@asynccontextmanager
async def open_engine(url: str) -> AsyncIterator[AsyncEngine]:
    """Yield an engine for `url` and close its connections at the end of the block."""
    engine = async_engine(url)
    try:
        yield engine
    finally:
        await engine.dispose()


_opening: set[asyncio.Future[Any]] = set()
"""Connections whose opener was cancelled, until they are closed."""


async def _open_sqlite(*arguments: Any, **named: Any) -> aiosqlite.Connection:
    driver = aiosqlite.connect(*arguments, **named)
    thread = driver._thread  # noqa: SLF001 - SQLAlchemy does the same
    thread.daemon = True
    opening = asyncio.ensure_future(_open(driver))
    try:
        return await asyncio.shield(opening)
    except sqlite3.Error:
        # The thread is about to end, but first reports to this loop, which a command would have closed by then.
        await asyncio.to_thread(thread.join)
        raise
    except asyncio.CancelledError:
        closing = asyncio.ensure_future(_close(opening))
        _opening.add(closing)
        closing.add_done_callback(_opening.discard)
        raise


async def _open(driver: aiosqlite.Connection) -> aiosqlite.Connection:
    return await driver


async def _close(opening: asyncio.Future[aiosqlite.Connection]) -> None:
    """Close a connection whose opener was cancelled; it must not stay open."""
    with contextlib.suppress(sqlite3.Error):
        await (await opening).close()


def _prepare_sqlite(connection: Any, _: object) -> None:
    # By default the driver begins transactions itself, late and without IMMEDIATE; `_begin_sqlite` does it instead.
    connection.isolation_level = None
    connection.run_async(_set_pragmas)


async def _set_pragmas(driver: aiosqlite.Connection) -> None:
    try:
        await _set_pragmas_or_fail(driver)
    except sqlite3.Error:
        await driver.close()  # the pool would drop it and leak its thread
        raise


async def _set_pragmas_or_fail(driver: aiosqlite.Connection) -> None:
    for pragma in (f"busy_timeout = {BUSY_MS}", "foreign_keys = ON", "synchronous = FULL"):
        await driver.execute(f"PRAGMA {pragma}")
    deadline = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            await driver.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            # SQLite does not apply the busy timeout here: a new file that another process is creating is "locked".
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.02)


def _watch_file(engine: AsyncEngine, file: Path) -> None:
    """Reconnect when the file was replaced: SQLite would silently go on with the deleted one."""

    def on_connect(_: object, record: ConnectionPoolEntry) -> None:
        record.info["file"] = _identity(file)

    def on_checkout(_: object, record: ConnectionPoolEntry, __: object) -> None:
        if record.info.get("file") != _identity(file):
            raise DisconnectionError(f"{file} is no longer the file that was opened")

    event.listen(engine.sync_engine, "connect", on_connect)
    event.listen(engine.sync_engine, "checkout", on_checkout)


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later cannot wait for another writer (SQLITE_BUSY at once, despite the
    # timeout). IMMEDIATE waits at its beginning, where waiting is possible.
    reads_only = connection.get_execution_options().get("hatif_reads_only", False)
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


@asynccontextmanager
async def writing(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Run a writing transaction: committed at the end, rolled back on an error.

    Never creates a missing file; `upgrade` does. Raises DatabaseError if the database is away.
    """
    _refuse_no_file(engine)
    async with _connected(engine, writes=True) as connection, connection.begin():
        yield connection


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Run a read-only transaction with one consistent view; it never waits for a writer.

    Never creates a missing file, unlike SQLite itself. Raises DatabaseError if the database is away.
    """
    _refuse_no_file(engine)
    async with _connected(engine, writes=False) as connection:
        await connection.execution_options(hatif_reads_only=True, postgresql_readonly=True)
        async with connection.begin():
            yield connection


def _refuse_no_file(engine: AsyncEngine) -> None:
    if is_missing_file(engine.url):
        raise DatabaseError(
            f"{format_url(engine.url)} does not exist: run `hatif db upgrade` to create it, restore it from a backup "
            "if it was deleted, or correct the URL"
        )


@asynccontextmanager
async def _connected(engine: AsyncEngine, *, writes: bool) -> AsyncIterator[AsyncConnection]:
    """Connect; turn errors that mean the database is away or not as expected into DatabaseError. Others pass."""
    connected = False
    try:
        async with engine.connect() as connection:
            connected = True
            yield connection
    except Exception as error:  # also the drivers' own errors, which SQLAlchemy does not always wrap
        explained = explain(engine.url, error)
        if explained is None:
            raise
        explained.in_doubt = writes and connected and not _is_answer(error)
        raise explained from error


def _is_answer(error: BaseException) -> bool:
    """Return whether the database itself refused the transaction, so that it kept nothing of it."""
    cause = _cause(error)
    state = getattr(cause, "sqlstate", None)
    return isinstance(cause, sqlite3.Error) or (state is not None and state[:2] not in ("08", "57"))


def explain(url: URL, error: BaseException) -> DatabaseError | None:
    """Return what an administrator should do about `error`; None if it is not about the database as a whole."""
    cause = _cause(error)
    where = format_url(url)
    if isinstance(cause, sqlite3.Error):
        return _explain_sqlite(where, Path(url.database or ""), cause)
    state = getattr(cause, "sqlstate", None)
    text = str(cause).splitlines()[0] if str(cause) else type(cause).__name__
    match state:
        case "28P01" | "28000":
            return DatabaseError(f"{where} refuses the user {url.username!r}: check user and password in the URL")
        case "3D000":
            return DatabaseError(f"{where} does not exist: create the database (createdb {url.database})")
        case "42P01" | "42703" | "3F000":
            return DatabaseError(f"{where} lacks a table or column ({text}): run `hatif db upgrade`")
        case "42501":
            return DatabaseError(f"{where}: {text}: grant the user {url.username!r} the necessary rights")
        case str() if state[:2] in ("08", "53", "57", "58", "XX", "40"):
            return DatabaseError(f"{where} is not ready ({text}): see the server's log")
    if isinstance(cause, OSError | asyncio.TimeoutError) or getattr(error, "connection_invalidated", False):
        return DatabaseError(f"{where} cannot be reached ({text}): start the server, or correct the URL")
    if type(cause).__module__.startswith("asyncpg") and "connection" in text and not isinstance(cause, ValueError):
        return DatabaseError(f"{where}: the connection was lost ({text}): see the server's log")
    return None


def _explain_sqlite(where: str, file: Path, cause: sqlite3.Error) -> DatabaseError | None:
    text = str(cause)
    name = getattr(cause, "sqlite_errorname", "")
    if name.startswith("SQLITE_CANTOPEN"):
        if file.exists() and not os.access(file.parent, os.W_OK):
            return DatabaseError(f"{where} cannot be opened: its folder cannot be written, which SQLite needs")
        remedy = f"create the folder {file.parent}" if not file.parent.is_dir() else "check its permissions"
        return DatabaseError(f"{where} cannot be opened: {remedy}, or correct the URL")
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return DatabaseError(f"{where} is not an intact SQLite database ({text}): restore it from a backup")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return DatabaseError(f"{where} was locked by another process for over {BUSY_MS // 1000} s: end that process")
    if name.startswith("SQLITE_FULL") or (name.startswith("SQLITE_IOERR") and _is_full(file)):
        return DatabaseError(f"{where}: the disk is full: free some space")
    if name.startswith("SQLITE_READONLY"):
        return DatabaseError(f"{where} cannot be written: check the permissions of the file and its folder")
    if name.startswith("SQLITE_IOERR"):
        return DatabaseError(f"{where}: the disk has an I/O error ({text}): see the system's log")
    if "no such table" in text or "no such column" in text or "has no column" in text:
        return DatabaseError(f"{where} lacks a table or column ({text}): run `hatif db upgrade`")
    return None


def _is_full(file: Path) -> bool:
    """Return whether the disk is full: SQLite does not say so if it cannot make a file of its own."""
    try:
        return shutil.disk_usage(file.parent).free < _LITTLE
    except OSError:
        return False


def _cause(error: BaseException) -> BaseException:
    """Return the driver's own error, below SQLAlchemy's and its adapter's."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return cause
