"""The queries of the command line and the controller."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from db import read, read_cases, references
from db.delivery import deliver_all
from db.engine import DatabaseError, async_engine
from db.ids import call_id, uuid7
from db.journal import Journal
from db.rows import NotFoundError

pytest_plugins = ["db_fixtures"]

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


class Writer:
    """Writes records to a journal and delivers them at once."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url

    async def __call__(self, *rows: tuple[str, dict[str, Any]], node: str = "rabat-1") -> None:
        journal = Journal(self.folder, node)
        for table, columns in rows:
            journal.put(table, **columns)
        journal.close()
        assert (await deliver_all(self.folder, self.url)).rejected == 0


@pytest.fixture
def tell(folder: Path, url: str) -> Writer:
    return Writer(folder, url)


async def test_a_call_in_json_is_as_documented(url: str, tell: Writer) -> None:
    made = call_id("rabat-1", "1.1", 1_764_072_000_000)
    await tell(
        ("call", {
            "id": made, "number": "+80000212", "caller": "+33612345678", "country": "FR", "language": "ar",
            "path": ["language", "main", "queue"], "outcome": "answered", "operator_id": "17",
            "case_reference": "100010018", "started": NOW, "line_answered": after(0.002), "queued": after(10),
            "connected": after(22.5), "ended": after(200),
        }),
    )  # fmt: skip
    engine = async_engine(url)
    [call] = await read.calls(engine)
    await engine.dispose()
    document = orjson.loads(orjson.dumps(call))
    assert list(document)[:15] == [
        "id", "number", "caller", "country", "language", "path", "outcome", "operator", "case", "wait_s", "started",
        "line_answered", "queued", "connected", "ended",
    ]  # fmt: skip
    assert document == {
        "id": str(made), "number": "+80000212", "caller": "+33612345678", "country": "FR", "language": "ar",
        "path": ["language", "main", "queue"], "outcome": "answered", "operator": "17", "case": "100010018",
        "wait_s": 12.5, "started": "2026-11-25T12:00:00+00:00", "line_answered": "2026-11-25T12:00:00.002000+00:00",
        "queued": "2026-11-25T12:00:10+00:00", "connected": "2026-11-25T12:00:22.500000+00:00",
        "ended": "2026-11-25T12:03:20+00:00", "topic": None, "live": True, "node": "rabat-1", "outgoing": False,
            "caller_raw": None,
    }  # fmt: skip


async def test_a_wait_ends_with_an_operator_with_leaving_the_queue_or_with_the_call(url: str, tell: Writer) -> None:
    ends: list[tuple[dict[str, datetime], float | None]] = [
        ({"queued": after(10), "connected": after(13), "dequeued": after(13), "ended": after(100)}, 3.0),
        ({"queued": after(10), "dequeued": after(40), "ended": after(100)}, 30.0),
        ({"queued": after(10), "ended": after(50)}, 40.0),
        ({"queued": after(10)}, None),
        ({"ended": after(5)}, None),
        ({"queued": after(10), "connected": after(4)}, 0.0),  # the clock was set back meanwhile
    ]
    await tell(*(("call", {"id": uuid7(), "started": after(n), **columns}) for n, (columns, _) in enumerate(ends)))
    engine = async_engine(url)
    assert [call.wait_s for call in reversed(await read.calls(engine))] == [wait for _, wait in ends]
    await engine.dispose()


async def test_the_last_calls_are_listed_newest_first(url: str, tell: Writer) -> None:
    await tell(*(("call", {"id": uuid7(), "started": after(n), "topic": str(n)}) for n in range(30)))
    engine = async_engine(url)
    assert [call.topic for call in await read.calls(engine, last=3)] == ["29", "28", "27"]
    assert len(await read.calls(engine)) == 20
    await engine.dispose()


async def test_a_calls_story_has_its_events_offers_and_decisions_in_order(url: str, tell: Writer) -> None:
    made, other, first, second = uuid7(), uuid7(), uuid7(), uuid7()
    await tell(
        ("call", {"id": made, "started": NOW}),
        ("call", {"id": other, "started": NOW}),
        ("call_event", {"call_id": made, "kind": "entered", "flow_node": "language"}),
        ("call_event", {"call_id": other, "kind": "entered", "flow_node": "language"}),
        ("call_event", {"call_id": made, "kind": "key", "data": {"key": "2"}}),
        ("decision", {"call_id": made, "kind": "offer", "operator_id": "17", "reason": "longest idle"}),
        ("offer", {"id": first, "call_id": made, "operator_id": "17", "offered": NOW, "epoch": 4}),
    )
    # The controller restarts with a clock that has gone back: later events still come later.
    await tell(
        ("call_event", {"call_id": made, "kind": "taken_over", "at": after(-3600)}),
        ("offer", {"id": first, "state": "no_answer", "ended": after(15)}),
        ("offer", {"id": second, "call_id": made, "operator_id": "18", "offered": after(15), "state": "accepted"}),
        ("pairing", {"id": uuid7(), "call_id": made, "operator_id": "18", "offer_id": second, "began": after(20)}),
    )
    engine = async_engine(url)
    story = await read.call(engine, made)
    await engine.dispose()
    assert story.call.id == made
    assert [event.kind for event in story.events] == ["entered", "key", "taken_over"]
    assert story.events[1].data == {"key": "2"}
    assert [(offer.operator_id, offer.state) for offer in story.offers] == [("17", "no_answer"), ("18", "accepted")]
    assert [decision.reason for decision in story.decisions] == ["longest idle"]
    assert [(pairing.operator_id, pairing.role) for pairing in story.pairings] == [("18", "operator")]
    assert orjson.loads(orjson.dumps(story))["events"][1]["data"] == {"key": "2"}


