"""A database that is away, silent, locked or full."""

import asyncio
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text

from bench.faults import disk
from bench.faults.fault import Comes, Scene
from db.engine import open_engine


def postgresql_away(number: signal.Signals) -> Comes:
    @asynccontextmanager
    async def comes(scene: Scene) -> AsyncIterator[None]:
        if number is signal.SIGKILL:
            scene.server.signal_all(number)
            await asyncio.to_thread(scene.server.wait)
        else:
            await asyncio.to_thread(scene.server.stop, crash=False)
        try:
            yield
        finally:
            await asyncio.to_thread(scene.server.start)

    return comes


@asynccontextmanager
async def postgresql_frozen(scene: Scene) -> AsyncIterator[None]:
    scene.server.signal_all(signal.SIGSTOP)
    try:
        yield
    finally:
        scene.server.signal_all(signal.SIGCONT)


@asynccontextmanager
async def postgresql_cut(scene: Scene) -> AsyncIterator[None]:
    assert scene.database.relay is not None
    scene.database.relay.send_signal(signal.SIGUSR1)
    try:
        yield
    finally:
        scene.database.relay.send_signal(signal.SIGUSR2)


@asynccontextmanager
async def postgresql_locked(scene: Scene) -> AsyncIterator[None]:
    async with open_engine(scene.line.database) as engine, engine.begin() as connection:
        # Our own limit for a client that vanished in a transaction would give the lock back after 20 s.
        await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        await connection.execute(text("LOCK TABLE call IN ACCESS EXCLUSIVE MODE"))
        yield


@asynccontextmanager
async def postgresql_full(scene: Scene) -> AsyncIterator[None]:
    await asyncio.to_thread(disk.fill, scene.server.folder)
    try:
        yield
    finally:
        disk.empty(scene.server.folder)
        if not scene.server.runs:
            scene.notes.append("PostgreSQL had ended; the bench started it again, as its service manager does")
            await asyncio.to_thread(scene.server.start)


@asynccontextmanager
async def sqlite_locked(scene: Scene) -> AsyncIterator[None]:
    connection = sqlite3.connect(scene.line.home / "hatif.db", isolation_level=None, timeout=10)
    try:
        connection.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        connection.rollback()
        connection.close()
