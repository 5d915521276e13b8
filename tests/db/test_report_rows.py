"""The rows of reports, from both databases: calls with their durations, and operators' states."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db import report
from db.delivery import deliver_all
from db.engine import DatabaseError, async_engine
from db.enums import OperatorState
from db.ids import uuid7
from db.journal import Journal
from db.report import CallCounts, StateChange, TalkedCall, WaitedCall

pytest_plugins = ["db_fixtures"]

DAY = datetime(2026, 11, 25, tzinfo=UTC)
NEXT = DAY + timedelta(days=1)


def at(seconds: float) -> datetime:
    return DAY + timedelta(seconds=seconds)


class Book:
    """Writes records of one node, and delivers them to a database."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder, self._url = folder, url
        self._journal = Journal(folder, "rabat-1")

    def put(self, table: str, **columns: Any) -> None:
        self._journal.put(table, **columns)

    def call(self, queued: float | None, **columns: Any) -> UUID:
        identity = uuid7()
        waited = {"queued": at(queued)} if queued is not None else {}
        self.put("call", id=identity, started=at((queued or 0) - 30), **waited, **columns)
        return identity

    def pairing(self, call: UUID, operator: str, began: float, ended: float | None, **columns: Any) -> None:
        end = {"ended": at(ended)} if ended is not None else {}
        self.put("pairing", id=uuid7(), call_id=call, operator_id=operator, began=at(began), **end, **columns)

    def state(self, seconds: float, operator: str, state: str, call: UUID | None = None) -> None:
        self.put("operator_state", at=at(seconds), operator_id=operator, state=state, call_id=call)

    async def opened(self) -> AsyncEngine:
        self._journal.close()
        assert (await deliver_all(self._folder, self._url)).rejected == 0
        return async_engine(self._url)


@pytest.fixture
async def book(url: str, folder: Path) -> AsyncIterator[Book]:
    yield Book(folder, url)


async def calls(book: Book, begins: datetime = DAY, ends: datetime = NEXT, **named: Any) -> list[WaitedCall]:
    engine = await book.opened()
    found = [call async for call in report.waited_calls(engine, begins, ends, **named)]
    await engine.dispose()
    return found


async def changes(book: Book, begins: datetime = DAY, ends: datetime = NEXT, **named: Any) -> list[StateChange]:
    engine = await book.opened()
    found = [change async for change in report.state_changes(engine, begins, ends, **named)]
    await engine.dispose()
    return found


async def test_calls_are_selected_by_the_beginning_of_their_wait_without_the_end_of_the_period(book: Book) -> None:
    for queued in (86399.999, -0.001, 3600, 0, 86400, None):
        book.call(queued, dequeued=at((queued or 0) + 7.25), outcome="abandoned")
    found = await calls(book)
    assert [call.queued for call in found] == [at(0), at(3600), at(86399.999)]
    assert {call.waited_s for call in found} == {7.25}


async def test_a_call_has_the_attributes_that_reports_group_by(book: Book) -> None:
    call = book.call(
        10, connected=at(30.5), dequeued=at(30.5), ended=at(90), outcome="answered", language="fr", country="BE",
        topic="file", operator_id="1001",
    )  # fmt: skip
    book.pairing(call, "1001", 30.5, 90)
    assert await calls(book) == [
        WaitedCall(at(10), 20.5, True, "answered", "fr", "BE", "file", "1001", 59.5, at(90)),
    ]


async def test_a_wait_ends_with_an_operator_with_leaving_the_queue_or_with_the_call(book: Book) -> None:
    book.call(0, connected=at(5), dequeued=at(6), ended=at(100), outcome="answered")
    book.call(1, dequeued=at(11), ended=at(60), outcome="message")
    book.call(2, ended=at(17), outcome="abandoned")
    book.call(3)
    book.call(4, ended=at(3), outcome="abandoned")  # the clock was set back
    found = await calls(book)
    assert [call.waited_s for call in found] == [5, 10, 15, None, 0]
    assert [call.answered for call in found] == [True, False, False, False, False]


async def test_test_calls_are_left_out_unless_requested(book: Book) -> None:
    book.call(1, live=False, ended=at(2), outcome="abandoned")
    book.call(2, ended=at(3), outcome="abandoned")
    engine = await book.opened()
    assert len([call async for call in report.waited_calls(engine, DAY, NEXT)]) == 1
    assert len([call async for call in report.waited_calls(engine, DAY, NEXT, tests=True)]) == 2
    assert await report.call_counts(engine, DAY, NEXT) == CallCounts(any=True, tests=1)
    assert await report.call_counts(engine, NEXT, NEXT + timedelta(days=1)) == CallCounts(any=True, tests=0)
    await engine.dispose()


