"""Every record becomes the right row in the database, whatever else is in the journal."""

# A test may block its own loop.
# ruff: noqa: ASYNC240

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from db_helpers import count, rejected, rows

from db.deliverer import Deliverer
from db.delivery import DeliveryCounts, deliver_all, lag
from db.engine import open_engine
from db.ids import call_id, uuid7
from db.journal import Journal
from db.tables import UNJOURNALLED, Call, CallEvent, Decision, Pairing, Shift, Table

pytest_plugins = ["db_fixtures"]

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


# What a record becomes


async def test_later_records_change_only_the_columns_that_they_name(folder: Path, url: str) -> None:
    journal = Journal(folder, "rabat-1")
    made = uuid7()
    journal.put("call", id=made, started=NOW, number="+80000212", caller="+33612345678", path=["entry"], live=False)
    journal.close()
    assert await deliver_all(folder, url) == DeliveryCounts(1, 0)
    journal = Journal(folder, "rabat-2")
    journal.put("call", id=made, language="fr", path=["entry", "language"])
    journal.put("call", id=made, queued=NOW + timedelta(seconds=3), language="ar")
    journal.close()
    assert await deliver_all(folder, url) == DeliveryCounts(2, 0)
    [call] = await rows(url, Call)
    assert (call.id, call.number, call.caller, call.live) == (made, "+80000212", "+33612345678", False)
    assert (call.language, call.path, call.started) == ("ar", ["entry", "language"], NOW)
    assert call.queued == NOW + timedelta(seconds=3)
    assert call.node == "rabat-1", "a later writer is not the row's node"


async def test_a_call_that_begins_once_more_keeps_when_it_was_answered_and_learns_it_only_if_nobody_knew(
    folder: Path, url: str
) -> None:
    known, lost = uuid7(), uuid7()
    journal = Journal(folder, "rabat-1")
    for made in (known, lost):
        journal.put("call", id=made, started=NOW)
    journal.put("call", id=known, line_answered=NOW + timedelta(seconds=3))
    journal.close()
    await deliver_all(folder, url)
    journal = Journal(folder, "rabat-1")  # the next controller, which goes on with both
    for made in (known, lost):
        journal.put("call", id=made, started=NOW, line_answered=NOW)
    journal.close()
    await deliver_all(folder, url)
    answered = {call.id: call.line_answered for call in await rows(url, Call)}
    assert answered == {known: NOW + timedelta(seconds=3), lost: NOW}


async def test_events_get_key_and_instant_from_the_journal(folder: Path, url: str) -> None:
    journal = Journal(folder, "rabat-1")
    made = uuid7()
    journal.put("call_event", call_id=made, kind="key", flow_node="main", data={"key": "3"})
    journal.put("decision", call_id=made, operator_id="17", kind="offer", reason="longest waiting", at=NOW)
    journal.close()
    await deliver_all(folder, url)
    [event] = await rows(url, CallEvent)
    [decision] = await rows(url, Decision)
    assert (event.node, event.boot, event.seq, event.data) == ("rabat-1", journal.boot, 1, {"key": "3"})
    assert abs(event.at - datetime.now(UTC)) < timedelta(seconds=10)
    assert (decision.seq, decision.at, decision.data) == (2, NOW, {})


