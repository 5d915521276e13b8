"""Who sees to an alarm is known for as long as the alarm lasts, also after a restart of the controller."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from db import audit
from db.engine import open_engine, writing
from db.journal import Journal
from db.tables import Audit
from ivr.controller.acknowledgements import Acknowledgements
from ivr.records.database import ACKNOWLEDGED, LIMIT_S, Database
from ivr.records.database_client import SharedEngine

pytest_plugins = ["db_fixtures"]


async def test_the_first_acknowledgement_stays_until_the_alarm_is_cleared(sqlite_url: str, tmp_path: Path) -> None:
    journal, database = Journal(tmp_path / "journal", "node1"), Database(SharedEngine(sqlite_url))
    seen = Acknowledgements(journal, database)
    first = seen.acknowledge("many_waiting", 10.0, "1901", "Omar Laurel")
    assert seen.acknowledge("many_waiting", 10.0, "1902", "Safae Saffron") == first
    assert (first.by, first.name) == ("1901", "Omar Laurel")
    seen.keep(["many_waiting", "other"])
    assert seen.of("many_waiting", 10.0) == first
    seen.keep(["other"])
    assert seen.of("many_waiting", 99.0) is None
    journal.close()
    await database.shared.close()


async def test_after_a_restart_an_alarm_that_lasts_is_still_acknowledged_and_a_new_one_is_not(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the database is slower at the start than a call could wait."""
    read = audit.audit_entries

    async def read_slowly(engine: AsyncEngine, last: int, act: str) -> list[audit.AuditEntry]:
        await asyncio.sleep(2 * LIMIT_S)
        return await read(engine, last, act)

    monkeypatch.setattr(audit, "audit_entries", read_slowly)
    at = datetime(2026, 11, 28, 12, tzinfo=UTC)

    def row(alarm: str, by: str, seq: int, **data: object) -> dict[str, object]:
        key = {"node": "node1", "boot": uuid4(), "seq": seq, "at": at}
        return {**key, "by": by, "act": ACKNOWLEDGED, "about": f"alarm:{alarm}", "data": data}

    rows = (
        row("no_answer:1002", "1901", 1, since=100.25, name="Omar Laurel"),
        row("no_answer:1003", "1901", 2, since=100.25, name="Omar Laurel"),
        row("no_answer:1003", "1902", 3, since=300.5, name="Safae Saffron"),
        row("ari_down", "1901", 4, since=None, name="Omar Laurel"),
        row("odd", "1901", 5),
    )
    async with open_engine(sqlite_url) as engine, writing(engine) as connection:
        for values in rows:
            await connection.execute(insert(Audit).values(values))
    journal, database = Journal(tmp_path / "journal", "node1"), Database(SharedEngine(sqlite_url))
    seen = Acknowledgements(journal, database)
    await seen.restore()
    found = seen.of("no_answer:1002", 100.25)
    assert found is not None and (found.by, found.name, found.at) == ("1901", "Omar Laurel", at.timestamp())
    latest = seen.of("no_answer:1003", 300.5)
    assert latest is not None and latest.by == "1902"
    assert seen.of("no_answer:1003", 100.25) is None or seen.of("no_answer:1003", 100.25) == latest
    assert seen.of("no_answer:1004", 100.25) is None and seen.of("ari_down", None) is None
    seen.keep(["no_answer:1003"])
    assert seen.of("no_answer:1002", 400.0) is None  # another one
    journal.close()
    await database.shared.close()
