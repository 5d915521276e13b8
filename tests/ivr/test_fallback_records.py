"""The dialplan's records in AstDB are read completely, and nothing in them stops the controller."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.asterisk.ami import Ami
from ivr.asterisk.fallback_records import Status, parse
from ivr.call.first_state import call_id_of
from ivr.controller.fallback_import import calls_in_fallback
from ivr.records.call_conclusion import conclude

AT = datetime(2026, 11, 25, 13, 0, tzinfo=UTC)


def epoch(seconds: int) -> str:
    return str(int((AT + timedelta(seconds=seconds)).timestamp()))


def record(identity: str, **fields: str) -> dict[str, str]:
    whole = {
        "started": epoch(0),
        "status": "connected",
        "number": "+33800000001",
        "caller": "+33612345678",
        "country": "FR",
        "language": "fr",
        "topic": "",
        "call": "019ab5d2-0000-7000-8000-000000000001",
        "queued": epoch(7),
        "connected": epoch(20),
        "operator": "op1",
        "ended": epoch(60),
    } | fields
    return {f"{identity}/{name}": value for name, value in whole.items() if value != "-"}


def test_an_ended_call_is_read_completely() -> None:
    (call,) = parse(record("node1-1795613040.0")).calls
    assert (call.id, call.status, call.operator, call.topic) == ("node1-1795613040.0", Status.CONNECTED, "op1", None)
    assert (call.started, call.queued, call.connected, call.ended) == tuple(
        AT + timedelta(seconds=s) for s in (0, 7, 20, 60)
    )
    assert (call.number, call.caller, call.country, call.language) == ("+33800000001", "+33612345678", "FR", "fr")


def test_a_call_that_waited_for_a_stopped_controller_began_with_its_channel() -> None:
    born = epoch(-5)
    (call,) = parse(record(f"node1-{born}.7", queued="-", connected="-", status="trying")).calls
    assert (call.started, call.answered) == (AT - timedelta(seconds=5), AT)
    end = conclude(None, (), call, call.ended)
    assert (end.started, end.line_answered, end.ended) == (call.started, AT, AT + timedelta(seconds=60))


def test_a_call_that_is_up_is_left_alone() -> None:
    records = parse(record("a.1", ended="-") | record("a.2"))
    assert (records.open, [call.id for call in records.calls]) == (["a.1"], ["a.2"])


def test_a_call_that_was_cut_with_asterisk_ends_at_its_last_recorded_instant() -> None:
    tree = record("a.1", ended="-") | record("a.2", ended="-")
    records = parse(tree, live={"a.1"})
    assert records.open == ["a.1"]
    (call,) = records.calls
    assert (call.id, call.ended, call.end_known) == ("a.2", AT + timedelta(seconds=20), False)


def test_a_call_that_the_controller_had_taken_when_asterisk_went_down_is_left_to_the_controller() -> None:
    tree = record("a.1", status="taken", ended="-") | record("a.2", status="taken", ended="-") | {"a.3/status": "taken"}
    records = parse(tree, live={"a.1"})
    assert (records.open, records.taken, records.calls, records.broken) == (["a.1"], ["a.2", "a.3"], [], {})


@pytest.mark.parametrize(
    ("channel", "same"), [("1795613040.7", True), ("node-1-1795613040.7", True), ("made-up", False)]
)
def test_the_fallbacks_record_and_the_controller_give_a_call_the_same_id(channel: str, same: bool) -> None:
    """One knows its beginning to the second, the other to the millisecond, and the instants differ."""
    ids = {call_id_of("node1", channel, AT + timedelta(seconds=late)) for late in (0, 0.25, 12)}
    assert (len(ids) == 1) is same
    assert call_id_of("node2", channel, AT) not in ids


def test_a_clock_that_was_set_back_loses_no_call() -> None:
    (call,) = parse(record("a.1", queued=epoch(-5), connected=epoch(-3), ended=epoch(-1))).calls
    assert call.started == call.queued == call.connected == call.ended == AT


@pytest.mark.parametrize(
    ("changed", "legible"),
    [
        ({"status": "x"}, {"status": Status.CONNECTED}),
        ({"status": "-", "connected": "-", "operator": "-"}, {"status": Status.WAITING}),
        ({"status": "-", "queued": "-", "connected": "-"}, {"status": Status.TRYING}),
        ({"started": "yesterday"}, {"started": AT + timedelta(seconds=7)}),
        ({"started": "-", "queued": "-", "connected": "\x00"}, {"started": AT + timedelta(seconds=60)}),
        ({"operator": "-"}, {"operator": None, "status": Status.CONNECTED}),
        ({"connected": "-"}, {"connected": AT + timedelta(seconds=60), "status": Status.CONNECTED}),
        ({"country": "France"}, {"country": None, "caller": "+33612345678"}),
        ({"caller": "1\r\n2"}, {"caller": None, "country": "FR"}),
        ({"ended": "0"}, {"ended": AT + timedelta(seconds=20), "end_known": False}),
    ],
)
def test_of_a_record_that_a_full_disk_has_torn_the_legible_part_is_a_call(
    changed: dict[str, str], legible: dict[str, object]
) -> None:
    records = parse(record("a.1", **changed))
    (call,) = records.calls
    assert not records.broken
    assert {name: getattr(call, name) for name in legible} == legible


def test_a_unique_id_and_an_end_are_a_call() -> None:
    born = int(AT.timestamp())
    records = parse({f"node1-{born}.7/ended": epoch(60), f"node1-{born}.8/language": "fr"}, live=())
    cut, ended = records.calls if not records.calls[0].end_known else records.calls[::-1]
    assert (ended.started, ended.ended, ended.status, ended.caller) == (AT, AT + timedelta(seconds=60), "trying", None)
    assert (cut.started, cut.ended, cut.language) == (AT, AT, "fr")
    assert set(ended.illegible) == {"started", "status"}


def test_what_is_not_even_an_id_with_an_instant_is_reported_and_the_others_are_read() -> None:
    records = parse(record("a.9") | record("a b") | {"a.3/status": "x", "a.4/ended": "soon"}, live=())
    assert [call.id for call in records.calls] == ["a.9"]
    assert set(records.broken) == {"a b", "a.3", "a.4"}
    assert "no instant" in records.broken["a.3"]


@given(st.dictionaries(st.text(max_size=30) | st.sampled_from(list(record("a.1"))), st.text(max_size=30), max_size=30))
def test_nothing_in_astdb_stops_the_import(tree: dict[str, str]) -> None:
    parse(record("a.1") | tree)
    parse(tree, live=())


async def test_without_the_manager_link_the_dialplan_is_not_taken_to_have_no_calls() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await calls_in_fallback(Ami("127.0.0.1", 1, "nobody", ""), cast(Any, None))
