"""One OpenTelemetry trace for each call that has ended, made from its records, so that no call waits for it.

The trace has the call's own id. Numbers of callers, keys, PINs and texts are in none.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from db.read import CallStory

_INTERNAL, _SERVER, _CLIENT = 1, 2, 3
_ERROR = 2
_FAILED = ("failed", "fallback")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Span = dict[str, Any]


def export_request(stories: Iterable[CallStory], version: str) -> dict[str, Any]:
    """Return the request that sends the traces of calls to a collector (OTLP as JSON)."""
    by_node: dict[str, list[Span]] = {}
    for story in stories:
        by_node.setdefault(story.call.node, []).extend(spans(story))
    return {
        "resourceSpans": [
            {
                "resource": {
                    "attributes": _attributes(
                        {"service.name": "hatif", "service.version": version, "service.instance.id": node}
                    )
                },
                "scopeSpans": [{"scope": {"name": "hatif", "version": version}, "spans": found}],
            }
            for node, found in by_node.items()
        ]
    }


def spans(story: CallStory) -> list[Span]:
    """Return the spans of a call that has ended: the call, its nodes, its wait, its offers and its conversations."""
    return list(_Trace(story).spans())


class _Trace:
    def __init__(self, story: CallStory) -> None:
        self._story, self._call = story, story.call
        assert self._call.ended is not None
        self._ended = self._call.ended
        self._root = self._id("call")

    def spans(self) -> Iterator[Span]:
        call = self._call
        about = {
            "hatif.number": call.number,
            "hatif.country": call.country,
            "hatif.language": call.language,
            "hatif.topic": call.topic,
            "hatif.outcome": call.outcome,
            "hatif.operator": call.operator,
            "hatif.wait_s": call.wait_s,
            "hatif.outgoing": call.outgoing,
        }
        root = self._span("call", "call", call.started, self._ended, about, kind=_CLIENT if call.outgoing else _SERVER)
        del root["parentSpanId"]
        if call.outcome in _FAILED:
            root["status"] = {"code": _ERROR, "message": call.outcome}
        yield root
        nodes = [event for event in self._story.events if event.kind == "node" and event.flow_node is not None]
        ends = [after.at for _, after in pairwise(nodes)] + [self._ended]
        for number, (event, end) in enumerate(zip(nodes, ends, strict=True)):
            resumed = {"hatif.resumed": True} if event.data.get("resumed") else {}
            yield self._span(f"node {event.flow_node}", f"node {number}", event.at, end, resumed)
        if call.queued is not None and call.wait_s is not None:
            end = call.queued + timedelta(seconds=call.wait_s)
            yield self._span("wait", "wait", call.queued, end, {"hatif.language": call.language})
        for offer in self._story.offers:
            offered = {"hatif.operator": offer.operator_id, "hatif.offer": offer.state, "hatif.reason": offer.reason}
            yield self._span("offer", f"offer {offer.id}", offer.offered, offer.ended, offered, kind=_CLIENT)
        for pairing in self._story.pairings:
            talked = {"hatif.operator": pairing.operator_id, "hatif.role": pairing.role, "hatif.reason": pairing.reason}
            yield self._span("conversation", f"pairing {pairing.id}", pairing.began, pairing.ended, talked)

    def _span(
        self,
        name: str,
        key: str,
        begin: datetime,
        end: datetime | None,
        about: Mapping[str, object],
        kind: int = _INTERNAL,
    ) -> Span:
        """Return a span. One without an end of its own, or that would end before it began, ends with the call."""
        last = max(begin, end if end is not None else self._ended)
        return {
            "traceId": self._call.id.hex,
            "spanId": self._id(key),
            "parentSpanId": self._root,
            "name": name,
            "kind": kind,
            "startTimeUnixNano": _nanoseconds(begin),
            "endTimeUnixNano": _nanoseconds(last),
            "attributes": _attributes(about),
        }

    def _id(self, key: str) -> str:
        """Return the id of a span: the same one whenever the call is sent again."""
        return hashlib.sha256(f"{self._call.id} {key}".encode()).hexdigest()[:16]


def _nanoseconds(at: datetime) -> str:
    return str((at - _EPOCH) // timedelta(microseconds=1) * 1000)


def _attributes(about: Mapping[str, object]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in about.items() if value is not None]


def _value(value: object) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int() | float():
            return {"doubleValue": value}
        case _:
            return {"stringValue": str(value)}
