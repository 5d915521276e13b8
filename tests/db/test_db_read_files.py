"""What is read of a case file: by a caller who has its reference, and by whoever deals with it."""

import statistics
import time
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db import read, read_files, references
from db.deliver import deliver_all
from db.engine import DatabaseError, async_engine
from db.ids import uuid7
from db.journal import Journal
from db.read_files import Claim, Failures, FileByTelephone
from ivr.records.database import LIMIT_S

pytest_plugins = ["db_fixtures"]

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
MINE, OTHER, NOBODYS = (references.make(1, number) for number in (1001, 1002, 1003))
CALLER = "+33612345678"


@pytest.fixture
async def engine(url: str, folder: Path) -> AsyncIterator[AsyncEngine]:
    """Of a database with two files, their notes and messages."""
    journal = Journal(folder, "rabat-1")

    def put(table: str, **columns: Any) -> None:
        journal.put(table, **columns)

    put(
        "case_file", reference=MINE, kind="procedure", state="incomplete", missing="fee", expected=date(2027, 1, 15),
        title="First passport", opened=NOW, pin_hash="the hash", pin_failures=3, pin_locked_until=LATER, due=NOW,
    )  # fmt: skip
    put("case_file", reference=OTHER, kind="enquiry", opened=LATER, due=LATER, closed=LATER)
    put("case_note", id=uuid7(), case_reference=MINE, author="17", text="second", at=LATER)
    put("case_note", id=uuid7(), case_reference=MINE, author="17", text="first", at=NOW)
    put("case_note", id=uuid7(), case_reference=OTHER, author="17", text="of another file", at=NOW)
    put("message", id=uuid7(), call_id=uuid7(), case_reference=MINE, file="messages/a.wav", duration_ms=4000, at=NOW)
    put("message", id=uuid7(), call_id=uuid7(), case_reference=None, file="messages/b.wav", at=NOW)
    put("caller", number=CALLER, language="fr", pin_failures=2, pin_locked_until=NOW)
    journal.close()
    assert (await deliver_all(folder, url)).rejected == 0
    opened = async_engine(url)
    yield opened
    await opened.dispose()


async def test_a_claim_has_the_file_and_what_stands_against_it_and_against_the_number(engine: AsyncEngine) -> None:
    assert await read_files.claim(engine, MINE, CALLER) == Claim(
        FileByTelephone(MINE, "incomplete", "fee", date(2027, 1, 15), "the hash", Failures(3, LATER)),
        CALLER,
        Failures(2, NOW),
    )


async def test_a_claim_to_nobodys_file_from_a_new_number_is_empty(engine: AsyncEngine) -> None:
    assert await read_files.claim(engine, NOBODYS, "+32") == Claim(None, "+32", Failures(0, None))


async def test_a_claim_is_read_well_within_what_a_caller_can_wait(engine: AsyncEngine) -> None:
    async def took() -> float:
        began = time.perf_counter()
        assert (await read_files.claim(engine, MINE, CALLER)).file is not None
        return time.perf_counter() - began

    await took()  # the connection and the statements are made once
    assert statistics.median([await took() for _ in range(20)]) < LIMIT_S


async def test_a_files_story_has_its_notes_and_messages_in_order_and_never_the_hash(engine: AsyncEngine) -> None:
    story = await read_files.story(engine, references.format(MINE))
    assert (story.file.reference, story.file.title, story.file.node) == (MINE, "First passport", "rabat-1")
    assert (story.file.pin, story.file.pin_failures, story.file.pin_locked_until) == (True, 3, LATER)
    assert [note.text for note in story.notes] == ["first", "second"]
    assert [(message.file, message.duration_ms) for message in story.messages] == [("messages/a.wav", 4000)]
    assert b"the hash" not in orjson.dumps(story)
    assert (await read_files.story(engine, OTHER)).file.pin is False


async def test_a_file_that_is_not_there_is_named_as_it_was_asked_for(engine: AsyncEngine) -> None:
    with pytest.raises(read.NotFoundError, match=f"no case has the reference '{NOBODYS}'"):
        await read_files.story(engine, NOBODYS)


async def test_overdue_are_files_that_were_due_and_are_not_closed(engine: AsyncEngine) -> None:
    async def overdue(at: datetime) -> list[str]:
        return [case.reference for case in await read.cases(engine, overdue=at)]

    assert await overdue(NOW - timedelta(seconds=1)) == []
    assert await overdue(NOW) == [MINE]
    assert await overdue(LATER + timedelta(days=1)) == [MINE]


async def test_without_a_database_a_claim_says_so(tmp_path: Path) -> None:
    engine = async_engine(f"sqlite:///{tmp_path}/none/hatif.db")
    with pytest.raises(DatabaseError, match="cannot be opened"):
        await read_files.claim(engine, MINE, CALLER)
    await engine.dispose()
