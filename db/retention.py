"""What is not kept for ever: the calls that the line makes to itself."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import DatabaseError, async_engine, writing
from db.tables import Call, CallEvent

log = logging.getLogger(__name__)

TESTS_KEPT = timedelta(days=7)
EVERY_S = 3600.0
_AT_ONCE = 500
"""Calls a transaction: it stays far below the 50 ms that others may wait."""


async def forget_tests(engine: AsyncEngine, before: datetime) -> int:
    """Delete the test calls that began before an aware instant, with their events. Returns how many they were.

    Raises:
        DatabaseError: the database is away.
        sqlalchemy.exc.SQLAlchemyError: it refuses.
    """
    forgotten = 0
    while True:
        async with writing(engine) as connection:
            chosen = select(Call.id).where(Call.live.is_(False), Call.started < before).limit(_AT_ONCE)
            found = list((await connection.execute(chosen)).scalars())
            if not found:
                return forgotten
            await connection.execute(delete(CallEvent).where(CallEvent.call_id.in_(found)))
            await connection.execute(delete(Call).where(Call.id.in_(found)))
        forgotten += len(found)


async def keep_forgetting(url: str) -> None:
    """Delete old test calls each hour until cancelled; a database that is away is tried again an hour later."""
    engine = async_engine(url)
    try:
        while True:
            try:
                await forget_tests(engine, datetime.now(UTC) - TESTS_KEPT)
            except (DatabaseError, SQLAlchemyError) as error:
                log.warning("old test calls cannot be deleted: %s", error)
            await asyncio.sleep(EVERY_S)
    finally:
        await engine.dispose()
