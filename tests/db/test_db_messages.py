"""Voice messages are worked off: the oldest first, each by one person, and what was done before stays done."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from db import guide_requests, messages
from db.engine import open_engine, reading, writing
from db.ids import uuid7
from db.rows import NotFoundError
from db.tables import CaseFile, GuideRequest, Message
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


async def test_of_ten_people_who_take_a_message_one_has_it(engine: AsyncEngine) -> None:
    message = await put(engine)
    people = [f"10{number:02}" for number in range(10)]
    taken = await asyncio.gather(*(messages.take(engine, message, who, LATER) for who in people))
    assert sum(taken) == 1
    found = await messages.find(engine, message)
    assert found.taken_by == people[taken.index(True)] and found.taken == LATER
    assert await messages.take(engine, message, found.taken_by, LATER + timedelta(hours=1)), "idempotent"
    assert (await messages.find(engine, message)).taken == LATER


async def test_a_message_is_given_back_and_finished_by_whoever_has_it(engine: AsyncEngine) -> None:
    message = await put(engine)
    assert not await messages.release(engine, message, "1002"), "nobody has it"
    await messages.take(engine, message, "1002", LATER)
    assert not await messages.release(engine, message, "1003")
    assert not await messages.finish(engine, message, "1003", LATER)
    assert await messages.release(engine, message, "1002") and await messages.take(engine, message, "1003", LATER)
    assert await messages.release(engine, message, None), "a supervisor gives it back for them"
    assert await messages.finish(engine, message, "1002", LATER)
    assert not await messages.finish(engine, message, "1002", LATER)
    assert not await messages.take(engine, message, "1002", LATER)
    assert (await messages.find(engine, message)).done_by == "1002"


async def test_the_first_who_hears_a_message_is_kept(engine: AsyncEngine) -> None:
    message = await put(engine)
    assert await messages.hear(engine, message, "1002", LATER)
    assert not await messages.hear(engine, message, "1003", LATER)
    assert (await messages.find(engine, message)).heard_by == "1002"
    with pytest.raises(NotFoundError):
        await messages.find(engine, uuid7())


async def test_a_request_for_the_guide_in_writing_is_taken_by_one(engine: AsyncEngine) -> None:
    identity = uuid7()
    row = {"id": identity, "node": "node1", "call_id": uuid7(), "procedure": "visa", "number": "+33612345678"}
    async with writing(engine) as connection:
        await connection.execute(insert(GuideRequest).values(requested=DAY, due=LATER, **row))
    taken = await asyncio.gather(*(guide_requests.take(engine, identity, f"100{who}", LATER) for who in range(5)))
    assert sum(taken) == 1
    (found,) = await guide_requests.latest(engine, 0)
    assert found.taken_by == f"100{taken.index(True)}"
    assert not await guide_requests.release(engine, identity, "2000")
    assert await guide_requests.release(engine, identity, found.taken_by)
    assert (await guide_requests.latest(engine, 0))[0].taken_by is None


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
