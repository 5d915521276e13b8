"""The rows of reports, from both databases: calls with their durations, and operators' states."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db import report
from db.arrays import NONE, Coded
from db.delivery import deliver_all
from db.engine import DatabaseError, async_engine
from db.ids import uuid7
from db.journal import Journal
from db.report import STATES, OperatorStates, WaitedCalls

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

    def state(
        self, seconds: float, operator: str, state: str, call: UUID | None = None, reason: str | None = None
    ) -> None:
        self.put("operator_state", at=at(seconds), operator_id=operator, state=state, call_id=call, reason=reason)

    async def opened(self) -> AsyncEngine:
        self._journal.close()
        assert (await deliver_all(self._folder, self._url)).rejected == 0
        return async_engine(self._url)


@pytest.fixture
async def book(url: str, folder: Path) -> AsyncIterator[Book]:
    yield Book(folder, url)


async def calls(book: Book, begins: datetime = DAY, ends: datetime = NEXT, **named: Any) -> WaitedCalls:
    async with opened(book) as engine:
        return await report.waited_calls(engine, begins, ends, **named)


@asynccontextmanager
async def opened(book: Book) -> AsyncIterator[AsyncEngine]:
    engine = await book.opened()
    yield engine
    await engine.dispose()


def micros(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def names(some: Coded) -> list[str | None]:
    return [some.names[code] for code in some.codes]


async def test_calls_are_selected_by_the_beginning_of_their_wait_without_the_end_of_the_period(book: Book) -> None:
    for queued in (86399.999, -0.001, 3600, 0, 86400, None):
        book.call(queued, dequeued=at((queued or 0) + 7.25), outcome="abandoned")
    found = await calls(book)
    assert sorted(found.at_us) == [micros(at(seconds)) for seconds in (0, 3600, 86399.999)]
    assert [*found.waited_us] == [7_250_000] * 3


async def test_calls_have_the_attributes_that_are_asked_for(book: Book) -> None:
    call = book.call(
        10, connected=at(30.5), dequeued=at(30.5), ended=at(90), outcome="answered", language="fr", country="BE",
        topic="file", operator_id="1001", ending="not_for_us",
    )  # fmt: skip
    book.pairing(call, "1001", 30.5, 90)
    engine = await book.opened()
    for by, attributes in (
        ((), {}),
        (("language", "country"), {"language": ["fr"], "country": ["BE"]}),
        (("ending",), {"ending": ["not_for_us"]}),
        (("topic", "operator", "number"), {"topic": ["file"], "operator": ["1001"], "number": [None]}),
    ):
        found = await report.waited_calls(engine, DAY, NEXT, by)
        assert [*found.ids] == [*report.marks_of([str(call)])]
        assert [*found.at_us, *found.waited_us, *found.talked_us] == [micros(at(10)), 20_500_000, 59_500_000]
        assert ([*found.answered], names(found.outcomes), found.last_end) == ([True], ["answered"], at(90))
        assert {name: names(some) for name, some in found.attributes.items()} == attributes
    await engine.dispose()


async def test_a_wait_ends_with_an_operator_with_leaving_the_queue_or_with_the_call(book: Book) -> None:
    book.call(0, connected=at(5), dequeued=at(6), ended=at(100), outcome="answered", language="a")
    book.call(1, dequeued=at(11), ended=at(60), outcome="message", language="b")
    book.call(2, ended=at(17), outcome="abandoned", language="c")
    book.call(3, language="d")
    book.call(4, ended=at(3), outcome="abandoned", language="e")  # the clock was set back
    found = await calls(book, by=("language",))
    places = [names(found.attributes["language"]).index(language) for language in "abcde"]
    assert [*found.waited_us[places]] == [5_000_000, 10_000_000, 15_000_000, NONE, 0]
    assert [*found.answered[places]] == [True, False, False, False, False]


async def test_test_calls_are_left_out_unless_requested(book: Book) -> None:
    book.call(1, live=False, ended=at(2), outcome="abandoned")
    book.call(2, ended=at(3), outcome="abandoned")
    engine = await book.opened()
    found, every = [await report.waited_calls(engine, DAY, NEXT, tests=tests) for tests in (False, True)]
    assert ([*found.at_us], found.tests) == ([micros(at(2))], 1)
    assert (sorted(every.at_us), every.tests) == ([micros(at(1)), micros(at(2))], 0)
    assert await report.has_calls(engine)
    await engine.dispose()


async def test_talk_time_sums_all_operators_of_a_call_without_interpreters(book: Book) -> None:
    passed_on = book.call(0, connected=at(10), ended=at(200), outcome="answered", operator_id="1001")
    book.pairing(passed_on, "1001", 10, 60)
    book.pairing(passed_on, "1002", 70, 200)
    book.pairing(passed_on, "1003", 80, 190, role="interpreter")
    talking = book.call(1, connected=at(20), outcome="answered", operator_id="1004")
    book.pairing(talking, "1004", 20, None)
    book.call(2, connected=at(30), ended=at(75), outcome="fallback", operator_id="1005")  # the dialplan's
    again = book.call(3, connected=at(40), outcome="answered", operator_id="1001")  # as the first, and going on
    book.pairing(again, "1001", 40, 60)
    book.pairing(again, "1006", 60, None)
    found = await calls(book, by=("operator",))
    talks = dict(zip(found.waited_us, found.talked_us, strict=True))
    assert talks == {10_000_000: 180_000_000, 19_000_000: NONE, 28_000_000: 45_000_000, 37_000_000: NONE}


async def test_a_conversation_after_the_period_counts_for_a_call_that_began_to_wait_in_it(
    book: Book,
) -> None:
    call = book.call(86399, connected=at(86410), ended=at(86900), outcome="answered", operator_id="1001")
    book.pairing(call, "1001", 86410, 86500)
    book.pairing(call, "1002", 86500, 86800)
    assert [*(await calls(book)).talked_us] == [390_000_000]


async def test_durations_are_exact_to_the_microsecond(book: Book) -> None:
    draw = random.Random(1)
    waits = [draw.randrange(10**8) for _ in range(200)] + [999_600, 999_999, 1]  # SQLite rounds to milliseconds
    begins = [draw.randrange(86_400_000_000 - 10**8) for _ in waits]
    for begin, wait in zip(begins, waits, strict=True):
        queued = DAY + timedelta(microseconds=begin)
        end = queued + timedelta(microseconds=wait)
        book.put("call", id=uuid7(), started=queued, queued=queued, connected=end, ended=end, outcome="answered")
    found = await calls(book)
    assert sorted(zip(found.at_us, found.waited_us, strict=True)) == sorted(
        zip((micros(DAY) + begin for begin in begins), waits, strict=True)
    )


async def test_instants_of_this_century_are_exact_to_the_microsecond(book: Book) -> None:
    """Also in 2099, where floating point has the fewest digits left for fractions of a second."""
    draw = random.Random(2)
    whole = [draw.randrange(1_000_000_000, 4_102_444_800) for _ in range(150)]
    quarters = [second // 900 * 900 for second in whole] + [4_102_443_900]
    times = [second * 1_000_000 + part for second in (*whole, *quarters) for part in (-1, 0, 1, 999_999)]
    times += [draw.randrange(4_000_000_000_000_000, 4_102_444_800_000_000) for _ in range(300)]
    first = datetime(1970, 1, 1, tzinfo=UTC)
    for time in {*times}:
        instant = first + timedelta(microseconds=time)
        book.put("operator_state", at=instant, operator_id="1001", state="ready")
        book.put("call", id=uuid7(), started=instant, queued=instant)
    async with opened(book) as engine:
        always = (first, datetime(2100, 1, 1, tzinfo=UTC))
        found = await report.operator_states(engine, *always)
        assert [*found.at_us] == sorted({*times})
        waited = await report.waited_calls(engine, *always)
    assert sorted(waited.at_us) == sorted({*times})


def shown(found: OperatorStates) -> dict[str | None, list[tuple[float, str]]]:
    """Return the states with their seconds since the day began, by operator."""
    states: dict[str | None, list[tuple[float, str]]] = {}
    for operator, instant, state in zip(names(found.operators), found.at_us, found.states, strict=True):
        states.setdefault(operator, []).append((instant / 1e6 - DAY.timestamp(), STATES[state]))
    return states


async def test_the_states_of_a_period_and_those_at_its_beginning(book: Book) -> None:
    book.state(-700, "1001", "ready")
    book.state(-500, "1001", "paused", reason="lunch")
    book.state(-600, "1002", "ready")
    book.state(-8 * 86400, "1003", "ready")
    book.state(0, "1002", "paused")
    book.state(5.25, "1002", "away")
    book.state(86400, "1001", "away")
    async with opened(book) as engine:
        before = await report.states_before(engine, DAY)
        assert shown(before) == {"1001": [(-500, "paused")], "1002": [(-600, "ready")]}
        assert dict(zip(names(before.operators), names(before.reasons), strict=True)) == {"1001": "lunch", "1002": None}
        assert shown(await report.operator_states(engine, DAY, NEXT)) == {"1002": [(0, "paused"), (5.25, "away")]}


async def test_states_at_one_instant_keep_the_order_in_which_they_were_written(book: Book) -> None:
    for state in ("talking", "wrapping_up", "ready"):
        book.state(-5, "1001", state)
    for state in ("offered", "talking", "wrapping_up", "paused"):
        book.state(5, "1001", state)
    async with opened(book) as engine:
        assert shown(await report.states_before(engine, DAY)) == {"1001": [(-5, "ready")]}
        found = await report.operator_states(engine, DAY, NEXT)
    assert [STATES[state] for state in found.states] == ["offered", "talking", "wrapping_up", "paused"]


async def test_a_talking_operator_has_the_call_with_the_same_id_as_among_the_calls(book: Book) -> None:
    call = book.call(1, ended=at(10), outcome="abandoned")
    book.state(10, "1001", "offered", call)
    book.state(15, "1001", "talking", call)
    book.state(20, "1001", "talking", None)
    async with opened(book) as engine:
        states = await report.operator_states(engine, DAY, NEXT)
        calls = await report.waited_calls(engine, DAY, NEXT)
    assert [*states.calls] == [0, calls.ids[0], 0]


async def test_operator_names_include_removed_operators(book: Book) -> None:
    book.put("operator", id="1001", name="Amina")
    book.put("operator", id="1002", name="Jan", removed=at(0))
    engine = await book.opened()
    assert await report.operator_names(engine) == {"1001": "Amina", "1002": "Jan"}
    assert not await report.has_calls(engine)
    await engine.dispose()


async def test_without_a_database_a_report_raises(tmp_path: Path) -> None:
    engine = async_engine(f"sqlite:///{tmp_path}/none/hatif.db")
    with pytest.raises(DatabaseError, match="cannot be opened"):
        await report.waited_calls(engine, DAY, NEXT)
    with pytest.raises(DatabaseError, match="cannot be opened"):
        await report.operator_states(engine, DAY, NEXT)
    await engine.dispose()


async def test_a_database_without_tables_is_reported_with_the_command_to_run(empty_url: str) -> None:
    engine = async_engine(empty_url)
    with pytest.raises(DatabaseError, match="hatif db upgrade"):
        await report.waited_calls(engine, DAY, NEXT)
    await engine.dispose()
