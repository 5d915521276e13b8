"""Connections to SQLite that never wait for ever, whatever the disk or another process does."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable
from typing import Any

import aiosqlite

BUSY_MS = 5000  # how long a writing transaction waits for another one to end
_AFTERWARDS_S = 1.0
"""How long what follows on a connection is waited for after a statement on it was given up."""


class SQLiteDriver(aiosqlite.Connection):
    """A connection whose statements are interrupted when they are given up.

    A thread that hangs in the file system cannot be interrupted. It is left behind, and closes its file if it ever goes
    on.
    """

    gave_up = False
    _limit_s: float | None = None

    def limit(self, seconds: float) -> None:
        """Give up a statement that has no answer for so long."""
        self.gave_up, self._limit_s = False, seconds

    async def _execute(self, fn: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        try:
            async with asyncio.timeout(_AFTERWARDS_S if self.gave_up else self._limit_s):
                return await super()._execute(fn, *arguments, **named)  # type: ignore[no-untyped-call]
        except (TimeoutError, asyncio.CancelledError):
            self.gave_up = True
            if self._connection is not None:
                with contextlib.suppress(sqlite3.ProgrammingError):  # it has just been closed
                    self._connection.interrupt()
            raise

    async def close(self) -> None:
        """Close the file, or leave that to the thread if it hangs."""
        if self.gave_up and self._connection is not None:
            try:
                await self._execute(bool)  # whether the thread is back
            except TimeoutError:
                self.stop()
                return
        await super().close()


_opening: set[asyncio.Future[Any]] = set()
"""Connections whose opener was cancelled, until they are closed."""


async def connect(database: str, **named: Any) -> SQLiteDriver:
    """Return a new connection to a file."""
    driver = SQLiteDriver(lambda: sqlite3.connect(database, **named), 64)
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


async def closed() -> None:
    """Wait for connections whose opener was cancelled: the loop in which they were begun must not end before them."""
    if mine := [closing for closing in _opening if closing.get_loop() is asyncio.get_running_loop()]:
        await asyncio.wait(mine, timeout=_AFTERWARDS_S)


async def _open(driver: SQLiteDriver) -> SQLiteDriver:
    await driver
    return driver


async def _close(opening: asyncio.Future[SQLiteDriver]) -> None:
    """Close a connection whose opener was cancelled; it must not stay open."""
    with contextlib.suppress(sqlite3.Error):
        await (await opening).close()


def prepare(connection: Any, _: object) -> None:
    """Set up a new connection of SQLAlchemy's."""
    # By default the driver begins transactions itself, late and without IMMEDIATE; the engine does it instead.
    connection.isolation_level = None
    connection.run_async(_set_pragmas)


async def _set_pragmas(driver: aiosqlite.Connection) -> None:
    try:
        await _set_pragmas_or_fail(driver)
    except BaseException:
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
