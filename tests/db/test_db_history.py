"""Calls that were, as a simulation needs them: whoever waited and is over, with all that he talked."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from db import history
from db.delivery import deliver_all
from db.engine import async_engine
from db.history import PastCall, PlannedShift
from db.ids import call_id, uuid7
from db.journal import Journal

pytest_plugins = ["db_fixtures"]

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
MIDNIGHT, NEXT = NOW.replace(hour=0), NOW.replace(hour=0) + timedelta(days=1)
ANSWERED = {"outcome": "answered", "operator_id": "17"}


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


class House:
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
        """A call that began to wait now unless said otherwise; `talks` are conversations, from and to."""
        self.number += 1
        made = call_id("rabat-1", f"1.{self.number}", 1_764_072_000_000 + self.number)
        call = {"id": made, "language": "ar", "started": after(-10), "queued": NOW, "ended": after(900), **columns}
        pairings = [
            ("pairing", {"id": uuid7(), "call_id": made, "operator_id": "17", "began": after(a), "ended": after(b)})
            for a, b in talks
        ]
        await self.tell(("call", call), *pairings)

    async def past(self, begins: datetime = MIDNIGHT, ends: datetime = NEXT, **wishes: bool) -> list[PastCall]:
        engine = async_engine(self.url)
        try:
            return await history.past_calls(engine, begins, ends, **wishes)
        finally:
            await engine.dispose()


@pytest.fixture
def house(folder: Path, url: str) -> House:
    return House(folder, url)


async def test_who_was_answered_has_his_wait_and_all_his_conversations(house: House) -> None:
    await house.call((12, 100), (130, 150), connected=after(12), dequeued=after(12), **ANSWERED)
    assert await house.past() == [PastCall(NOW, "ar", 12.0, 108.0)]


async def test_a_conversation_without_a_pairing_lasted_until_the_call_ended(house: House) -> None:
    await house.call(connected=after(30), **ANSWERED)
    assert await house.past() == [PastCall(NOW, "ar", 30.0, 870.0)]


async def test_who_gave_up_has_a_wait_and_no_conversation(house: House) -> None:
    await house.call(dequeued=after(40), outcome="abandoned", language="nl")
    await house.call(outcome="callback", queued=after(1), ended=after(61))
    assert await house.past() == [PastCall(NOW, "nl", 40.0, None), PastCall(after(1), "ar", 60.0, None)]


async def test_who_never_waited_still_waits_or_was_closed_out_is_none_of_them(house: House) -> None:
    await house.call(queued=None, outcome="self_served")
    await house.call(ended=None, outcome=None)
    await house.call(outcome="closed")
    assert await house.past() == []


async def test_test_calls_are_left_out_unless_they_are_asked_for(house: House) -> None:
    await house.call(outcome="abandoned", live=False)
    assert await house.past() == []
    assert len(await house.past(tests=True)) == 1


async def test_a_call_belongs_to_the_days_by_when_it_began_to_wait_and_they_come_in_that_order(house: House) -> None:
    for at in (NEXT, after(5), MIDNIGHT, after(-5), MIDNIGHT - timedelta(seconds=1)):
        await house.call(outcome="abandoned", queued=at, ended=at + timedelta(seconds=9))
    assert [each.queued for each in await house.past()] == [MIDNIGHT, after(-5), after(5)]


async def test_more_calls_than_are_read_at_once_all_come(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "_AT_ONCE", 2)
    for at in range(5):
        await house.call((1, 2), (3, 4), connected=after(at), queued=after(at), **ANSWERED)
    assert [each.talk_s for each in await house.past()] == [2.0] * 5


async def test_a_clock_that_was_set_back_makes_no_time_negative(house: House) -> None:
    await house.call((-50, -60), connected=after(-50), **ANSWERED)
    assert await house.past() == [PastCall(NOW, "ar", 0.0, 0.0)]


async def test_shifts_are_those_that_touch_the_time_and_hold(house: House) -> None:
    await house.tell(
        ("shift", {"operator_id": "17", "begins": MIDNIGHT - timedelta(hours=2), "ends": after(0)}),
        ("shift", {"operator_id": "18", "begins": NOW, "ends": after(60), "cancelled": NOW}),
        ("shift", {"operator_id": "19", "begins": MIDNIGHT - timedelta(hours=2), "ends": MIDNIGHT}),
    )
    engine = async_engine(house.url)
    try:
        found = await history.planned_shifts(engine, MIDNIGHT, NEXT)
    finally:
        await engine.dispose()
    assert found == [PlannedShift("17", MIDNIGHT - timedelta(hours=2), NOW)]
