"""Helpers of the deliverer's tests: reading rows, and waiting for a condition."""

# A test may block its own loop.
# ruff: noqa: ASYNC110

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import func, select

from db.delivery import run
from db.engine import async_engine, reading


async def rows(url: str, table: Any, *order: Any) -> list[Any]:
    engine = async_engine(url)
    try:
        async with reading(engine) as connection:
            return list(await connection.execute(select(table).order_by(*order)))
    finally:
        await engine.dispose()


async def count(url: str, table: Any) -> int:
    engine = async_engine(url)
    try:
        async with reading(engine) as connection:
            return await connection.scalar(select(func.count()).select_from(table)) or 0
    finally:
        await engine.dispose()


def rejected(folder: Path) -> list[dict[str, Any]]:
    return [orjson.loads(file.read_bytes()) for file in sorted((folder / "rejected").glob("*.json"))]


@contextlib.asynccontextmanager
async def delivering(folder: Path, url: str) -> AsyncIterator[asyncio.Task[None]]:
    stop = asyncio.Event()
    task = asyncio.create_task(run(folder, url, stop))
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
