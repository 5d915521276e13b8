"""When the floor learns who is on duty, and what difference that makes."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from watched_floor import a_floor, ready, wait

from ivr.floor import duty
from ivr.model import clock
from ivr.model.floor_protocol import DutyRoster
from ivr.site import roster
from routing.states import OperatorState

RABAT = ZoneInfo("Africa/Casablanca")
HEAD = ",".join(roster.COLUMNS)


def read(folder: Path, *lines: str) -> roster.Roster | None:
    (folder / roster.FILE).write_text("\n".join((HEAD, *lines, "")), encoding="utf-8")
    return roster.load(folder, ("1001", "1002"), RABAT)


def test_the_next_change_is_the_nearest_beginning_or_end_of_a_shift(tmp_path: Path) -> None:
    found = read(tmp_path, "1001,daily,08:00,14:00,,,", "1002,daily,13:00,02:00,,,")
    assert found is not None
    at, changes = datetime(2026, 12, 14, 0, 30, tzinfo=RABAT), []
    shifts = found.shifts(at.date() - timedelta(days=1), at.date() + timedelta(days=1))
    for _ in range(6):
        at += timedelta(seconds=duty.until_change(shifts, at))
        changes.append(f"{at.astimezone(RABAT):%H:%M} {' '.join(duty.planned_at(shifts, at))}")
    assert changes == ["02:00 ", "08:00 1001", "13:00 1001 1002", "14:00 1002", "02:00 ", "08:00 1001"]


def test_the_next_shift_is_known_unless_somebody_is_planned_now(tmp_path: Path) -> None:
    found = read(tmp_path, "1001,daily,08:00,14:00,,,", "1002,daily,13:00,18:00,,,")
    assert found is not None
    day = datetime(2026, 12, 14, tzinfo=RABAT)
    shifts = found.shifts(day.date(), day.date() + timedelta(days=1))

    def following(hour: int, *operators: str) -> str | None:
        begins = duty.next_of(shifts, operators, day.replace(hour=hour))
        return f"{begins.astimezone(RABAT):%d %H:%M}" if begins is not None else None

    assert [following(7, "1001", "1002"), following(7, "1002"), following(20, "1001", "1002")] == [
        *("14 08:00", "14 13:00", "15 08:00"),
    ]
    assert [following(9, "1001", "1002"), following(7), following(7, "1003")] == [None] * 3


def test_without_shifts_there_is_no_next_change() -> None:
    at = datetime(2026, 12, 14, tzinfo=UTC)
    assert (duty.planned_at((), at), duty.until_change((), at)) == ((), float("inf"))


async def test_the_floor_is_notified_of_each_change_once_and_at_its_instant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, real = datetime(2026, 12, 14, 13, 59, 59, 900_000, RABAT), asyncio.get_running_loop().time()
    monkeypatch.setattr(clock, "now", lambda: began + timedelta(seconds=asyncio.get_running_loop().time() - real))
    messages: asyncio.Queue[DutyRoster] = asyncio.Queue()
    on_duty = duty.Duty(messages.put_nowait)
    running = asyncio.create_task(on_duty.run())
    try:
        async with asyncio.timeout(5):
            on_duty.read(read(tmp_path, "1001,daily,08:00,14:00,,,", "1002,daily,09:00,20:00,,,"))
            assert await messages.get() == DutyRoster(("1001", "1002"))
            assert await messages.get() == DutyRoster(("1002",)) == on_duty.planned
            on_duty.read(read(tmp_path, "1002,daily,09:00,21:00,,,"))  # nothing for now
            on_duty.read(None)
            assert await messages.get() == DutyRoster(None)
        assert messages.empty()
    finally:
        running.cancel()


async def test_an_operator_off_the_roster_gets_no_caller_whom_another_can_take_and_keeps_their_state() -> None:
    async with a_floor(ready("1001", 900), ready("1002", 5)) as line:
        await line.send(DutyRoster(("1002",)), wait("call", 5))
        assert line.offered == [("call", "1002")]
        assert line.changes == [("1002", OperatorState.OFFERED, "call")]
        await line.send(wait("next", 5))
        assert line.offered[1:] == [("next", "1001")]


async def test_without_a_roster_all_operators_are_equal_again() -> None:
    async with a_floor(ready("1001", 900), ready("1002", 5)) as line:
        await line.send(DutyRoster(("1002",)))
        await line.send(DutyRoster(None), wait("call", 5))
        assert line.offered == [("call", "1001")]
