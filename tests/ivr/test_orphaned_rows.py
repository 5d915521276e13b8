"""Orphaned rows get the ends that they had, and the search for them does not slow down calls."""

import asyncio
import socket
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest
from sqlalchemy import func, select

from db.delivery import deliver_all
from db.engine import open_engine, reading
from db.enums import CaseKind
from db.ids import call_id, uuid7
from db.journal import Journal
from db.read import Call, call
from db.tables import CaseFile
from ivr.asterisk.fallback_records import FallbackCall, Status
from ivr.controller import orphaned_rows
from ivr.controller.orphaned_rows import Records, Up
from ivr.records import orphaned_records
from ivr.records.database_client import SharedEngine
from ivr.records.recorder import Recorder
from ivr.records.voicemail import Mailbox, StoredMessage
from ivr.trial.records import FakeReferences

pytest_plugins = ["db_fixtures"]

NOBODY = Up(set(), set())


async def _close(
    journal: Journal, folder: Path, shared: SharedEngine, began: float, last_answer: datetime | None, up: Up
) -> None:
    async def what_is_up() -> Up:
        return up

    await orphaned_rows.close_orphaned(
        Records(folder, shared, "node1"),
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


async def test_a_call_that_ends_while_it_is_asked_what_is_up_keeps_the_end_that_was_recorded(
    sqlite_url: str, folder: Path
) -> None:
    started = datetime.now(UTC) - timedelta(seconds=30)
    identity = call_id("node1", "channel", int(started.timestamp() * 1000))
    journal = Journal(folder, "node1")
    journal.put("call", id=identity, started=started, channel_id="channel", live=True)
    journal.flush()
    await deliver_all(folder, sqlite_url)
    began, ended = time.time(), datetime.now(UTC)
    journal.put("call", id=identity, ended=ended, ended_by="caller", outcome="left_menu", path=["language"])
    shared = SharedEngine(sqlite_url)
    closing = asyncio.create_task(_close(journal, folder, shared, began, None, NOBODY))
    assert not (await asyncio.wait({closing}, timeout=1))[0]  # it waits for the end, which the database lacks
    await deliver_all(folder, sqlite_url)
    await closing
    await shared.close()
    journal.close()
    await deliver_all(folder, sqlite_url)
    async with open_engine(sqlite_url) as engine:
        row = (await call(engine, str(identity))).call
    assert (row.ended, row.path) == (ended, ["language"])


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


async def test_a_call_whose_beginning_was_garbled_is_not_open_for_ever(sqlite_url: str, folder: Path) -> None:
    began = datetime.now(UTC) - timedelta(minutes=2)
    lost = call_id("node1", "node1-1.7", int(began.timestamp() * 1000))
    journal = Journal(folder, "node1")
    journal.put("call", id=lost, queued=began + timedelta(seconds=9))  # its first record is not legible
    journal.put("call_event", call_id=lost, kind="waiting", flow_node="queue", at=began + timedelta(seconds=9), data={})
    journal.flush()
    await deliver_all(folder, sqlite_url)
    shared = SharedEngine(sqlite_url)
    await _close(journal, folder, shared, time.time(), None, Up({str(lost)}, set()))
    await deliver_all(folder, sqlite_url)
    async with open_engine(sqlite_url) as engine:
        assert (await call(engine, str(lost))).call.ended is None  # it is up
        await _close(journal, folder, shared, time.time(), None, NOBODY)
        await shared.close()
        await deliver_all(folder, sqlite_url)
        found = (await call(engine, str(lost))).call
    journal.close()
    assert (found.outcome, found.ended) == ("abandoned", found.queued)
    assert abs(found.started - began) < timedelta(milliseconds=2)


async def test_the_dialplans_calls_are_recorded_with_what_the_controller_knew_once_the_database_is_there(
    sqlite_url: str, folder: Path
) -> None:
    """`talked` was asked about their conversation, `unknown` has no row any more, `own` was never the controller's."""
    began = (datetime.now(UTC) - timedelta(minutes=2)).replace(microsecond=0)
    ids = {
        name: call_id("node1", f"node1-{name}", int(began.timestamp() * 1000)) for name in ("talked", "unknown", "own")
    }
    journal = Journal(folder, "node1")
    answered = {
        "queued": began + timedelta(seconds=5),
        "connected": began + timedelta(seconds=9),
        "operator_id": "1001",
    }
    journal.put("call", id=ids["talked"], started=began, channel_id="node1-talked", language="fr", **answered)
    for number, node in enumerate(("menu", "queue", "survey")):
        at = began + timedelta(seconds=3 * number)
        journal.put("call_event", call_id=ids["talked"], kind="node", flow_node=node, at=at, data={})
    recorder = Recorder(journal, FakeReferences(1))
    records = {
        str(identity): (dialplan_record(name, began + timedelta(seconds=60)), "+33612345678")
        for name, identity in ids.items()
    }
    database, elsewhere = (Path(sqlite_url.removeprefix("sqlite:///") + end) for end in ("", ".away"))
    database.rename(elsewhere)
    shared = SharedEngine(sqlite_url)
    importing = asyncio.create_task(
        orphaned_rows.conclude_fallback(Records(folder, shared, "node1"), recorder, Mailbox(folder, folder), records)
    )
    await asyncio.sleep(0.3)
    assert not importing.done()
    elsewhere.rename(database)
    journal.flush()
    await deliver_all(folder, sqlite_url)
    await importing
    journal.flush()
    await deliver_all(folder, sqlite_url)
    # The controller was killed before the records were deleted: the next one imports them again.
    await orphaned_rows.conclude_fallback(Records(folder, shared, "node1"), recorder, Mailbox(folder, folder), records)
    await shared.close()
    journal.close()
    await deliver_all(folder, sqlite_url)
    async with open_engine(sqlite_url) as engine:
        found = {name: (await call(engine, str(identity))).call for name, identity in ids.items()}
        async with reading(engine) as connection:
            cases = await connection.scalar(select(func.count()).select_from(CaseFile))
    assert {name: row.outcome for name, row in found.items()} == {
        "talked": "answered", "unknown": "fallback", "own": "fallback",
    }  # fmt: skip
    assert {name: (row.operator, row.path[-1]) for name, row in found.items()} == {
        "talked": ("1001", "fallback"), "unknown": ("1002", "fallback"), "own": ("1002", "fallback"),
    }  # fmt: skip
    assert found["talked"].path == ["menu", "queue", "survey", "fallback"]
    assert (found["talked"].queued, found["talked"].connected) == (answered["queued"], answered["connected"])
    assert {row.ended for row in found.values()} == {began + timedelta(seconds=120)}
    assert (found["unknown"].caller, found["unknown"].started) == ("+33612345678", began + timedelta(seconds=60))
    assert cases == 3  # each talked with an operator


def dialplan_record(name: str, started: datetime) -> FallbackCall:
    """Return the record of a call that an operator answered in the dialplan's queue."""
    nothing: dict[str, Any] = dict.fromkeys(FallbackCall.__dataclass_fields__) | {"illegible": ()}
    times = {
        "started": started,
        "queued": started + timedelta(seconds=10),
        "connected": started + timedelta(seconds=20),
    }
    ended = {"ended": started + timedelta(seconds=60), "end_known": True}
    known = {"id": f"node1-{name}", "status": Status.CONNECTED, "operator": "1002", "language": "fr"}
    return FallbackCall(**nothing | times | ended | known)


def test_a_call_has_its_outcome_on_the_disk_as_soon_as_the_message_that_was_found_for_it(folder: Path) -> None:
    facts: dict[str, Any] = dict.fromkeys(Call.__dataclass_fields__) | {"id": uuid7()}
    journal = Journal(folder, "node1")
    orphaned_records.record_message(
        Recorder(journal, FakeReferences(1)),
        Call(**facts),
        StoredMessage(uuid7(), "messages/found.wav", 2.0),
        "complaint",
        CaseKind.COMPLAINT,
    )
    written = "".join(path.read_text() for path in folder.glob("*.jsonl"))  # as if it were killed now
    assert "messages/found.wav" in written and '"outcome":"message"' in written
    journal.close()
