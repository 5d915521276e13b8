"""Access to the database: one URL, SQLite or PostgreSQL, always through asyncio.

Synchronous commands use `asyncio.run(...)`, so that PostgreSQL needs one driver, not two.
"""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import URL, event, func, make_url, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from db import sqlite as sqlite_driver
from db.sqlite import BUSY_MS
from wire.errors import UserError

_LITTLE = 64 * 1024  # bytes; SQLite needs 32 kB beside a database to open it
CONNECTIONS = 10
"""How many connections a process may have, unless it is told otherwise."""

CONNECT_S = 5.0
_PLACE_S = 3.0
"""How long a transaction waits for one of the process's connections while all are in use."""

_REACH_S = CONNECT_S + 2.0
"""How long it waits in all until it can begin."""

ANSWER_S = 10.0
"""How long PostgreSQL may take for one statement, and either database until it counts as silent."""

_MORE_S = 1.0
"""How long after PostgreSQL should have given a statement up its connection is cut, since nothing was heard."""

LONG_S = 3600.0
"""The same limit for one statement of `long_work`."""

FORMS = "sqlite:///PATH, or postgresql://USER:PASSWORD@HOST/NAME"


_SLOW = "see the server's log and load, and whether the network to it lets packets through"
_ENDED_BY_SERVER = ("25P03", "25P04")  # a transaction that was idle, or took too long


class DatabaseError(UserError):
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


def async_engine(url: str, connections: int = CONNECTIONS) -> AsyncEngine:
    """Create an engine for `url` without connecting. The caller must await `engine.dispose()`.

    A process makes one, for all that it asks the database: it has `connections` at most, which are kept.
    """
    parsed = parse_url(url)
    is_sqlite = parsed.get_backend_name() == "sqlite"
    engine = create_async_engine(
        parsed,
        connect_args={"timeout": BUSY_MS / 1000, "async_creator_fn": sqlite_driver.connect}
        if is_sqlite
        else {"async_creator_fn": _connect_postgresql},
        hide_parameters=True,  # callers' numbers must not appear in logs
        pool_size=connections,
        max_overflow=0,
        pool_timeout=_PLACE_S,
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
    )
    if is_sqlite:
        event.listen(engine.sync_engine, "connect", sqlite_driver.prepare)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        _watch_file(engine, Path(parsed.database or ""))
    else:
        event.listen(engine.sync_engine, "checkout", _refuse_closed)
    return engine


async def _connect_postgresql(*arguments: Any, **named: Any) -> Any:
    from db import postgresql  # loads asyncpg, which a line with SQLite does not need

    return await postgresql.connect(*arguments, answer_s=ANSWER_S, connect_s=CONNECT_S, **named)


@asynccontextmanager
async def open_engine(url: str, connections: int = CONNECTIONS, *, long: bool = False) -> AsyncIterator[AsyncEngine]:
    """Yield an engine for `url` and close its connections at the end of the block. `long`: it is for `long_work`."""
    engine = async_engine(url, connections)
    try:
        yield long_work(engine) if long else engine
    finally:
        await engine.dispose()
        await sqlite_driver.closed()


def long_work(engine: AsyncEngine) -> AsyncEngine:
    """Return the engine, with its connections, for work whose statements may take an hour: a migration, a copy, a
    report of years, deletions."""
    return engine.execution_options(hatif_long=True)


def for_people(engine: AsyncEngine, whole_s: float) -> AsyncEngine:
    """Return the engine, with its connections, for somebody who waits: a transaction takes `whole_s` at most."""
    return engine.execution_options(hatif_whole_s=whole_s)


def _refuse_closed(_: object, record: ConnectionPoolEntry, __: object) -> None:
    """Reconnect where the server has closed the connection. It is not asked: that is an answer more to wait for."""
    if record.driver_connection is None or record.driver_connection.is_closed():
        raise DisconnectionError("the server has closed this connection")


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

    Never creates a missing file; `upgrade` does. Raises DatabaseError if the database is away or silent.
    """
    _refuse_no_file(engine)
    async with _connected(engine, writes=True) as connection, connection.begin():
        await _allow_long_work(connection)
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
            await _allow_long_work(connection)
            yield connection


@asynccontextmanager
async def outside_transactions(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Connect for statements of PostgreSQL that may not be in a transaction, however long they take."""
    alone = long_work(engine).execution_options(isolation_level="AUTOCOMMIT")
    async with _connected(alone, writes=True) as connection:
        await _allow_long_work(connection, in_transaction=False)
        yield connection
        await connection.execute(text(f"SET statement_timeout = {round(1000 * ANSWER_S)}"))


