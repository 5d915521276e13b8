"""Helpers of the deliverer's tests: reading rows, and waiting for a condition."""

# A test may block its own loop.
# ruff: noqa: ASYNC110

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import orjson
from sqlalchemy import event, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db import callbacks
from db.callback_requests import CallbackRequest
from db.delivery import run
from db.engine import async_engine, open_engine, reading, writing
from db.ids import uuid7
from db.tables import Callback


class _Engines:
    """An engine for each database, without connections while nobody reads: compiling its statements again each time
    takes longer than to execute them."""

    def __init__(self) -> None:
        self._made: dict[str, AsyncEngine] = {}
        self._readers: Counter[str] = Counter()

    @contextlib.asynccontextmanager
    async def reading(self, url: str) -> AsyncIterator[AsyncConnection]:
        engine = self._made.get(url) or self._made.setdefault(url, async_engine(url))
        self._readers[url] += 1
        try:
            async with reading(engine) as connection:
                yield connection
        finally:
            self._readers[url] -= 1
            if not self._readers[url]:
                await engine.dispose()


_engines: WeakKeyDictionary[asyncio.AbstractEventLoop, _Engines] = WeakKeyDictionary()


def _reading(url: str) -> contextlib.AbstractAsyncContextManager[AsyncConnection]:
    return _engines.setdefault(asyncio.get_running_loop(), _Engines()).reading(url)


async def rows(url: str, table: Any, *order: Any) -> list[Any]:
    async with _reading(url) as connection:
        return list(await connection.execute(select(table).order_by(*order)))


async def count(url: str, table: Any) -> int:
    async with _reading(url) as connection:
        return await connection.scalar(select(func.count()).select_from(table)) or 0


async def put_request(engine: AsyncEngine, **columns: Any) -> CallbackRequest:
    """Insert a call-back request of the node `node1` without the journal, and return it."""
    row = {"id": uuid7(), "node": "node1", **columns}
    async with writing(engine) as connection:
        await connection.execute(insert(Callback).values(row))
    return await callbacks.find_request(engine, str(row["id"]))


def rejected(folder: Path) -> list[dict[str, Any]]:
    return [orjson.loads(file.read_bytes()) for file in sorted((folder / "rejected").glob("*.json"))]


@contextlib.asynccontextmanager
async def delivering(folder: Path, url: str) -> AsyncIterator[asyncio.Task[None]]:
    stop = asyncio.Event()
    async with open_engine(url) as engine:
        task = asyncio.create_task(run(folder, engine, stop))
        try:
            yield task
        finally:
            stop.set()
            await asyncio.wait_for(task, 10)


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.05)


async def check(condition: bool) -> bool:
    return condition


async def is_count(url: str, table: Any, wanted: int) -> bool:
    return await count(url, table) == wanted


async def scanned(engine: AsyncEngine, read: Callable[[], Awaitable[object]]) -> set[str]:
    """Return the tables, by the names that its statements give them, all of whose rows a read looks at.

    PostgreSQL looks at all rows of a small table even if there is an index; here it does so only if there is none.
    """
    statements: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        statements.append((statement, parameters))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        await read()
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)
    is_sqlite = engine.dialect.name == "sqlite"
    explain, scan = ("EXPLAIN QUERY PLAN ", r"SCAN (\w+)") if is_sqlite else ("EXPLAIN ", r"Seq Scan on (\w+)")
    found: set[str] = set()
    async with reading(engine) as connection:
        if not is_sqlite:
            await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        for statement, parameters in statements:
            if statement.startswith(("SELECT", "WITH")):
                plan = await connection.exec_driver_sql(explain + statement, parameters)
                found.update(re.findall(scan, "\n".join(str(row[-1]) for row in plan)))
    assert statements
    return found
