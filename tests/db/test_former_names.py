"""Records and rows of an earlier version get today's names, whichever way they reach the database."""

# A test may block its own loop.
# ruff: noqa: ASYNC240

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from db_helpers import rejected, rows
from sqlalchemy import insert

from db.delivery import DeliveryCounts, deliver_all
from db.engine import async_engine, writing
from db.ids import uuid7
from db.tables import CallEvent
from db.upgrade import upgrade

pytest_plugins = ["db_fixtures"]

BOOT = UUID("01965000-0000-7000-8000-000000000001")
CALL = "01965000-0000-7000-8000-0000000000aa"

JOURNAL = f"""\
{{"journal":1,"node":"rabat-1","boot":"{BOOT}","number":1}}
{{"seq":1,"at":"2026-11-20T10:00:00.000000+00:00","table":"call_event","row":{{"call_id":"{CALL}","kind":"wish_refused",\
"flow_node":"queue","data":{{"act":"hold","target":"","way":"keys","by":"1001","why":"not_now"}}}}}}
{{"seq":2,"at":"2026-11-20T10:00:01.000000+00:00","table":"call_event","row":{{"call_id":"{CALL}","kind":"callback_expired",\
"flow_node":"","data":{{"wish":"0199","reason":"too late"}}}}}}
{{"seq":3,"at":"2026-11-20T10:00:02.000000+00:00","table":"call_event","row":{{"call_id":"{CALL}","kind":"told_wished",\
"flow_node":"case","data":{{"reference":"100000012","number":"+33612345678"}}}}}}
{{"seq":4,"at":"2026-11-20T10:00:03.000000+00:00","table":"call_event","row":{{"call_id":"{CALL}","kind":"key",\
"flow_node":"main","data":{{"wish":"a key of this name elsewhere"}}}}}}
"""
"""A journal as the version before migration 0006 left it on the disk."""

FORMER = [
    ("wish_refused", {"act": "hold", "target": "", "way": "keys", "by": "1001", "why": "not_now"}),
    ("callback_expired", {"wish": "0199", "reason": "too late"}),
    ("told_wished", {"reference": "100000012", "number": "+33612345678"}),
    ("key", {"wish": "a key of this name elsewhere"}),
]
RENAMED = [
    ("request_refused", FORMER[0][1]),
    ("callback_expired", {"request": "0199", "reason": "too late"}),
    ("case_call_requested", FORMER[2][1]),
    FORMER[3],
]


async def events(url: str) -> list[tuple[str, dict[str, Any]]]:
    return [(row.kind, row.data) for row in await rows(url, CallEvent, CallEvent.seq)]


async def test_a_journal_of_an_earlier_version_is_delivered_after_an_upgrade(folder: Path, url: str) -> None:
    folder.mkdir()
    (folder / f"{BOOT}.000001.jsonl").write_text(JOURNAL)
    assert await deliver_all(folder, url) == DeliveryCounts(4, 0)
    assert rejected(folder) == []
    assert await events(url) == RENAMED


async def test_an_upgrade_renames_the_events_of_an_earlier_version(empty_url: str) -> None:
    await upgrade(empty_url, "0005")
    engine = async_engine(empty_url)
    async with writing(engine) as connection:
        for seq, (kind, data) in enumerate(FORMER, start=1):
            row = {"node": "n", "boot": BOOT, "seq": seq, "call_id": uuid7(), "kind": kind, "data": data}
            await connection.execute(insert(CallEvent).values(**row, at=datetime(2026, 11, 20, 10, 0, seq, tzinfo=UTC)))
    await engine.dispose()
    await upgrade(empty_url)
    assert await events(empty_url) == RENAMED


@pytest.mark.parametrize("row", ['{"kind":["wish_refused"]}', '{"kind":"callback","data":["wish"]}', '{"kind":null}'])
async def test_a_damaged_record_is_set_aside_and_not_renamed(folder: Path, sqlite_url: str, row: str) -> None:
    folder.mkdir()
    line = f'{{"seq":1,"at":"2026-11-20T10:00:00.000000+00:00","table":"call_event","row":{row}}}\n'
    (folder / f"{BOOT}.000001.jsonl").write_text(JOURNAL.splitlines(keepends=True)[0] + line)
    assert await deliver_all(folder, sqlite_url) == DeliveryCounts(0, 1)
