"""A call that has ended becomes one trace with its own id, which says what happened and not who called."""

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from db.delivery import deliver_all
from db.ids import call_id, uuid7
from db.journal import Journal
from db.read import Call, calls
from ivr.cli.monitoring import trace_sender
from ivr.cli.monitoring.trace_sender import SETTLED, TraceSender
from ivr.model import clock

pytest_plugins = ["db_fixtures"]

BEGAN = datetime.fromisoformat("2026-11-28T12:00:00+00:00")
CALLER, REFERENCE = "+33612345678", "100000042"


def after(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def at(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(clock, "now", lambda: after(seconds))


async def tell(folder: Path, url: str, rows: list[tuple[str, dict[str, Any]]]) -> None:
    journal = Journal(folder, "node1")
    for table, columns in rows:
        journal.put(table, **columns)
    journal.close()
    assert (await deliver_all(folder, url)).rejected == 0


def answered(number: int, outcome: str = "answered") -> tuple[UUID, list[tuple[str, dict[str, Any]]]]:
    """Return a call of a minute: menu, queue, an offer that was missed, one that was taken."""
    call, missed, taken = call_id("node1", f"1.{number}", 1_790_000_000_000 + number), uuid7(), uuid7()
    event = {"call_id": call}
    rows: list[tuple[str, dict[str, Any]]] = [
        ("call", {
            "id": call, "number": "+33800212000", "caller": CALLER, "caller_raw": CALLER, "country": "FR",
            "language": "fr", "started": after(0), "queued": after(10), "connected": after(30), "ended": after(60),
            "outcome": outcome, "operator_id": "1018", "topic": "visa", "case_reference": REFERENCE,
        }),
        ("call_event", {**event, "at": after(1), "kind": "node", "flow_node": "main", "data": {"resumed": False}}),
        ("call_event", {**event, "at": after(2), "kind": "key", "flow_node": "main", "data": {"key": "7"}}),
        ("call_event", {**event, "at": after(10), "kind": "node", "flow_node": "queue", "data": {"resumed": True}}),
        ("offer", {"id": missed, **event, "epoch": 1, "operator_id": "1017", "state": "ringing", "offered": after(11)}),
        ("offer", {"id": missed, "state": "no_answer", "ended": after(26)}),
        ("offer", {"id": taken, **event, "epoch": 1, "operator_id": "1018", "state": "ringing", "offered": after(27)}),
        ("offer", {"id": taken, "state": "accepted", "ended": after(30)}),
        ("pairing", {
            "id": taken, **event, "operator_id": "1018", "offer_id": taken, "role": "operator", "began": after(30),
            "ended": after(59), "reason": "caller",
        }),
    ]  # fmt: skip
    return call, rows


class Collector:
    """What a collector received; `away`: it refuses."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, Any]] = []
        self.away = False

    def post(self, url: str, body: bytes) -> None:
        if self.away:
            raise OSError("connection refused")
        self.requests.append((url, json.loads(body)))

    def spans(self) -> Iterator[dict[str, Any]]:
        for _, request in self.requests:
            for resource in request["resourceSpans"]:
                for scope in resource["scopeSpans"]:
                    yield from scope["spans"]


def attributes(span: dict[str, Any]) -> dict[str, Any]:
    return {row["key"]: next(iter(row["value"].values())) for row in span["attributes"]}


@pytest.fixture
def collector() -> Collector:
    return Collector()


async def sends(sender: TraceSender) -> None:
    """Have a sender look once, in a thread as in `hatif monitor`."""
    await asyncio.to_thread(sender.send)


async def test_a_call_is_one_trace_with_its_nodes_wait_offers_and_conversation(
    tmp_path: Path, sqlite_url: str, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, 0)
    sender = TraceSender("http://127.0.0.1:4318/", lambda: sqlite_url, "1.0", collector.post)
    call, rows = answered(1)
    await tell(tmp_path / "journal", sqlite_url, rows)
    at(monkeypatch, 70)
    await sends(sender)
    assert [url for url, _ in collector.requests] == ["http://127.0.0.1:4318/v1/traces"]
    root, *others = collector.spans()
    assert {span["traceId"] for span in (root, *others)} == {call.hex}
    assert "parentSpanId" not in root and {span["parentSpanId"] for span in others} == {root["spanId"]}
    assert len({span["spanId"] for span in (root, *others)}) == len(others) + 1

    def times(span: dict[str, Any]) -> tuple[float, float]:
        began = int(BEGAN.timestamp())
        return tuple(int(span[key]) / 1e9 - began for key in ("startTimeUnixNano", "endTimeUnixNano"))  # type: ignore[return-value]

    assert [(span["name"], times(span)) for span in (root, *others)] == [
        ("call", (0, 60)),
        ("node main", (1, 10)),
        ("node queue", (10, 60)),
        ("wait", (10, 30)),
        ("offer", (11, 26)),
        ("offer", (27, 30)),
        ("conversation", (30, 59)),
    ]
    assert attributes(root)["hatif.outcome"] == "answered" and attributes(root)["hatif.wait_s"] == 20
    assert [attributes(span).get("hatif.offer") for span in others[3:5]] == ["no_answer", "accepted"]
    assert attributes(others[1]) == {"hatif.resumed": True} and "status" not in root


async def test_nobody_is_named_and_no_key_is_told(
    tmp_path: Path, sqlite_url: str, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, 0)
    sender = TraceSender("http://127.0.0.1:4318", lambda: sqlite_url, "1.0", collector.post)
    await tell(tmp_path / "journal", sqlite_url, answered(1)[1])
    at(monkeypatch, 70)
    await sends(sender)
    text = json.dumps(collector.requests)
    assert CALLER[1:] not in text and REFERENCE not in text and '"7"' not in text


async def test_a_call_that_failed_is_an_error(
    tmp_path: Path, sqlite_url: str, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, 0)
    sender = TraceSender("http://127.0.0.1:4318", lambda: sqlite_url, "1.0", collector.post)
    await tell(tmp_path / "journal", sqlite_url, answered(1, "fallback")[1])
    at(monkeypatch, 70)
    await sends(sender)
    assert next(collector.spans())["status"] == {"code": 2, "message": "fallback"}


async def test_each_call_is_sent_once_and_only_when_its_last_records_are_there(
    tmp_path: Path, sqlite_url: str, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, 0)
    sender = TraceSender("http://127.0.0.1:4318", lambda: sqlite_url, "1.0", collector.post)
    await tell(tmp_path / "journal", sqlite_url, answered(1)[1])
    at(monkeypatch, 60 + SETTLED.total_seconds() / 2)
    await sends(sender)
    assert not collector.requests
    at(monkeypatch, 70)
    await sends(sender)
    await sends(sender)
    assert (len(collector.requests), sender.sent) == (1, 1)
    await tell(tmp_path / "journal", sqlite_url, answered(2)[1])  # it came late
    at(monkeypatch, 300)
    await sends(sender)
    assert (len(collector.requests), sender.sent) == (2, 2)


async def test_a_collector_that_was_away_gets_what_it_missed_and_the_lines_own_calls_are_left_out(
    tmp_path: Path, sqlite_url: str, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, 0)
    sender = TraceSender("http://127.0.0.1:4318", lambda: sqlite_url, "1.0", collector.post)
    _, rows = answered(1)
    test, of_test = answered(2)
    await tell(tmp_path / "journal", sqlite_url, [*rows, *of_test, ("call", {"id": test, "live": False})])
    collector.away = True
    for seconds in (70, 2000):
        at(monkeypatch, seconds)
        with pytest.raises(OSError, match="refused"):
            await sends(sender)
    collector.away = False
    at(monkeypatch, 2010)
    await sends(sender)
    assert sender.sent == 1


async def test_many_calls_that_wait_are_read_once_and_sent_in_several_requests(
    tmp_path: Path, sqlite_url: str, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, 0)
    sender = TraceSender("http://127.0.0.1:4318", lambda: sqlite_url, "1.0", collector.post)
    await tell(tmp_path / "journal", sqlite_url, [row for number in range(3) for row in answered(number)[1]])
    lists = []

    async def counted(*arguments: Any) -> list[Call]:
        lists.append(await calls(*arguments))
        return lists[-1]

    monkeypatch.setattr(trace_sender, "calls", counted)
    monkeypatch.setattr(trace_sender, "AT_ONCE", 2)
    at(monkeypatch, 70)
    await sends(sender)
    assert (len(lists), len(collector.requests), sender.sent) == (1, 2, 3)


async def test_calls_from_before_the_start_are_not_sent(
    tmp_path: Path, sqlite_url: str, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tell(tmp_path / "journal", sqlite_url, answered(1)[1])
    at(monkeypatch, 61)
    sender = TraceSender("http://127.0.0.1:4318", lambda: sqlite_url, "1.0", collector.post)
    at(monkeypatch, 90)
    await sends(sender)
    assert not collector.requests
