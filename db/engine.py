"""How the database is reached: one URL, SQLite or PostgreSQL, always asyncio.

A command that is not asynchronous says `asyncio.run(...)`: so PostgreSQL needs one driver, not two.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite
import orjson
from sqlalchemy import URL, event, make_url
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_MS = 5000  # how long a writing transaction waits for another one's end
CONNECT_S = 5.0

FORMS = "sqlite:///PATH, or postgresql://USER:PASSWORD@HOST/NAME"


class DatabaseError(Exception):
    """The database cannot be used now. The text says which one, what is wrong and what to do; never a password."""


def parse(url: str) -> URL:
    """The URL with our driver. DatabaseError when it is none of the two forms."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise DatabaseError(f"the database's URL cannot be read: write {FORMS}") from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise DatabaseError(f"the database's URL names no file: write {FORMS}")
        return parsed.set(drivername="sqlite+aiosqlite")
    if backend in ("postgresql", "postgres"):
        if not parsed.database:
            raise DatabaseError(f"the URL {shown(parsed)} names no database: write {FORMS}")
        return parsed.set(drivername="postgresql+asyncpg")
    raise DatabaseError(f"a database of the kind {backend!r} is not served: write {FORMS}")


def shown(url: URL) -> str:
    """As it may be printed and logged."""
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{url.database}"
    host = url.host or url.query.get("host") or "the local socket"
    port = f":{url.port}" if url.port else ""
    return f"postgresql://{host}{port}/{url.database or ''}"


def no_file(url: URL) -> bool:
    """Whether it names a file that is not there, in a folder that is."""
    file = Path(url.database or "")
    return url.get_backend_name() == "sqlite" and file.parent.is_dir() and not file.exists()


def async_engine(url: str) -> AsyncEngine:
    """An engine for `url`; nothing is opened yet. Its owner awaits `engine.dispose()`."""
    parsed = parse(url)
    connect: dict[str, Any] = (
        {"timeout": BUSY_MS / 1000, "async_creator_fn": _open_sqlite}
        if parsed.get_backend_name() == "sqlite"
        else {"timeout": CONNECT_S}
    )
    engine = create_async_engine(
        parsed,
        connect_args=connect,
        hide_parameters=True,  # a caller's number is not for the log
        pool_pre_ping=parsed.get_backend_name() == "postgresql",
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
    )
    if parsed.get_backend_name() == "sqlite":
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        _watch_file(engine, Path(parsed.database or ""))
    return engine


_opening: set[asyncio.Future[Any]] = set()
"""Connections that nobody waits for any more, until they are closed."""


async def _open_sqlite(*arguments: Any, **named: Any) -> aiosqlite.Connection:
    driver = aiosqlite.connect(*arguments, **named)
    thread = driver._thread  # noqa: SLF001 - SQLAlchemy does the same
    thread.daemon = True
    opening = asyncio.ensure_future(_opened(driver))
    try:
        return await asyncio.shield(opening)
    except sqlite3.Error:
        # It is about to end, but tells this loop so first: a command's loop would be closed by then.
        await asyncio.to_thread(thread.join)
        raise
    except asyncio.CancelledError:
        closing = asyncio.ensure_future(_closed(opening))
        _opening.add(closing)
        closing.add_done_callback(_opening.discard)
        raise


async def _opened(driver: aiosqlite.Connection) -> aiosqlite.Connection:
    return await driver


async def _closed(opening: asyncio.Future[aiosqlite.Connection]) -> None:
    """Whoever asked did not wait for it: it must not stay open."""
    with contextlib.suppress(sqlite3.Error):
        await (await opening).close()


def _prepare_sqlite(connection: Any, _: object) -> None:
    # The driver would begin transactions by itself, late and without IMMEDIATE; `_begin_sqlite` does it instead.
    connection.isolation_level = None
    connection.run_async(_set_pragmas)


async def _set_pragmas(driver: aiosqlite.Connection) -> None:
    try:
        await _set_pragmas_or_fail(driver)
    except sqlite3.Error:
        await driver.close()  # the pool would forget it, with its thread
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
            # For this one SQLite does not wait: a new file that another process is just filling is "locked" at once.
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.02)


