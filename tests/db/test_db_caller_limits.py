"""What a caller has used up is found in the database, on both kinds: messages of a day, and call-back requests."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from db_helpers import put_request
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from db.callback_requests import NOT_ASKED
from db.caller_limits import messages_since, requests_of
from db.engine import writing
from db.ids import uuid7
from db.tables import Message
from ivr.records import database as records_database
from ivr.records.database import Database
from ivr.records.database_client import SharedEngine

pytest_plugins = ["db_fixtures"]

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
MINE, OTHER = "+33612345678", "+33687654321"


async def test_the_messages_of_a_caller_since_an_instant_are_found(engine: AsyncEngine) -> None:
    for caller, ago_h in ((MINE, 1), (MINE, 2), (MINE, 30), (OTHER, 1), (None, 1)):
        row = {"id": uuid7(), "node": "node1", "call_id": uuid7(), "file": "messages/x.wav", "caller": caller}
        async with writing(engine) as connection:
            await connection.execute(insert(Message).values({**row, "at": NOW - timedelta(hours=ago_h)}))
    assert len(await messages_since(engine, MINE, NOW - timedelta(hours=12), 9)) == 2
    assert len(await messages_since(engine, MINE, NOW - timedelta(hours=12), 1)) == 1


REQUESTS: list[tuple[dict[str, Any], bool]] = [
    ({"number": MINE}, True),
    ({"number": OTHER, "asked_by": MINE}, True),
    ({"number": OTHER, "asked_by": OTHER}, False),
    ({"number": MINE, "kind": "case", "due": None}, False),
    ({"number": MINE, "kind": "operator", "operator_id": "1001"}, False),
    ({"number": MINE, "ended": NOW, "state": "done"}, False),
    ({"number": MINE, "ended": NOW, "state": "cancelled", "reason": NOT_ASKED}, True),
    ({"number": OTHER, "asked_by": MINE, "ended": NOW, "state": "cancelled", "reason": NOT_ASKED}, True),
    ({"number": MINE, "ended": NOW - timedelta(days=31), "state": "cancelled", "reason": NOT_ASKED}, False),
]
"""Columns of requests, and whether they count."""


async def test_requests_that_are_open_or_were_not_asked_for_count_by_number_and_by_caller(engine: AsyncEngine) -> None:
    made = [
        (await put_request(engine, **{"kind": "waiting", "wished": NOW, **columns}), counts)
        for columns, counts in REQUESTS
    ]
    ids = {request.id for request, _ in made}
    found = await requests_of(engine, MINE, MINE, NOW - timedelta(days=30), [*ids, uuid7()])
    assert {row.id: row.not_asked for row in found.requests} == {
        request.id: request.ended is not None for request, counts in made if counts
    }
    assert found.written == ids


async def test_callers_who_withhold_their_numbers_are_not_one_caller(engine: AsyncEngine) -> None:
    await put_request(engine, number=OTHER, kind="closed", wished=NOW)
    assert (await requests_of(engine, MINE, "", NOW, [])).requests == ()


async def test_the_controller_reads_both_while_a_caller_waits_and_knows_nothing_while_the_database_is_away(
    url: str, engine: AsyncEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records_database, "LIMIT_S", 5)  # beside lines, the usual limit may be too short
    request = await put_request(engine, number=MINE, kind="closed", wished=NOW)
    database, away = Database(SharedEngine(url)), Database(SharedEngine(f"sqlite:///{tmp_path}/none/none.db"))
    try:
        await database.warm()
        assert await database.messages_of(MINE, NOW, 9) == []
        found = await database.requests_of(MINE, "", NOW, [])
        assert found is not None and [row.id for row in found.requests] == [request.id]
        assert await away.messages_of(MINE, NOW, 9) is None
        assert await away.requests_of(MINE, "", NOW, []) is None
    finally:
        await database.shared.close()
        await away.shared.close()
