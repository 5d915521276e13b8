"""Queries about a case file, for a caller with its reference and for the people who work on it."""

import statistics
import time
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db import case_files, read_cases, references
from db.case_files import Claim, Failures, FileByTelephone
from db.delivery import deliver_all
from db.engine import DatabaseError, async_engine
from db.ids import uuid7
from db.journal import Journal
from db.rows import NotFoundError
from ivr.records.database import LIMIT_S

pytest_plugins = ["db_fixtures"]

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
MINE, OTHER, NOBODYS = (references.make_reference(1, number) for number in (1001, 1002, 1003))
CALLER = "+33612345678"


@pytest.fixture
async def engine(url: str, folder: Path) -> AsyncIterator[AsyncEngine]:
    """An engine for a database with two case files, their notes and messages."""
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


async def test_a_claim_has_the_file_and_the_failed_pins_of_file_and_number(engine: AsyncEngine) -> None:
    assert await case_files.claim(engine, MINE, CALLER) == Claim(
        FileByTelephone(MINE, "incomplete", "fee", date(2027, 1, 15), "the hash", Failures(3, LATER)),
        CALLER,
        Failures(2, NOW),
    )


async def test_a_claim_with_an_unknown_reference_and_number_is_empty(engine: AsyncEngine) -> None:
    assert await case_files.claim(engine, NOBODYS, "+32") == Claim(None, "+32", Failures(0, None))


async def test_a_claim_is_read_within_the_time_that_a_caller_can_wait(engine: AsyncEngine) -> None:
    async def took() -> float:
        began = time.perf_counter()
        assert (await case_files.claim(engine, MINE, CALLER)).file is not None
        return time.perf_counter() - began

    await took()  # the connection and the statements are made once
    assert statistics.median([await took() for _ in range(20)]) < LIMIT_S


async def test_a_files_story_has_notes_and_messages_in_order_and_no_pin_hash(engine: AsyncEngine) -> None:
    story = await case_files.story(engine, references.format_reference(MINE))
    assert (story.file.reference, story.file.title, story.file.node) == (MINE, "First passport", "rabat-1")
    assert (story.file.pin, story.file.pin_failures, story.file.pin_locked_until) == (True, 3, LATER)
    assert [note.text for note in story.notes] == ["first", "second"]
    assert [(message.file, message.duration_ms) for message in story.messages] == [("messages/a.wav", 4000)]
    assert b"the hash" not in orjson.dumps(story)
    assert (await case_files.story(engine, OTHER)).file.pin is False


async def test_an_unknown_reference_is_quoted_in_the_error(engine: AsyncEngine) -> None:
    with pytest.raises(NotFoundError, match=f"no case has the reference '{NOBODYS}'"):
        await case_files.story(engine, NOBODYS)


async def test_files_that_were_due_and_are_not_closed_are_overdue(engine: AsyncEngine) -> None:
    async def overdue(at: datetime) -> list[str]:
        return [case.reference for case in await read_cases.cases(engine, overdue=at)]

    assert await overdue(NOW - timedelta(seconds=1)) == []
    assert await overdue(NOW) == [MINE]
    assert await overdue(LATER + timedelta(days=1)) == [MINE]


async def test_without_a_database_a_claim_raises(tmp_path: Path) -> None:
    engine = async_engine(f"sqlite:///{tmp_path}/none/hatif.db")
    with pytest.raises(DatabaseError, match="cannot be opened"):
        await case_files.claim(engine, MINE, CALLER)
    await engine.dispose()
