"""Retention: deleting old test calls, which the line makes to itself."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import DatabaseError, open_engine, writing
from db.tables import Call, CallEvent

log = logging.getLogger(__name__)

TESTS_KEPT = timedelta(days=7)
EVERY_S = 3600.0
_AT_ONCE = 500
"""Calls per transaction, so that it takes far less than the 50 ms that other writers may wait."""


async def delete_test_calls(engine: AsyncEngine, before: datetime) -> int:
    """Delete the test calls that started before an aware instant, with their events; return their number.

    Raises:
        DatabaseError: The database is away.
        sqlalchemy.exc.SQLAlchemyError: The database refuses the statement.
    """
    deleted = 0
    while True:
        async with writing(engine) as connection:
            chosen = select(Call.id).where(Call.live.is_(False), Call.started < before).limit(_AT_ONCE)
            calls = list((await connection.execute(chosen)).scalars())
            if not calls:
                return deleted
            await connection.execute(delete(CallEvent).where(CallEvent.call_id.in_(calls)))
            await connection.execute(delete(Call).where(Call.id.in_(calls)))
        deleted += len(calls)


async def keep_deleting_test_calls(url: str) -> None:
    """Delete old test calls each hour until cancelled; a database that is away is tried again an hour later."""
    async with open_engine(url) as engine:
        while True:
            try:
                await delete_test_calls(engine, datetime.now(UTC) - TESTS_KEPT)
            except (DatabaseError, SQLAlchemyError) as error:
                log.warning("cannot delete old test calls: %s", error)
            await asyncio.sleep(EVERY_S)
