"""Orphaned rows get the ends that they had, and the search for them does not slow down calls."""

import asyncio
import socket
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest

from db.delivery import deliver_all
from db.engine import open_engine
from db.ids import call_id, uuid7
from db.journal import Journal
from db.read import call
from ivr.controller import orphaned_rows
from ivr.controller.orphaned_rows import Up
from ivr.records.database_client import SharedEngine
from ivr.records.recorder import Recorder
from ivr.records.voicemail import Mailbox

pytest_plugins = ["db_fixtures"]

NOBODY = Up(set(), set())


async def _close(
    journal: Journal, folder: Path, shared: SharedEngine, began: float, last_answer: datetime | None, up: Up
) -> None:
    async def what_is_up() -> Up:
        return up

    await orphaned_rows.close_orphaned(
        folder,
        shared,
        "node1",
        Recorder(journal, cast(Any, None)),
        began=began,
        last_answer=last_answer,
        up=what_is_up,
        legs=(),
        mailbox=Mailbox(folder, folder),
        names=(),
    )
    journal.flush()


async def test_a_call_that_was_cut_ends_when_it_was_last_seen_and_not_at_the_next_start(
    sqlite_url: str, folder: Path
) -> None:
    evening = datetime.now(UTC) - timedelta(hours=9)
    journal = Journal(folder, "node1")
    ids: dict[str, UUID] = {}
    for number, (name, connected) in enumerate((("talked", True), ("menu", False), ("late", False), ("up", True))):
        ids[name] = call_id("node1", f"channel-{name}", int(evening.timestamp() * 1000) + number)
        row = {"queued": evening, "connected": evening + timedelta(seconds=30)} if connected else {}
        journal.put("call", id=ids[name], started=evening, channel_id=f"channel-{name}", live=True, **row)
    pairing = uuid7()
    journal.put(
        "pairing", id=pairing, epoch=1, call_id=ids["talked"], operator_id="1001", role="operator", began=evening
    )
    event = evening + timedelta(seconds=90)
    journal.put("call_event", call_id=ids["late"], at=event, kind="key", flow_node="menu", data={})
    journal.flush()
    await deliver_all(folder, sqlite_url)
    known = evening + timedelta(seconds=60)
    shared = SharedEngine(sqlite_url)
    await _close(journal, folder, shared, time.time(), known, Up(set(), {"channel-up"}))
    await shared.close()
    journal.close()
    await deliver_all(folder, sqlite_url)
    async with open_engine(sqlite_url) as engine:
        stories = {name: await call(engine, str(identity)) for name, identity in ids.items()}
    ended = {name: story.call.ended for name, story in stories.items()}
    # An event after Asterisk's last answer counts; a call whose channel is up goes on.
    assert ended == {"talked": known, "menu": known, "late": event, "up": None}
    (made,) = stories["talked"].pairings
    assert (made.ended, made.reason) == (known, "lost")


async def test_a_database_that_hangs_takes_no_thread_from_work_that_callers_wait_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphaned_rows, "_READ_LIMIT_S", 0.5)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        url = f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/hatif"
        journal = Journal(folder, "node1")
        shared = SharedEngine(url)
        # As after many reconnects.
        waits = [asyncio.create_task(_close(journal, folder, shared, time.time(), None, NOBODY)) for _ in range(40)]
        await asyncio.sleep(0.1)
        async with asyncio.timeout(0.3):
            assert await asyncio.to_thread(int, "7") == 7
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        await shared.close()