async def test_a_call_is_found_by_the_beginning_of_its_id(url: str, tell: Writer) -> None:
    ids = [UUID("0199f000-0000-7000-8000-00000000000a"), UUID("0199f000-0000-7000-9000-00000000000b")]
    await tell(*(("call", {"id": made, "started": NOW}) for made in ids))
    engine = async_engine(url)
    for beginning in ("0199f000-0000-7000-8", "0199F00000007000 8".replace(" ", ""), str(ids[0]), ids[0]):
        assert (await read.call(engine, beginning)).call.id == ids[0]
    for beginning, message in (
        ("0199f000-0000-7000-", "several calls have an id that begins with '0199f000-0000-7000-': use more of its"),
        ("0199f001", "no call has an id that begins with '0199f001': see `hatif calls`"),
        ("' OR 1", "is not the beginning of an id"),
        ("", "is not the beginning of an id"),
        ("0" * 33, "is not the beginning of an id"),
    ):
        with pytest.raises(NotFoundError) as raised:
            await read.call(engine, beginning)
        assert message in str(raised.value)
    await engine.dispose()


async def test_the_open_rows_of_a_node_do_not_include_those_of_others(url: str, tell: Writer) -> None:
    for node in ("rabat-1", "rabat-2"):
        going_on, over = uuid7(), uuid7()
        await tell(
            ("call", {"id": going_on, "started": NOW}),
            ("call", {"id": over, "started": NOW, "ended": NOW}),
            ("offer", {"id": uuid7(), "call_id": going_on, "operator_id": "1", "offered": NOW}),
            ("offer", {"id": uuid7(), "call_id": over, "operator_id": "1", "offered": NOW, "ended": NOW}),
            ("pairing", {"id": uuid7(), "call_id": going_on, "operator_id": node, "began": NOW}),
            ("pairing", {"id": uuid7(), "call_id": over, "operator_id": node, "began": NOW, "ended": NOW}),
            node=node,
        )
    engine = async_engine(url)
    left = await read.open_rows(engine, "rabat-2")
    await engine.dispose()
    assert [call.id for call in left.calls] == [going_on]
    assert [offer.call_id for offer in left.offers] == [going_on]
    assert [pairing.call_id for pairing in left.pairings] == [going_on]


async def test_cases_are_found_by_state_by_owner_and_by_reference(url: str, tell: Writer) -> None:
    made = [references.make_reference(1, number) for number in (1001, 1002, 1003)]
    await tell(
        ("case_file", {"reference": made[0], "kind": "enquiry", "opened": after(0), "owner": "17"}),
        ("case_file", {"reference": made[1], "kind": "complaint", "opened": after(1), "pin_hash": "secret"}),
        ("case_file", {"reference": made[2], "kind": "enquiry", "opened": after(2), "owner": "17", "state": "closed"}),
        ("case_note", {"id": uuid7(), "case_reference": made[1], "author": "17", "text": "second", "at": after(9)}),
        ("case_note", {"id": uuid7(), "case_reference": made[1], "author": "17", "text": "first", "at": after(5)}),
    )
    engine = async_engine(url)
    assert [case.reference for case in await read_cases.cases(engine)] == made[::-1]
    assert [case.reference for case in await read_cases.cases(engine, state="open", owner="17")] == [made[0]]
    case, notes = await read_cases.case(engine, references.format_reference(made[1]))
    assert (case.kind, case.state, [note.text for note in notes]) == ("complaint", "open", ["first", "second"])
    assert b"secret" not in orjson.dumps(case)
    with pytest.raises(NotFoundError, match="no case has the reference '100'"):
        await read_cases.case(engine, "100")
    await engine.dispose()


async def test_without_a_database_reads_raise_or_return_their_default(tmp_path: Path) -> None:
    engine = async_engine(f"sqlite:///{tmp_path}/none/hatif.db")
    with pytest.raises(DatabaseError, match="cannot be opened"):
        await read.calls(engine)
    await engine.dispose()
