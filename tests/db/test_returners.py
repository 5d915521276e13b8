"""The last wait of a number is found if it was cut short, and otherwise not."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from db_helpers import scanned
from sqlalchemy.ext.asyncio import AsyncEngine

from db import returners
from db.delivery import deliver_all
from db.engine import async_engine
from db.ids import uuid7
from db.journal import Journal
from db.returners import FormerWait

pytest_plugins = ["db_fixtures"]

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
CALLER = "+33612345678"


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


class Rows:
    def __init__(self, folder: Path, url: str, engine: AsyncEngine) -> None:
        self.folder, self.url, self.engine = folder, url, engine

    async def call(self, began: float, *, events: tuple[dict[str, Any], ...] = (), **columns: Any) -> UUID:
        """Add a call that began to wait after 10 s and was abandoned after 50 s."""
        made = uuid7()
        row = {
            "caller": CALLER, "language": "fr", "started": after(began), "queued": after(began + 10),
            "ended": after(began + 50), "outcome": "abandoned",
        }  # fmt: skip
        journal = Journal(self.folder, "rabat-1")
        journal.put("call", id=made, **{name: value for name, value in (row | columns).items() if value is not None})
        for data in events:
            journal.put("call_event", call_id=made, kind="waiting", flow_node="queue", data=data)
        journal.close()
        assert (await deliver_all(self.folder, self.url)).rejected == 0
        return made

    async def pairing(self, call: UUID, reason: str, began: float) -> None:
        journal = Journal(self.folder, "rabat-1")
        journal.put(
            "pairing", id=uuid7(), call_id=call, operator_id="1001", began=after(began), ended=after(began + 5),
            reason=reason,
        )  # fmt: skip
        journal.close()
        assert (await deliver_all(self.folder, self.url)).rejected == 0

    async def former(self, call: UUID | None = None, number: str = CALLER) -> FormerWait | None:
        return await returners.former_wait(self.engine, number, call or uuid7())


@pytest.fixture
async def rows(url: str, folder: Path) -> AsyncIterator[Rows]:
    engine = async_engine(url)
    yield Rows(folder, url, engine)
    await engine.dispose()


async def test_the_wait_of_a_caller_who_hung_up_is_found_with_its_beginning(rows: Rows) -> None:
    call = await rows.call(0)
    assert await rows.former() == FormerWait(call, "fr", after(10).timestamp(), after(50))
    assert await rows.former(number="+33612345679") is None


async def test_the_routing_age_and_the_first_language_of_the_wait_are_kept(rows: Rows) -> None:
    older = {"language": "nl", "topic": None, "since": after(-200).timestamp()}
    call = await rows.call(0, events=(older, {"language": "fr", "since": after(30).timestamp()}))
    assert await rows.former() == FormerWait(call, "nl", after(-200).timestamp(), after(50))


async def test_the_current_call_is_not_its_own_former_wait(rows: Rows) -> None:
    assert await rows.former(await rows.call(0)) is None


@pytest.mark.parametrize(
    "columns",
    [
        {"outcome": "callback"},
        {"outcome": "message"},
        {"outcome": "answered", "connected": after(30)},
        {"outcome": "left_menu", "queued": None},
        {"ended": None, "outcome": None},
    ],
    ids=["will be called back", "left a message", "was served", "never waited", "still goes on"],
)
async def test_a_caller_who_was_not_cut_off_has_no_former_wait(rows: Rows, columns: dict[str, Any]) -> None:
    await rows.call(0, **columns)
    assert await rows.former() is None


async def test_a_lost_conversation_counts_if_it_was_the_last_of_the_call(rows: Rows) -> None:
    call = await rows.call(0, outcome="answered", connected=after(20))
    await rows.pairing(call, "operator", 20)
    assert await rows.former() is None
    await rows.pairing(call, "lost", 30)
    assert await rows.former() == FormerWait(call, "fr", after(10).timestamp(), after(50))
    await rows.pairing(call, "caller", 40)
    assert await rows.former() is None


async def test_the_wait_of_a_caller_in_fallback_is_found_too(rows: Rows) -> None:
    call = await rows.call(0, outcome="fallback")
    found = await rows.former()
    assert found is not None and found.call == call


async def test_only_the_last_wait_counts(rows: Rows) -> None:
    await rows.call(0)
    await rows.call(100, outcome="answered", connected=after(120))
    assert await rows.former() is None
    await rows.call(200, queued=None, outcome="left_menu")
    assert await rows.former() is None
    last = await rows.call(300)
    found = await rows.former()
    assert found is not None and found.call == last


async def test_a_former_wait_is_found_without_looking_at_all_calls(rows: Rows) -> None:
    """So it takes as long as ever after years; a caller waits for it."""
    await rows.call(0)
    assert await scanned(rows.engine, rows.former) == set()
