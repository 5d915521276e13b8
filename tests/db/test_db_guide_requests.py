"""Requests for the guide in writing: people find them in the order in which they are due, and end each once; those of a
forgotten number are withdrawn; reports count them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from db_helpers import rows
from sqlalchemy.ext.asyncio import AsyncEngine

from db import callers, guide_requests, report
from db.delivery import deliver_all
from db.engine import async_engine
from db.enums import AccountRole, GuideOutcome
from db.erasure import FORGOTTEN, Erasure, erase
from db.guide_request_data import GuideRequest
from db.ids import uuid7
from db.journal import Journal
from db.rows import NotFoundError
from db.tables import Audit
from office import guide_requests as office_requests
from office.context import Office
from office.people import Actor
from office.taking import TakenError

pytest_plugins = ["db_fixtures"]

DAY = datetime(2026, 11, 26, tzinfo=UTC)
NUMBER, OTHER = "+33612345678", "+33612345679"
CALL, TEST_CALL = UUID(int=1), UUID(int=2)


class Book:
    """Records of one node, delivered to a database."""

    def __init__(self, folder: Path, url: str, engine: AsyncEngine) -> None:
        self._folder, self._url, self.engine = folder, url, engine
        self._journal = Journal(folder, "node1")

    async def put(self, due_h: float = 48, **columns: Any) -> UUID:
        """Deliver a request that was made at noon."""
        noon, identity = DAY + timedelta(hours=12), uuid7()
        row = {
            "id": identity, "call_id": CALL, "procedure": "passport", "number": NUMBER, "country": "FR",
            "language": "ar", "requested": noon, "due": noon + timedelta(hours=due_h), **columns,
        }  # fmt: skip
        await self.deliver("guide_request", **row)
        return identity

    async def deliver(self, table: str, **columns: Any) -> None:
        self._journal.put(table, **columns)
        self._journal.flush()
        assert (await deliver_all(self._folder, self._url)).rejected == 0


@pytest_asyncio.fixture
async def book(url: str, folder: Path) -> AsyncIterator[Book]:
    engine = async_engine(url)
    yield Book(folder, url, engine)
    await engine.dispose()


async def end(book: Book, identity: UUID, outcome: GuideOutcome = GuideOutcome.SENT, hour: float = 13) -> bool:
    office = Office(book.engine, None, "node1", now=lambda: DAY + timedelta(hours=hour))
    try:
        await office_requests.end(office, Actor("1901", AccountRole.OPERATOR, "1901"), identity, outcome, "by letter")
    except TakenError:
        return False
    return True


async def test_open_requests_come_first_by_their_due_time_and_then_those_that_ended_last(book: Book) -> None:
    late, soon, first, last = [await book.put(due_h) for due_h in (48, 24, 30, 30)]
    assert await end(book, first, hour=13)
    assert await end(book, last, hour=14)
    assert [request.id for request in await guide_requests.latest(book.engine, 0)] == [soon, late]
    assert [request.id for request in await guide_requests.latest(book.engine, 5)] == [soon, late, last, first]
    assert [request.id for request in await guide_requests.latest(book.engine, 1)] == [soon, late, last]


async def test_a_request_is_delivered_once_and_ends_once(book: Book) -> None:
    identity = await book.put()
    await book.put(id=identity)
    (request,) = await guide_requests.latest(book.engine, 0)
    noon = DAY + timedelta(hours=12)
    assert request == GuideRequest(identity, CALL, "passport", NUMBER, noon, noon + timedelta(hours=48), "FR", "ar")
    assert await end(book, identity, GuideOutcome.NOT_POSSIBLE)
    assert not await end(book, identity, GuideOutcome.SENT)
    found = await guide_requests.find(book.engine, str(identity)[:30])
    assert (found.outcome, found.reason, found.ended_by) == ("not_possible", "by letter", "1901")
    assert found.ended == DAY + timedelta(hours=13)


async def test_a_record_that_comes_again_does_not_open_a_request_that_has_ended(book: Book) -> None:
    identity = await book.put()
    assert await end(book, identity)
    await book.put(id=identity)
    assert await guide_requests.latest(book.engine, 0) == []


@pytest.mark.parametrize("beginning", ["", "z", "123456", "0" * 33])
async def test_an_id_that_no_request_has_is_explained(book: Book, beginning: str) -> None:
    with pytest.raises(NotFoundError, match="see `hatif waiting`"):
        await guide_requests.find(book.engine, beginning)


async def test_an_erased_number_s_requests_are_withdrawn_and_no_others(book: Book, url: str) -> None:
    open_request, another = await book.put(), await book.put(number=OTHER)
    over = await book.put(outcome="sent", ended=DAY, ended_by="1901")
    assert await callers.known_numbers(book.engine, [NUMBER, OTHER]) == sorted([NUMBER, OTHER])
    assert await erase(book.engine, NUMBER, "node1", "an administrator") == Erasure(False, 0, 1, rows=2)
    withdrawn = await guide_requests.find(book.engine, str(open_request))
    assert (withdrawn.outcome, withdrawn.reason) == ("withdrawn", FORGOTTEN)
    assert (await guide_requests.find(book.engine, str(over))).outcome == "sent"
    assert [request.id for request in await guide_requests.latest(book.engine, 0)] == [another]
    (entry,) = await rows(url, Audit)
    assert (entry.data["callbacks"], entry.data["guide_requests"]) == (0, 1)
    assert (await erase(book.engine, NUMBER, "node1", "an administrator")).is_empty


async def test_reports_get_the_requests_of_a_period_without_those_of_test_calls(book: Book) -> None:
    await book.deliver("call", id=CALL, started=DAY, country="BE", operator_id="1001")
    await book.deliver("call", id=TEST_CALL, started=DAY, live=False)
    sent = await book.put(topic="documents")
    await book.put(call_id=TEST_CALL)
    await book.put(call_id=UUID(int=3))  # whose call is not delivered yet
    await book.put(requested=DAY + timedelta(days=1))
    assert await end(book, sent)
    noon = DAY + timedelta(hours=12)
    day = (DAY, DAY + timedelta(days=1))
    by = ("language", "country", "topic", "operator")
    to_send, sent_ones = await report.send_requests(book.engine, *day, by)
    assert [*to_send.at_us] == [round(noon.timestamp() * 1e6)] * 2
    attributes = [[to_send.attributes[name].names[code] for code in to_send.attributes[name].codes] for name in by]
    assert sorted(zip(sent_ones.numbers, *attributes, strict=True), key=lambda row: int(row[0])) == [
        (0, "ar", None, None, None),
        (1, "ar", "BE", "documents", "1001"),
    ]
    assert sum((await report.send_requests(book.engine, *day, tests=True))[0].numbers) == 3
