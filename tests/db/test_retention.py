"""Old test calls are deleted, and callers who rang in vain are counted."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from db import guide_requests, messages, read, read_cases
from db.delivery import deliver_all
from db.engine import DatabaseError, open_engine
from db.ids import uuid7
from db.journal import Journal
from db.missed_calls import unanswered_calls
from db.references import make_reference
from db.retention import TESTS_KEPT, delete_test_calls, messages_of_tests

pytest_plugins = ["db_fixtures"]

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def put(journal: Journal, began: datetime, **columns: object) -> UUID:
    made = uuid7()
    journal.put("call", id=made, started=began, **columns)
    journal.put("call_event", call_id=made, kind="node", flow_node="language", data={})
    return made


async def test_only_old_test_calls_and_their_events_are_deleted(url: str, folder: Path) -> None:
    journal = Journal(folder, "rabat-1")
    old, new = NOW - TESTS_KEPT - timedelta(seconds=1), NOW
    for _ in range(600):
        put(journal, old, live=False)
    kept = {put(journal, old), put(journal, new, live=False), put(journal, new)}
    journal.close()
    assert (await deliver_all(folder, url)).rejected == 0
    async with open_engine(url) as engine:
        assert await delete_test_calls(engine, NOW - TESTS_KEPT) == 600
        assert await delete_test_calls(engine, NOW - TESTS_KEPT) == 0
        assert {call.id for call in await read.calls(engine, 1000, tests=True)} == kept
        assert [len((await read.call(engine, call)).events) for call in kept] == [1, 1, 1]


async def test_what_came_from_an_old_test_call_goes_with_it_and_nothing_else(url: str, folder: Path) -> None:
    journal = Journal(folder, "rabat-1")
    old = NOW - TESTS_KEPT - timedelta(seconds=1)
    test, real = put(journal, old, live=False), put(journal, old)
    for number, call in enumerate((test, real)):
        case, about = make_reference(1, number + 1), {"language": "fr", "call_id": call}
        journal.put("case_file", reference=case, kind="message", opened=old, **about)
        journal.put("case_note", id=uuid7(), case_reference=case, at=old, author="1002", text="said")
        journal.put("message", id=uuid7(), file=f"messages/{number}.wav", at=old, case_reference=case, **about)
        journal.put("guide_request", id=uuid7(), procedure="visa", number="+331", requested=old, due=old, **about)
    journal.close()
    assert (await deliver_all(folder, url)).rejected == 0
    async with open_engine(url) as engine:
        assert [case.call_id for case in await read_cases.cases(engine)] == [real]
        assert {case.call_id for case in await read_cases.cases(engine, tests=True)} == {test, real}
        assert [audio.file for audio in await messages_of_tests(engine, NOW - TESTS_KEPT)] == ["messages/0.wav"]
        assert await delete_test_calls(engine, NOW - TESTS_KEPT) == 1
        assert [case.call_id for case in await read_cases.cases(engine, tests=True)] == [real]
        assert len((await read_cases.case(engine, make_reference(1, 2)))[1]) == 1
        assert [row.call_id for row in await messages.latest(engine, 0)] == [real]
        assert [row.call_id for row in await guide_requests.latest(engine, 0)] == [real]
        assert await messages_of_tests(engine, NOW) == []


async def test_a_caller_who_rang_for_long_and_hung_up_counts_as_unanswered(url: str, folder: Path) -> None:
    journal = Journal(folder, "rabat-1")
    put(journal, NOW, ended=NOW + timedelta(seconds=9))
    put(journal, NOW, ended=NOW + timedelta(seconds=2))  # dialled wrongly, perhaps
    put(journal, NOW, ended=NOW + timedelta(seconds=9), line_answered=NOW)
    put(journal, NOW, ended=NOW + timedelta(seconds=9), live=False)
    put(journal, NOW)
    put(journal, NOW - timedelta(seconds=90), ended=NOW - timedelta(seconds=60))
    journal.close()
    assert (await deliver_all(folder, url)).rejected == 0
    async with open_engine(url) as engine:
        assert await unanswered_calls(engine, NOW - timedelta(seconds=60), timedelta(seconds=5)) == 1


def is_empty(folder: Path) -> bool:
    return not list(folder.iterdir())


async def test_deleting_test_calls_does_not_recreate_a_deleted_database(tmp_path: Path) -> None:
    async with open_engine(f"sqlite:///{tmp_path}/hatif.db") as engine:
        with pytest.raises(DatabaseError):
            await delete_test_calls(engine, NOW)
    assert is_empty(tmp_path)
