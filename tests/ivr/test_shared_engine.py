"""The controller's one way to the database: calls are not held up by a silent one, nor by people's questions."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from relay import Mode, Relay
from sqlalchemy import text

from db.callback_requests import Claim
from db.engine import open_engine, writing
from db.ids import uuid7
from ivr.callbacks.repository import CallbackRepository
from ivr.records.amendments import AmendmentRepository
from ivr.records.database import LIMIT_S, Database
from ivr.records.database_client import SharedEngine

pytest_plugins = ["db_fixtures"]

NOW = datetime(2026, 12, 2, 9, tzinfo=UTC)


@pytest_asyncio.fixture
async def shared(relayed_url: str) -> AsyncIterator[SharedEngine]:
    """An engine with four connections."""
    made = SharedEngine(relayed_url, 4)
    yield made
    await made.close()


async def test_a_silent_database_holds_up_no_call_and_is_read_again_afterwards(
    shared: SharedEngine, between: Relay
) -> None:
    database = Database(shared)
    await database.warm()
    assert await database.shifts(NOW, NOW) == []
    for mode in (Mode.DROP, Mode.HOLD, Mode.RUBBISH, Mode.CLOSED):
        between.mode = mode
        longest = 0.0
        for _ in range(5):
            began = time.monotonic()
            assert set(await asyncio.gather(*(database.language("+33612345678") for _ in range(10)))) == {None}
            assert await database.shifts(NOW, NOW) is None
            longest = max(longest, time.monotonic() - began)
        assert longest < 2 * LIMIT_S + 1, mode
        between.mode = Mode.PASS
        async with asyncio.timeout(10):
            while await database.shifts(NOW, NOW) is None:
                pass


async def test_all_repositories_together_have_no_more_connections_than_the_site_allows(
    shared: SharedEngine, between: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A question that is given up on a busy machine would cost its connection, and another one that cancels it.
    for limit in ("ivr.records.database.LIMIT_S", "ivr.records.repository.PERSON_S"):
        monkeypatch.setattr(limit, 60.0)
    database, amendments = Database(shared), AmendmentRepository(shared)
    callbacks = CallbackRepository(shared, Claim("node1", uuid7()))
    for _ in range(3):
        answers = await asyncio.gather(
            *(amendments.latest(5) for _ in range(10)),
            *(callbacks.pending() for _ in range(10)),
            *(database.shifts(NOW, NOW) for _ in range(10)),
        )
    assert [list(answer) for answer in answers if answer is not None] and between.connections <= 4


async def test_people_whose_questions_wait_leave_connections_to_calls(
    shared: SharedEngine, relayed_url: str, postgresql_url: str
) -> None:
    database, requests = Database(shared), CallbackRepository(shared, Claim("node1", uuid7()))
    await database.warm()
    await requests.pending()
    async with open_engine(postgresql_url) as other, writing(other) as connection:
        await connection.execute(text("LOCK TABLE callback IN ACCESS EXCLUSIVE MODE"))
        people = [asyncio.create_task(requests.pending()) for _ in range(10)]
        await asyncio.sleep(0.3)  # until they wait for the lock
        for _ in range(5):
            assert await database.shifts(NOW, NOW) == []
        for person in people:
            assert await person is None and "no answer within 3 s" in requests.why
    assert await requests.pending() == []
