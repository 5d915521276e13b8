"""A message gets one text, never after it was erased, and what people have to do first comes first."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest_asyncio
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from db import message_texts
from db.engine import open_engine, reading, writing
from db.ids import uuid7
from db.message_texts import Counts
from db.person import about_number
from db.retention import mark_erased
from db.tables import Message

pytest_plugins = ["db_fixtures"]

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
NUMBER = "+33612345678"


@pytest_asyncio.fixture
async def engine(url: str) -> AsyncIterator[AsyncEngine]:
    async with open_engine(url) as found:
        yield found


async def put(engine: AsyncEngine, at: datetime = NOW, **columns: Any) -> UUID:
    identity = uuid7()
    row = {"id": identity, "node": "node1", "call_id": uuid7(), "file": "messages/x.wav", "at": at}
    async with writing(engine) as connection:
        await connection.execute(insert(Message).values(row | columns))
    return identity


async def find(engine: AsyncEngine, identity: UUID) -> Any:
    async with reading(engine) as connection:
        return (await connection.execute(select(Message).where(Message.id == identity))).one()


async def keep(engine: AsyncEngine, identity: UUID, text: str = "Good morning") -> bool:
    return await message_texts.keep(engine, identity, text, "en", 80, NOW)


async def test_what_is_not_done_comes_first_the_oldest_of_it_before_all(engine: AsyncEngine) -> None:
    done = await put(engine, NOW - timedelta(days=1), done=NOW, done_by="1002")
    await put(engine, node="node2")  # its sound is on another machine
    second, first = await put(engine), await put(engine, NOW - timedelta(hours=1))
    order = []
    while (waiting := await message_texts.next_waiting(engine, "node1")) is not None:
        order.append(waiting.id)
        assert await keep(engine, waiting.id)
    assert order == [first, second, done]
    assert await message_texts.counts(engine) == Counts(waiting=1, written=3)


async def test_of_several_texts_of_a_message_the_first_is_kept(engine: AsyncEngine) -> None:
    message = await put(engine)
    assert sum(await asyncio.gather(*(keep(engine, message, f"Text {number}") for number in range(5)))) == 1
    kept = (await find(engine, message)).text
    assert not await message_texts.leave(engine, message, "no words", NOW)
    assert not await message_texts.note_crash(engine, message, "it died", NOW)
    found = await find(engine, message)
    assert (found.text, found.text_language, found.text_confidence, found.text_why) == (kept, "en", 80, None)


async def test_the_recogniser_may_fail_once_on_a_message_and_other_messages_come_before_the_second_try(
    engine: AsyncEngine,
) -> None:
    bad = await put(engine, NOW - timedelta(hours=1))
    good = await put(engine)
    assert await message_texts.note_crash(engine, bad, "it died", NOW)
    waiting = await message_texts.next_waiting(engine, "node1")
    assert waiting is not None and waiting.id == good
    assert await keep(engine, good)
    waiting = await message_texts.next_waiting(engine, "node1")
    assert waiting is not None and (waiting.id, waiting.tries) == (bad, 1)
    assert await message_texts.note_crash(engine, bad, "it died again", NOW)
    assert await message_texts.next_waiting(engine, "node1") is None
    found = await find(engine, bad)
    assert (found.text, found.text_why, found.text_tries) == (None, "it died again", 2)
    assert await message_texts.counts(engine) == Counts(written=1, without=1)


async def test_a_text_goes_with_its_message_and_none_is_written_after_that(engine: AsyncEngine) -> None:
    message, other = await put(engine, caller=NUMBER), await put(engine)
    assert await keep(engine, message)
    (row,) = (await about_number(engine, [NUMBER]))["message"]
    assert (row["text"], row["text_language"], row["text_confidence"]) == ("Good morning", "en", 80), "it is exported"
    await mark_erased(engine, Message, [message, other], NOW)
    assert not await keep(engine, other) and not await message_texts.note_crash(engine, other, "it died", NOW)
    for identity in (message, other):
        found = await find(engine, identity)
        said = (found.text, found.text_language, found.text_confidence, found.text_why, found.caller)
        assert said == (None,) * 5
    assert await message_texts.next_waiting(engine, "node1") is None
    assert await message_texts.counts(engine) == Counts()