async def test_talk_time_sums_all_operators_of_a_call_without_interpreters(book: Book) -> None:
    passed_on = book.call(0, connected=at(10), ended=at(200), outcome="answered", operator_id="1001")
    book.pairing(passed_on, "1001", 10, 60)
    book.pairing(passed_on, "1002", 70, 200)
    book.pairing(passed_on, "1003", 80, 190, role="interpreter")
    talking = book.call(1, connected=at(20), outcome="answered", operator_id="1004")
    book.pairing(talking, "1004", 20, None)
    book.call(2, connected=at(30), ended=at(75), outcome="fallback", operator_id="1005")  # the dialplan's
    found = await calls(book)
    assert [call.talked_s for call in found] == [180, None, 45]
    assert [call.operator for call in found] == ["1001", "1004", "1005"]


async def test_all_rows_are_returned_when_there_are_more_than_one_fetch(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "_AT_ONCE", 3)
    for number in range(10):
        call = book.call(number, connected=at(number + 100), ended=at(number + 120), outcome="answered")
        book.pairing(call, "1001", number + 100, number + 110)
        book.pairing(call, "1002", number + 110, number + 120)
    assert [(call.queued, call.talked_s) for call in await calls(book)] == [(at(number), 20) for number in range(10)]


async def test_changes_begin_with_the_states_at_the_beginning_of_the_period(book: Book) -> None:
    book.state(-700, "1001", "ready")
    book.state(-500, "1001", "paused")
    book.state(-600, "1002", "ready")
    book.state(-8 * 86400, "1003", "ready")
    book.state(0, "1002", "paused")
    book.state(5, "1002", "away")
    book.state(86400, "1001", "away")
    assert await changes(book) == [
        StateChange("1002", OperatorState.READY, at(-600), None),
        StateChange("1001", OperatorState.PAUSED, at(-500), None),
        StateChange("1002", OperatorState.PAUSED, at(0), None),
        StateChange("1002", OperatorState.AWAY, at(5), None),
    ]


async def test_changes_at_one_instant_keep_the_order_in_which_they_were_written(book: Book) -> None:
    for state in ("talking", "wrapping_up", "ready"):
        book.state(-5, "1001", state)
    for state in ("offered", "talking", "wrapping_up", "paused"):
        book.state(5, "1001", state)
    found = [change.state.value for change in await changes(book)]
    assert found == ["talking", "wrapping_up", "ready", "offered", "talking", "wrapping_up", "paused"]


async def test_a_talking_operator_has_the_call_unless_it_is_a_test_call(book: Book) -> None:
    named = {"language": "nl", "country": "NL", "topic": "file", "operator_id": "1001"}
    live, test = book.call(1, **named), book.call(2, **named, live=False)
    other = book.call(None, **named)  # never waited: called by us
    for number, call in enumerate((live, test, other, uuid7())):
        book.state(10 * number, "1001", "offered", call)
        book.state(10 * number + 5, "1001", "talking", call)
    engine = await book.opened()

    async def talks(**asked: bool) -> list[TalkedCall | None]:
        changes = [change async for change in report.state_changes(engine, DAY, NEXT, **asked)]
        assert all(change.call is None for change in changes if change.state is OperatorState.OFFERED)
        return [change.call for change in changes if change.state is OperatorState.TALKING]

    first, second = (TalkedCall(at(queued), "nl", "NL", "file", "1001") for queued in (1, 2))
    assert await talks() == [first, None, None, None]
    assert await talks(tests=True) == [first, second, None, None]
    await engine.dispose()


async def test_operator_names_include_removed_operators(book: Book) -> None:
    book.put("operator", id="1001", name="Amina")
    book.put("operator", id="1002", name="Jan", removed=at(0))
    engine = await book.opened()
    assert await report.operator_names(engine) == {"1001": "Amina", "1002": "Jan"}
    assert await report.call_counts(engine, DAY, NEXT) == CallCounts(any=False, tests=0)
    await engine.dispose()


async def test_without_a_database_a_report_raises(tmp_path: Path) -> None:
    engine = async_engine(f"sqlite:///{tmp_path}/none/hatif.db")
    with pytest.raises(DatabaseError, match="cannot be opened"):
        async for _ in report.waited_calls(engine, DAY, NEXT):
            pass
    with pytest.raises(DatabaseError, match="cannot be opened"):
        async for _ in report.state_changes(engine, DAY, NEXT):
            pass
    await engine.dispose()


async def test_a_database_without_tables_is_reported_with_the_command_to_run(empty_url: str) -> None:
    engine = async_engine(empty_url)
    with pytest.raises(DatabaseError, match="hatif db upgrade"):
        async for _ in report.waited_calls(engine, DAY, NEXT):
            pass
    await engine.dispose()