async def test_every_journalled_table_accepts_a_record_with_all_columns(folder: Path, url: str) -> None:
    """One record for each table, with every column."""
    journal = Journal(folder, "n")
    samples: dict[str, Any] = {
        "TEXT": "x",
        "INTEGER": 3,
        "BIGINT": 3,
        "BOOLEAN": True,
        "DATE": NOW.date(),
        "CHAR(32)": uuid7(),
    }
    words = {
        "outcome": None, "kind": None, "state": None, "role": "operator", "reference": "100000012",
        "case_reference": "100000012", "country": "FR", "day": None,
    }  # fmt: skip
    kinds = {"case_file": "enquiry", "callback": "waiting", "hours_override": "open"}
    states = {"case_file": "open", "callback": "wished", "offer": "ringing", "operator_state": "ready"}
    outcomes = {"call": "answered", "callback_try": "reached", "guide_request": "sent"}
    records = 0
    for name, table in Table.metadata.tables.items():
        if name in UNJOURNALLED:
            continue
        row: dict[str, Any] = {}
        for column in table.c:
            match str(column.type):
                case "DATETIME" | "TIMESTAMP":
                    row[column.name] = NOW
                case "JSON":
                    changed = {"title": "Another"} if name == "case_change" else {}
                    row[column.name] = [] if column.name in ("path", "topics") else changed
                case kind:
                    row[column.name] = samples.get(kind, "xx")
            if column.name in words:
                row[column.name] = words[column.name]
        if "kind" in row:
            row["kind"] = kinds.get(name, "x")
        if "state" in row:
            row["state"] = states[name]
        if "outcome" in row:
            row["outcome"] = outcomes[name]
        if name == "case_file":
            row["priority"] = "high"
        if name == "case_change":
            row["version"] = 2  # not the case's, or it would be made, and have no row
        journal.put(name, **row)
        records += 1
    journal.close()
    assert (await deliver_all(folder, url), rejected(folder)) == (DeliveryCounts(records, 0), [])
    for name, table in Table.metadata.tables.items():
        # What was not made of a case is also a note of it, and in the audit.
        more = name in ("case_note", "audit")
        assert await count(url, table) == (name not in UNJOURNALLED or name == "journal_position") + more


async def test_an_operator_can_be_paired_again_as_soon_as_they_are_free(folder: Path, url: str) -> None:
    """The partial unique indexes see the rows in the order in which they were put, whatever the groups."""
    journal = Journal(folder, "n")
    last = None
    for turn in range(40):
        pairing = uuid7()
        journal.put("pairing", id=uuid7(), call_id=uuid7(), operator_id=f"other-{turn}", began=NOW)
        if last is not None and turn % 2:
            journal.put("pairing", id=last, ended=NOW)
        elif last is not None:
            journal.put("pairing", id=last, ended=NOW, reason="caller")
        journal.put("pairing", id=pairing, call_id=uuid7(), operator_id="17", began=NOW)
        last = pairing
        if turn == 10:
            journal.flush()
            await deliver_all(folder, url)
    journal.close()
    await deliver_all(folder, url)
    assert rejected(folder) == []
    mine = [row for row in await rows(url, Pairing, Pairing.id) if row.operator_id == "17"]
    assert [row.ended is None for row in mine] == [False] * 39 + [True]


@pytest.mark.parametrize("together", [True, False])
async def test_a_new_pairing_ends_the_open_ones_of_its_operator_and_of_its_call(
    folder: Path, url: str, *, together: bool
) -> None:
    journal, calls, later = Journal(folder, "n"), [uuid7() for _ in range(3)], NOW + timedelta(minutes=1)
    first, second = uuid7(), uuid7()
    journal.put("pairing", id=first, call_id=calls[0], operator_id="17", began=NOW)
    journal.put("pairing", id=second, call_id=calls[1], operator_id="18", began=NOW)
    journal.put("pairing", id=uuid7(), call_id=calls[0], operator_id="20", began=NOW, role="interpreter")
    if not together:  # with what a later controller records
        journal.close()
        assert await deliver_all(folder, url) == DeliveryCounts(3, 0)
        journal = Journal(folder, "n")
    journal.put("pairing", id=uuid7(), call_id=calls[2], operator_id="17", began=later)  # the operator of the first
    journal.put("pairing", id=uuid7(), call_id=calls[1], operator_id="19", began=later)  # the call of the second
    journal.put("pairing", id=second, ended=NOW + timedelta(seconds=5), reason="caller")  # found out afterwards
    journal.close()
    assert (await deliver_all(folder, url)).rejected == 0
    ended = {row.operator_id: (row.ended, row.reason) for row in await rows(url, Pairing) if row.ended is not None}
    assert ended == {"17": (later, "lost"), "18": (NOW + timedelta(seconds=5), "caller")}
    assert sorted(row.operator_id for row in await rows(url, Pairing) if row.ended is None) == ["17", "19", "20"]


