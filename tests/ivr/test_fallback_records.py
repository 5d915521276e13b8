"""What the dialplan left in AstDB is read back whole, and nothing that it might find there stops the controller."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.ami import Ami
from ivr.beginning import identity_of
from ivr.fallback import calls_in_fallback
from ivr.fallback_records import Status, parse

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


def test_an_ended_call_is_read_whole() -> None:
    (call,) = parse(record("node1-1795613040.0")).calls
    assert (call.id, call.status, call.operator, call.topic) == ("node1-1795613040.0", Status.CONNECTED, "op1", None)
    assert (call.started, call.queued, call.connected, call.ended) == tuple(
        AT + timedelta(seconds=s) for s in (0, 7, 20, 60)
    )
    assert (call.number, call.caller, call.country, call.language) == ("+33800000001", "+33612345678", "FR", "fr")


def test_a_call_that_goes_on_is_left_alone() -> None:
    records = parse(record("a.1", ended="-") | record("a.2"))
    assert (records.open, [call.id for call in records.calls]) == (["a.1"], ["a.2"])


def test_a_call_that_asterisk_took_with_it_has_ended_when_it_was_last_heard_of() -> None:
    tree = record("a.1", ended="-") | record("a.2", ended="-")
    records = parse(tree, live={"a.1"})
    assert records.open == ["a.1"]
    (call,) = records.calls
    assert (call.id, call.ended, call.end_known) == ("a.2", AT + timedelta(seconds=20), False)


def test_a_call_that_the_controller_had_taken_when_asterisk_went_down_is_not_the_dialplans() -> None:
    tree = record("a.1", status="taken", ended="-") | record("a.2", status="taken", ended="-") | {"a.3/status": "taken"}
    records = parse(tree, live={"a.1"})
    assert (records.open, records.taken, records.calls, records.broken) == (["a.1"], ["a.2", "a.3"], [], {})


@pytest.mark.parametrize(
    ("channel", "same"), [("1795613040.7", True), ("node-1-1795613040.7", True), ("made-up", False)]
)
def test_the_fallbacks_record_and_the_controller_give_a_call_the_same_id(channel: str, same: bool) -> None:
    """They know its beginning to the second and to the millisecond, and not the same one."""
    ids = {identity_of("node1", channel, AT + timedelta(seconds=late)) for late in (0, 0.25, 12)}
    assert (len(ids) == 1) is same
    assert identity_of("node2", channel, AT) not in ids


def test_a_clock_that_was_set_back_loses_no_call() -> None:
    (call,) = parse(record("a.1", queued=epoch(-5), connected=epoch(-3), ended=epoch(-1))).calls
    assert call.started == call.queued == call.connected == call.ended == AT


def test_a_broken_record_is_reported_and_the_others_are_read() -> None:
    broken = {
        "a.1": {"status": "x"},
        "a.2": {"started": "yesterday"},
        "a.3": {"operator": "-"},
        "a.4": {"country": "France"},
        "a.5": {"started": "-"},
        "a.6": {"ended": "0"},
        "a b": {},
    }
    tree = record("a.9")
    for identity, fields in broken.items():
        tree |= record(identity, **fields)
    records = parse(tree)
    assert [call.id for call in records.calls] == ["a.9"]
    assert set(records.broken) == set(broken)
    assert "yesterday" in records.broken["a.2"]


@given(st.dictionaries(st.text(max_size=30) | st.sampled_from(list(record("a.1"))), st.text(max_size=30), max_size=30))
def test_nothing_in_astdb_stops_the_import(tree: dict[str, str]) -> None:
    parse(record("a.1") | tree)
    parse(tree, live=())


async def test_without_the_managers_link_it_is_not_said_that_the_dialplan_has_no_calls() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await calls_in_fallback(Ami("127.0.0.1", 1, "nobody", ""), cast(Any, None))