async def _allow_long_work(connection: AsyncConnection, *, in_transaction: bool = True) -> None:
    """Lift the limits on statements if this is for long work. The server has answered until then."""
    if connection.dialect.name == "postgresql" and _is_long(connection.sync_connection):
        names = (
            ("statement_timeout", "idle_in_transaction_session_timeout") if in_transaction else ("statement_timeout",)
        )
        await connection.execute(select(*(func.set_config(name, "0", in_transaction) for name in names)))
        (await _driver(connection)).limit(LONG_S)


async def _driver(connection: AsyncConnection) -> Any:
    """Return the driver's own connection: a `PostgreSQLDriver` or an `SQLiteDriver`."""
    return (await connection.get_raw_connection()).driver_connection


def _is_long(of: Any) -> bool:
    return bool(of.get_execution_options().get("hatif_long", False))


def _refuse_no_file(engine: AsyncEngine) -> None:
    if is_missing_file(engine.url):
        raise DatabaseError(
            f"{format_url(engine.url)} does not exist: run `hatif db upgrade` to create it, restore it from a backup "
            "if it was deleted, or correct the URL"
        )


@asynccontextmanager
async def _connected(engine: AsyncEngine, *, writes: bool) -> AsyncIterator[AsyncConnection]:
    """Connect; turn errors that mean the database is away or not as expected into DatabaseError. Others pass.

    Each wait ends: for a connection, for each statement, and for the whole, if the engine has a limit for that.
    """
    driver: Any = None
    try:
        async with asyncio.timeout(engine.get_execution_options().get("hatif_whole_s")), AsyncExitStack() as stack:
            async with asyncio.timeout(_REACH_S):
                connection = await stack.enter_async_context(engine.connect())
                driver = await _driver(connection)
            # On SQLite another writing transaction, which may be long as well, is waited for as it begins.
            driver.limit(LONG_S if _is_long(engine) and engine.dialect.name == "sqlite" else ANSWER_S + _MORE_S)
            yield connection
    except Exception as error:  # also the drivers' own errors, which SQLAlchemy does not always wrap
        is_silent = isinstance(_cause(error), TimeoutError) or (driver is not None and driver.gave_up)
        explained = silent(engine.url) if is_silent else explain(engine.url, error)
        is_postgresql = engine.dialect.name == "postgresql"
        if explained is None and is_postgresql and (driver is None or _is_from_asyncpg(error)):
            explained = _nonsense(engine.url, error)
        if explained is None:
            raise
        if is_postgresql and driver is not None and not _is_answer(error):
            driver.terminate()  # whatever it may still bring is not meant for the next transaction
        explained.in_doubt = writes and driver is not None and not _is_answer(error)
        raise explained from error


def _is_from_asyncpg(error: BaseException) -> bool:
    """Return whether an error is one that asyncpg did not expect, since it did not understand an answer."""
    if isinstance(error, SQLAlchemyError):
        return False  # it was expected
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return last is not None and str(last.tb_frame.f_globals.get("__name__", "")).startswith("asyncpg.")


def _is_answer(error: BaseException) -> bool:
    """Return whether the database itself refused the transaction, so that it kept nothing of it."""
    cause = _cause(error)
    state = getattr(cause, "sqlstate", None)
    return isinstance(cause, sqlite3.Error) or (
        state is not None and (state[:2] not in ("08", "57") or state == "57014")
    )


