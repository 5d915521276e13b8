"""Voice messages are worked off: the oldest first, and what was done before stays done."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest_asyncio
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from db import messages
from db.engine import open_engine, reading, writing
from db.ids import uuid7
from db.tables import CaseFile, Message
from db.upgrade import upgrade

pytest_plugins = ["db_fixtures"]

DAY = datetime(2026, 11, 26, 9, tzinfo=UTC)
LATER = DAY + timedelta(hours=1)


@pytest_asyncio.fixture
async def engine(url: str) -> AsyncIterator[AsyncEngine]:
    async with open_engine(url) as found:
        yield found


async def put(engine: AsyncEngine, at: datetime = DAY, **columns: Any) -> UUID:
    row = {"id": uuid7(), "node": "node1", "call_id": uuid7(), "file": "messages/x.wav", "at": at, **columns}
    async with writing(engine) as connection:
        await connection.execute(insert(Message).values(row))
    identity: UUID = row["id"]
    return identity


async def test_messages_that_are_not_done_come_first_the_oldest_of_them_before_all(engine: AsyncEngine) -> None:
    second, first = await put(engine, LATER), await put(engine)
    over = [await put(engine, done=DAY + timedelta(hours=hour), done_by="1002") for hour in range(3)]
    assert [row.id for row in await messages.latest(engine, 0)] == [first, second]
    assert [row.id for row in await messages.latest(engine, 2)] == [first, second, over[2], over[1]]


async def test_after_the_upgrade_messages_of_closed_cases_are_done(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/old.db"
    await upgrade(url, "0009")
    async with open_engine(url) as engine:
        cases = {"100000017": None, "100000025": DAY}
        for number, (reference, closed) in enumerate(cases.items()):
            case = {"reference": reference, "node": "node1", "kind": "message", "opened": DAY, "closed": closed}
            old = {
                "id": uuid7().hex,
                "call": uuid7().hex,
                "case": reference,
                "at": f"2026-11-2{number} 09:00:00.000000",
            }
            columns = "id, node, call_id, case_reference, file, at"
            async with writing(engine) as connection:
                await connection.execute(insert(CaseFile).values(case))
                await connection.execute(
                    text(f"INSERT INTO message ({columns}) VALUES (:id, 'node1', :call, :case, 'x', :at)"), old
                )
    await upgrade(url)
    async with open_engine(url) as engine:
        (left,) = await messages.latest(engine, 0)
        assert left.case_reference == "100000017"
        async with reading(engine) as connection:
            assert await connection.scalar(text("SELECT count(*) FROM message WHERE done IS NOT NULL")) == 1