async def test_later_records_also_change_rows_with_a_key_of_two_columns(folder: Path, url: str) -> None:
    journal = Journal(folder, "n")
    journal.put("shift", operator_id="17", begins=NOW, ends=NOW + timedelta(hours=8))
    journal.close()
    await deliver_all(folder, url)
    journal = Journal(folder, "n")
    journal.put("shift", operator_id="17", begins=NOW, cancelled=NOW)
    journal.put("shift", operator_id="18", begins=NOW, cancelled=NOW)
    journal.close()
    assert await deliver_all(folder, url) == DeliveryCounts(1, 1)
    [shift] = await rows(url, Shift)
    assert (shift.ends, shift.cancelled) == (NOW + timedelta(hours=8), NOW)


# Bad input


async def test_undeliverable_lines_are_set_aside_once_and_the_rest_is_delivered(
    folder: Path, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(folder, "rabat-1")
    ids = [uuid7() for _ in range(8)]
    for made in ids:
        journal.put("call", id=made, started=NOW)
    journal.flush()
    [file] = folder.glob("*.jsonl")

    def line(seq: int, table: str, row: object) -> bytes:
        return orjson.dumps({"seq": seq, "at": NOW, "table": table, "row": row}) + b"\n"

    bad = [
        b"\xff\xfe garbage \x00\x01\n",
        b"\n",
        b'{"seq":"one","row":{}}\n',
        line(20, "moods", {}),
        line(21, "call", {"id": str(ids[0]), "colour": "red"}),
        line(22, "call", {"id": "17", "started": NOW}),
        line(23, "call", {"id": str(uuid7()), "started": "2026-11-25T12:00:00"}),
        line(24, "call", {"id": str(uuid7()), "started": NOW, "hangup_cause": "busy"}),
        line(25, "call", {"id": str(uuid7()), "started": NOW, "hangup_cause": 2**31}),
        line(26, "call", {"id": str(uuid7()), "started": NOW, "country": "France"}),
        line(27, "call", {"started": NOW}),
        line(28, "call", {"id": str(uuid7()), "started": NOW, "path": {"a": 1}}),
    ]
    refused = [
        line(30, "call", {"id": str(uuid7()), "started": NOW, "outcome": "lost"}),
        line(32, "pairing", {"id": str(uuid7()), "reason": "caller"}),
        line(33, "offer", {"id": str(uuid7()), "call_id": str(uuid7()), "offered": NOW}),
    ]
    good = [line(number, "call", {"id": str(uuid7()), "started": NOW}) for number in (29, 31, 34, 35)]
    with file.open("ab") as handle:
        handle.write(b"".join(bad) + good[0] + refused[0] + good[1] + refused[1] + refused[2] + good[2])
        handle.write(b"\x00\x00\x00 the rest of a torn line " + good[3])
    assert await deliver_all(folder, url) == DeliveryCounts(12, 15)
    assert await count(url, Call) == 12
    aside = rejected(folder)
    assert sum(len(found["lines"]) for found in aside) == 15
    assert {found["file"] for found in aside} == {file.name}
    reasons = " | ".join(found["reason"] for found in aside)
    assert "no record in" in reasons
    assert "a new one needs began, call_id, operator_id" in reasons
    assert len(caplog.records) == len(aside) == 4
    caplog.clear()
    assert await deliver_all(folder, url) == DeliveryCounts(0, 0)
    assert caplog.records == []
    journal.put("call", id=uuid7(), started=NOW)
    journal.close()
    assert await deliver_all(folder, url) == DeliveryCounts(0, 0), "seq 9 comes after 35, so it counts as delivered"


async def test_a_call_whose_beginning_was_garbled_has_a_row_with_all_that_is_legible(folder: Path, url: str) -> None:
    journal = Journal(folder, "rabat-1")
    began = datetime(2026, 12, 2, 9, tzinfo=UTC)
    calls = [call_id("rabat-1", f"rabat-1-1795613040.{number}", int(began.timestamp() * 1000)) for number in range(2)]
    journal.put("call", id=calls[0], started=began, number="+80000212", caller="+33612345678")
    journal.put("call_event", call_id=calls[0], kind="node", flow_node="queue")
    journal.put("call", id=calls[0], queued=began + timedelta(seconds=4))
    journal.put("call", id=calls[1], started=began)
    journal.flush()
    [file] = folder.glob("*.jsonl")
    header, first, *rest = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(header + b"\x00" * (len(first) - 1) + b"\n" + b"".join(rest))
    journal.put("call", id=calls[0], outcome="answered", ended=began + timedelta(seconds=60), path=["queue"])
    journal.close()
    assert await deliver_all(folder, url) == DeliveryCounts(4, 1)
    found = {call.id: call for call in await rows(url, Call)}
    assert found.keys() == set(calls)
    call = found[calls[0]]
    assert (call.started, call.queued, call.node) == (began, began + timedelta(seconds=4), "rabat-1")
    assert (call.outcome, call.ended, call.path) == ("answered", began + timedelta(seconds=60), ["queue"])


async def test_a_line_torn_by_a_kill_is_set_aside_after_its_writer_is_gone(folder: Path, sqlite_url: str) -> None:
    journal = Journal(folder, "n")
    for _ in range(3):
        journal.put("call_event", call_id=uuid7(), kind="key")
    journal.flush()
    [file] = folder.glob("*.jsonl")
    with file.open("ab") as handle:
        handle.write(b'{"seq":4,"at":"2026-11-25T12:00:00Z","table":"call_ev')
    assert await deliver_all(folder, sqlite_url) == DeliveryCounts(3, 0)
    assert file.exists(), "its writer may still write the rest"
    journal.close()
    assert await deliver_all(folder, sqlite_url) == DeliveryCounts(0, 1)
    assert "an incomplete line" in rejected(folder)[0]["reason"]
    assert not file.exists()


async def test_a_complete_record_without_newline_is_delivered(folder: Path, sqlite_url: str) -> None:
    journal = Journal(folder, "n")
    journal.put("call_event", call_id=uuid7(), kind="key")
    journal.put("call_event", call_id=uuid7(), kind="key")
    journal.close()
    [file] = folder.glob("*.jsonl")
    file.write_bytes(file.read_bytes()[:-1])
    assert await deliver_all(folder, sqlite_url) == DeliveryCounts(2, 0)
    assert list(folder.glob("*.jsonl")) == []


async def test_a_file_with_an_invalid_first_line_is_set_aside_as_a_whole(folder: Path, sqlite_url: str) -> None:
    for strange in (b"", b"\x00" * 5000, b'{"journal":2,"node":"n"}\n', b"[]\n"):
        folder.mkdir(exist_ok=True)
        (folder / f"{uuid7()}.000001.jsonl").write_bytes(strange)
    (folder / "notes.txt").write_text("not ours")
    journal = Journal(folder, "n")
    journal.put("call_event", call_id=uuid7(), kind="key")
    journal.close()
    assert await deliver_all(folder, sqlite_url) == DeliveryCounts(1, 4)
    assert len(list((folder / "rejected").glob("*.jsonl"))) == 4
    assert (folder / "notes.txt").exists()


@pytest.mark.parametrize("left", [b"", b'{"journal":1,"no', b'{"journal":1,"no\n', b"\xff\n"])
async def test_records_after_a_torn_first_line_are_delivered(folder: Path, sqlite_url: str, left: bytes) -> None:
    journal = Journal(folder, "n")
    for _ in range(3):
        journal.put("call_event", call_id=uuid7(), kind="key")
    journal.close()
    (file,) = folder.glob("*.jsonl")
    file.write_bytes(left + file.read_bytes().partition(b"\n")[2])
    assert (await lag(folder, sqlite_url)).records >= 3
    async with open_engine(sqlite_url) as engine:
        deliverer = Deliverer(folder, engine, "n")
        await deliverer.deliver()
    assert deliverer.records == 3 and not list(folder.glob("*.jsonl"))
    assert len(list((folder / "rejected").glob("*.json"))) == (1 if left.endswith(b"\n") else 0)


async def test_characters_that_a_database_cannot_store_are_replaced(folder: Path, url: str) -> None:
    journal = Journal(folder, "n")
    journal.put("call", id=uuid7(), started=NOW, caller="a\x00b")
    journal.put("call_event", call_id=uuid7(), kind="key", data={"name": "\x00", "ع": "\x1b\r\u2028"})
    journal.close()
    assert await deliver_all(folder, url) == DeliveryCounts(2, 0)
    assert (await rows(url, Call))[0].caller == "a\ufffdb"
    assert (await rows(url, CallEvent))[0].data == {"name": "\ufffd", "ع": "\x1b\r\u2028"}


async def test_records_after_megabytes_without_a_newline_are_delivered(folder: Path, sqlite_url: str) -> None:
    journal = Journal(folder, "n")
    journal.put("call_event", call_id=uuid7(), kind="key")
    journal.flush()
    with next(folder.glob("*.jsonl")).open("ab") as handle:
        handle.write(b"x" * 5_000_000 + b"\n")
    journal.put("call_event", call_id=uuid7(), kind="key")
    journal.close()
    assert (await deliver_all(folder, sqlite_url)).records == 2


# Files


async def test_delivered_files_are_deleted_once_their_writer_has_ended(folder: Path, sqlite_url: str) -> None:
    dead = Journal(folder, "n", rotate_bytes=1000)
    living = Journal(folder, "n")
    for _ in range(20):
        dead.put("call_event", call_id=uuid7(), kind="key")
        living.put("call_event", call_id=uuid7(), kind="key")
        dead.flush()
        living.flush()
    dead.close()
    assert await deliver_all(folder, sqlite_url) == DeliveryCounts(40, 0)
    [kept] = folder.glob("*.jsonl")
    assert kept.name.startswith(str(living.boot))
    living.put("call_event", call_id=uuid7(), kind="key")
    living.close()
    assert await deliver_all(folder, sqlite_url) == DeliveryCounts(1, 0)
    assert list(folder.glob("*.jsonl")) == []
    assert await count(sqlite_url, CallEvent) == 41


async def test_delivering_a_file_again_changes_nothing(folder: Path, url: str) -> None:
    journal = Journal(folder, "n")
    made = uuid7()
    journal.put("call", id=made, started=NOW, language="fr")
    journal.put("call", id=made, language="ar")
    journal.close()
    [file] = folder.glob("*.jsonl")
    content = file.read_bytes()
    await deliver_all(folder, url)
    later = Journal(folder, "n")
    later.put("call", id=made, language="de")
    later.close()
    file.write_bytes(content)
    await deliver_all(folder, url)
    assert (await rows(url, Call))[0].language == "de"


async def test_the_lag_counts_undelivered_records(folder: Path, url: str) -> None:
    assert (await lag(folder, url)).records == 0
    journal = Journal(folder, "n")
    for _ in range(3):
        journal.put("call_event", call_id=uuid7(), kind="key")
    journal.flush()
    await asyncio.sleep(0.2)
    behind = await lag(folder, url)
    assert behind.records == 3
    assert behind.bytes > 300
    assert 0.2 <= behind.seconds < 5
    await deliver_all(folder, url)
    assert await lag(folder, url) == type(behind)(0, 0, 0.0)
    journal.close()


async def test_the_lag_knows_the_oldest_record_of_all_writers_however_late_it_is_asked(
    folder: Path, sqlite_url: str
) -> None:
    controller, command = Journal(folder, "n"), Journal(folder, "n")
    command.put("call_event", call_id=uuid7(), kind="key")
    command.close()
    began = time.time()
    controller.put("call_event", call_id=uuid7(), kind="key")
    controller.flush()
    behind = await lag(folder, sqlite_url)
    assert behind.records == 2 and behind.has_from_before(began)
    await deliver_all(folder, sqlite_url)
    controller.put("call_event", call_id=uuid7(), kind="key")
    controller.close()
    behind = await lag(folder, sqlite_url)
    assert behind.records == 1 and not behind.has_from_before(began)