def explain(url: URL, error: BaseException) -> DatabaseError | None:
    """Return what an administrator should do about `error`; None if it is not about the database as a whole."""
    cause = _cause(error)
    where = format_url(url)
    if isinstance(cause, sqlite3.Error):
        return _explain_sqlite(where, Path(url.database or ""), cause)
    if isinstance(error, PoolTimeoutError):
        return DatabaseError(
            f"{where}: all connections of this process have been in use for {_PLACE_S:g} s: the database is slow, or "
            "`connections` in [database] of site.toml is too low"
        )
    if isinstance(cause, TimeoutError):
        return silent(url)
    state = getattr(cause, "sqlstate", None)
    words = _words(cause)
    match state:
        case "28P01" | "28000":
            return DatabaseError(f"{where} refuses the user {url.username!r}: check user and password in the URL")
        case "3D000":
            return DatabaseError(f"{where} does not exist: create the database (createdb {url.database})")
        case "42P01" | "42703" | "3F000":
            return DatabaseError(f"{where} lacks a table or column ({words}): run `hatif db upgrade`")
        case "42501":
            return DatabaseError(f"{where}: {words}: grant the user {url.username!r} the necessary rights")
        case "57014":
            return DatabaseError(f"{where} takes over {ANSWER_S:g} s for one statement ({words}): {_SLOW}")
        case str() if state[:2] in ("08", "53", "57", "58", "XX", "40") or state in _ENDED_BY_SERVER:
            return DatabaseError(f"{where} is not ready ({words}): see the server's log")
    if isinstance(cause, OSError) or getattr(error, "connection_invalidated", False):
        return DatabaseError(f"{where} cannot be reached ({words}): start the server, or correct the URL")
    if type(cause).__module__.startswith("asyncpg") and state is None and not isinstance(cause, ValueError):
        return DatabaseError(f"{where}: the connection was lost ({words}): see the server's log")
    return None


def silent(url: URL) -> DatabaseError:
    """Return the error of a database that does not answer, and does not say why."""
    remedy = "see whether its disk works" if url.get_backend_name() == "sqlite" else _SLOW
    return DatabaseError(f"{format_url(url)} does not answer in time: {remedy}")


def _nonsense(url: URL, error: BaseException) -> DatabaseError:
    """Return the error of a server whose answer nobody understands."""
    return DatabaseError(
        f"{format_url(url)} does not answer like PostgreSQL ({_words(_cause(error))}): correct host and port in the "
        "URL, or see what is between"
    )


def _words(cause: BaseException) -> str:
    return str(cause).splitlines()[0] if str(cause) else type(cause).__name__


def _explain_sqlite(where: str, file: Path, cause: sqlite3.Error) -> DatabaseError | None:
    words = str(cause)
    name = getattr(cause, "sqlite_errorname", "")
    if name.startswith("SQLITE_CANTOPEN"):
        if file.exists() and not os.access(file.parent, os.W_OK):
            return DatabaseError(f"{where} cannot be opened: its folder cannot be written, which SQLite needs")
        remedy = f"create the folder {file.parent}" if not file.parent.is_dir() else "check its permissions"
        return DatabaseError(f"{where} cannot be opened: {remedy}, or correct the URL")
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return DatabaseError(f"{where} is not an intact SQLite database ({words}): restore it from a backup")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return DatabaseError(f"{where} was locked by another process for over {BUSY_MS // 1000} s: end that process")
    if name.startswith("SQLITE_FULL") or (name.startswith("SQLITE_IOERR") and _is_full(file)):
        return DatabaseError(f"{where}: the disk is full: free some space")
    if name.startswith("SQLITE_READONLY"):
        return DatabaseError(f"{where} cannot be written: check the permissions of the file and its folder")
    if name.startswith("SQLITE_IOERR"):
        return DatabaseError(f"{where}: the disk has an I/O error ({words}): see the system's log")
    if "no such table" in words or "no such column" in words or "has no column" in words:
        return DatabaseError(f"{where} lacks a table or column ({words}): run `hatif db upgrade`")
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
    while cause.__cause__ is not None and not isinstance(cause, TimeoutError):
        cause = cause.__cause__
    return cause


async def version_of(engine: AsyncEngine) -> str:
    """Return the database's name and version, which shows that it answers. Raises DatabaseError if it is away."""
    is_sqlite = engine.dialect.name == "sqlite"
    asked = func.sqlite_version() if is_sqlite else func.current_setting("server_version")
    async with reading(engine) as connection:
        found = await connection.scalar(select(asked))
    return f"{'SQLite' if is_sqlite else 'PostgreSQL'} {found}"
