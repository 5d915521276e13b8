"""Past calls for a simulation: finished calls that waited, with their wait and talk times."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from db import history
from db.delivery import deliver_all
from db.engine import open_engine
from db.history import PastCall, PlannedShift
from db.ids import call_id, uuid7
from db.journal import Journal

pytest_plugins = ["db_fixtures"]

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
MIDNIGHT, NEXT = NOW.replace(hour=0), NOW.replace(hour=0) + timedelta(days=1)
ANSWERED = {"outcome": "answered", "operator_id": "17"}


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


class Centre:
    """Calls and shifts in a database."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.number = 0

    async def tell(self, *rows: tuple[str, dict[str, Any]]) -> None:
        journal = Journal(self.folder, "rabat-1")
        for table, columns in rows:
            journal.put(table, **columns)
        journal.close()
        assert (await deliver_all(self.folder, self.url)).rejected == 0

    async def call(self, *talks: tuple[float, float], **columns: Any) -> None:
        """Add a call that began to wait at `NOW` by default; `talks` are conversations, from and to."""
        self.number += 1
        made = call_id("rabat-1", f"1.{self.number}", 1_764_072_000_000 + self.number)
        call = {"id": made, "language": "ar", "started": after(-10), "queued": NOW, "ended": after(900), **columns}
        pairings = [
            ("pairing", {"id": uuid7(), "call_id": made, "operator_id": "17", "began": after(a), "ended": after(b)})
            for a, b in talks
        ]
        await self.tell(("call", call), *pairings)

    async def past(self, begins: datetime = MIDNIGHT, ends: datetime = NEXT, **options: bool) -> list[PastCall]:
        async with open_engine(self.url) as engine:
            return await history.past_calls(engine, begins, ends, **options)


@pytest.fixture
def centre(folder: Path, url: str) -> Centre:
    return Centre(folder, url)


async def test_an_answered_call_has_its_wait_and_all_its_conversations(centre: Centre) -> None:
    await centre.call((12, 100), (130, 150), connected=after(12), dequeued=after(12), **ANSWERED)
    assert await centre.past() == [PastCall(NOW, "ar", 12.0, 108.0)]


async def test_a_conversation_without_a_pairing_lasted_until_the_call_ended(centre: Centre) -> None:
    await centre.call(connected=after(30), **ANSWERED)
    assert await centre.past() == [PastCall(NOW, "ar", 30.0, 870.0)]


async def test_an_abandoned_call_has_a_wait_and_no_conversation(centre: Centre) -> None:
    await centre.call(dequeued=after(40), outcome="abandoned", language="nl")
    await centre.call(outcome="callback", queued=after(1), ended=after(61))
    assert await centre.past() == [PastCall(NOW, "nl", 40.0, None), PastCall(after(1), "ar", 60.0, None)]


async def test_calls_that_never_waited_still_wait_or_ended_at_closing_time_are_left_out(centre: Centre) -> None:
    await centre.call(queued=None, outcome="self_served")
    await centre.call(ended=None, outcome=None)
    await centre.call(outcome="closed")
    assert await centre.past() == []


async def test_test_calls_are_left_out_unless_requested(centre: Centre) -> None:
    await centre.call(outcome="abandoned", live=False)
    assert await centre.past() == []
    assert len(await centre.past(tests=True)) == 1


async def test_calls_are_selected_and_sorted_by_the_beginning_of_their_wait(centre: Centre) -> None:
    for at in (NEXT, after(5), MIDNIGHT, after(-5), MIDNIGHT - timedelta(seconds=1)):
        await centre.call(outcome="abandoned", queued=at, ended=at + timedelta(seconds=9))
    assert [call.queued for call in await centre.past()] == [MIDNIGHT, after(-5), after(5)]


async def test_operators_who_talked_in_the_period(centre: Centre) -> None:
    await centre.call((12, 100), connected=after(12), **ANSWERED)
    await centre.tell(
        ("pairing", {"id": uuid7(), "call_id": uuid7(), "operator_id": "18", "began": NEXT, "ended": NEXT}),
    )
    async with open_engine(centre.url) as engine:
        assert await history.talking_operators(engine, MIDNIGHT, NEXT) == {"17"}


async def test_a_clock_that_was_set_back_gives_no_negative_duration(centre: Centre) -> None:
    await centre.call((-50, -60), connected=after(-50), **ANSWERED)
    assert await centre.past() == [PastCall(NOW, "ar", 0.0, 0.0)]


async def test_shifts_that_overlap_the_period_and_are_not_cancelled_are_returned(centre: Centre) -> None:
    await centre.tell(
        ("shift", {"operator_id": "17", "begins": MIDNIGHT - timedelta(hours=2), "ends": after(0)}),
        ("shift", {"operator_id": "18", "begins": NOW, "ends": after(60), "cancelled": NOW}),
        ("shift", {"operator_id": "19", "begins": MIDNIGHT - timedelta(hours=2), "ends": MIDNIGHT}),
    )
    async with open_engine(centre.url) as engine:
        found = await history.planned_shifts(engine, MIDNIGHT, NEXT)
    assert found == [PlannedShift("17", MIDNIGHT - timedelta(hours=2), NOW)]
