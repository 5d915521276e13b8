"""What `hatif status` reports about a journal that does not reach the database."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from relay import Mode, Relay

from cli.processes.troubles import JournalState, find_delivery_problems, read_journal
from db.delivery import Lag
from db.delivery_state import Heartbeat
from db.ids import uuid7
from db.journal import Journal

pytest_plugins = ["db_fixtures"]

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def test_a_journal_that_is_delivered_is_not_a_problem() -> None:
    assert list(find_delivery_problems(JournalState(Heartbeat(1, NOW, 7, 0, None), Lag(2, 100, 0.2)), NOW)) == []
    assert list(find_delivery_problems(JournalState(None, Lag(0, 0, 0)), NOW)) == []  # never used


def test_a_journal_that_is_not_delivered_is_reported_with_records_and_age() -> None:
    away = Heartbeat(1, NOW, 7, 0, "postgresql://db/hatif cannot be reached")
    (waits, late) = find_delivery_problems(JournalState(away, Lag(4012, 900_000, 3600.2)), NOW)
    assert "cannot be reached" in waits and late == "4012 records wait for the database, the oldest one for 3600 s."
    dead = Heartbeat(1, NOW - timedelta(hours=1), 7, 0, None)
    (nobody,) = find_delivery_problems(JournalState(dead, Lag(0, 0, 0)), NOW)
    assert "2026-11-27 11:00:00 UTC" in nobody


def test_a_database_that_is_away_is_reported_and_not_raised(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", "node1")
    journal.put("call_event", call_id=uuid7(), kind="key")
    journal.close()
    found = read_journal(tmp_path / "journal", f"sqlite:///{tmp_path}/hatif.db")
    (unknown,) = find_delivery_problems(found)
    assert found.lag is None and "does not exist" in unknown


async def test_a_database_that_is_slow_silent_or_answers_rubbish_is_a_problem_within_seconds(
    relayed_url: str, between: Relay, tmp_path: Path
) -> None:
    def problems() -> list[str]:
        return list(find_delivery_problems(read_journal(tmp_path, relayed_url)))

    assert await asyncio.to_thread(problems) == []
    between.delay_s = 3.0
    async with asyncio.timeout(10):
        (slow,) = await asyncio.to_thread(problems)
    between.delay_s, between.mode = 0.0, Mode.RUBBISH
    async with asyncio.timeout(10):
        (rubbish,) = await asyncio.to_thread(problems)
    between.mode = Mode.DROP
    async with asyncio.timeout(10):
        (silent,) = await asyncio.to_thread(problems)
    assert "does not answer in time" in slow and "does not answer in time" in silent
    assert "It is unknown how far the database is behind" in rubbish