def _watch_file(engine: AsyncEngine, file: Path) -> None:
    """Open the file again where another one has its place: SQLite would go on with a deleted one, seen by nobody."""

    def connected(_: object, record: ConnectionPoolEntry) -> None:
        record.info["file"] = _identity(file)

    def taken(_: object, record: ConnectionPoolEntry, __: object) -> None:
        if record.info.get("file") != _identity(file):
            raise DisconnectionError(f"{file} is another file than the one that was opened")

    event.listen(engine.sync_engine, "connect", connected)
    event.listen(engine.sync_engine, "checkout", taken)


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later cannot wait for another writer (SQLITE_BUSY at once, whatever the
    # limit). IMMEDIATE waits at its beginning, where waiting is possible.
    reads_only = connection.get_execution_options().get("hatif_reads_only", False)
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


@asynccontextmanager
async def writing(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One writing transaction: committed at the end, rolled back on an error. DatabaseError when it is unreachable.

    A file that is not there, or not any more, stays so: `upgrade` makes one.
    """
    _refuse_no_file(engine)
    async with _connected(engine) as connection, connection.begin():
        yield connection


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One consistent view; never waits for a writer. DatabaseError when it is unreachable.

    A file that is not there stays so: SQLite would make an empty one.
    """
    _refuse_no_file(engine)
    async with _connected(engine) as connection:
        await connection.execution_options(hatif_reads_only=True, postgresql_readonly=True)
        async with connection.begin():
            yield connection


def _refuse_no_file(engine: AsyncEngine) -> None:
    if no_file(engine.url):
        raise DatabaseError(
            f"{shown(engine.url)} is not there: run `hatif db upgrade` for a new one, put a copy from a backup in its "
            "place if it was deleted, or correct the URL"
        )


@asynccontextmanager
async def _connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """DatabaseError for whatever says that the database is away or not as expected; other errors go through."""
    try:
        async with engine.connect() as connection:
            yield connection
    except Exception as error:  # the drivers' own as well, which not every SQLAlchemy wraps
        explained = explain(engine.url, error)
        if explained is None:
            raise
        raise explained from error


def explain(url: URL, error: BaseException) -> DatabaseError | None:
    """What an administrator should do about `error`; None when it is not about the database as a whole."""
    cause = _cause(error)
    where = shown(url)
    if isinstance(cause, sqlite3.Error):
        return _explain_sqlite(where, Path(url.database or ""), cause)
    state = getattr(cause, "sqlstate", None)
    text = str(cause).splitlines()[0] if str(cause) else type(cause).__name__
    match state:
        case "28P01" | "28000":
            return DatabaseError(f"{where} refuses the user {url.username!r}: check user and password in the URL")
        case "3D000":
            return DatabaseError(f"{where}: there is no such database: create it (createdb {url.database})")
        case "42P01" | "42703" | "3F000":
            return DatabaseError(f"{where} lacks a table or column ({text}): run `hatif db upgrade`")
        case "42501":
            return DatabaseError(f"{where}: {text}: give the user {url.username!r} the right to do it")
        case str() if state[:2] in ("08", "53", "57", "58", "XX", "40"):
            return DatabaseError(f"{where} is not ready ({text}): look into the server's log")
    if isinstance(cause, OSError | asyncio.TimeoutError) or getattr(error, "connection_invalidated", False):
        return DatabaseError(f"{where} cannot be reached ({text}): start the server, or correct the URL")
    if type(cause).__module__.startswith("asyncpg") and "connection" in text and not isinstance(cause, ValueError):
        return DatabaseError(f"{where}: the connection was lost ({text}): look into the server's log")
    return None


def _explain_sqlite(where: str, file: Path, cause: sqlite3.Error) -> DatabaseError | None:
    text = str(cause)
    name = getattr(cause, "sqlite_errorname", "")
    if name.startswith("SQLITE_CANTOPEN"):
        remedy = f"make the folder {file.parent}" if not file.parent.is_dir() else "check its permissions"
        return DatabaseError(f"{where} cannot be opened: {remedy}, or correct the URL")
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return DatabaseError(f"{where} is not a sound SQLite database ({text}): put a copy from a backup in its place")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return DatabaseError(f"{where} is locked by another process for over {BUSY_MS // 1000} s: end that process")
    if name.startswith("SQLITE_FULL"):
        return DatabaseError(f"{where}: the disk is full: make room")
    if name.startswith("SQLITE_READONLY"):
        return DatabaseError(f"{where} cannot be written: check the permissions of the file and its folder")
    if name.startswith("SQLITE_IOERR"):
        return DatabaseError(f"{where}: the disk does not answer ({text}): look into the system's log")
    if "no such table" in text or "no such column" in text or "has no column" in text:
        return DatabaseError(f"{where} lacks a table or column ({text}): run `hatif db upgrade`")
    return None


def _cause(error: BaseException) -> BaseException:
    """The driver's own error, below SQLAlchemy's and its adapter's."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return cause
