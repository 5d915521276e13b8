"""Measure the codecs of a call's state and of Asterisk's messages against orjson with checks written by hand.

`.venv/bin/python -m bench.codecs`, with `--json` for one document. Both ways do the same work on the same values, in
turns. Figures are processor time: the median of the rounds, and for the ratio that of the two ways in the same round.
"""

import argparse
import json
import math
import statistics
import time
import timeit
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
import orjson

from bench import machine
from db.enums import Outcome
from ivr.asterisk.ari import events
from ivr.model import call_state
from ivr.model.call_state import CallState
from ivr.model.talk_table import OperatorPlace

STATE = CallState(
    id="019ac5f2-6a52-7c65-b05f-3f1cf5a6a111",
    flow="0123456789ab",
    node="main",
    number="+33800212000",
    caller="+33612345678",
    language="fr",
    country="FR",
    path=("language", "hours", "welcome", "main"),
    playback="pb-0123456789-42",
    since=1_795_600_000.25,
    topic="travel",
    failures=1,
)

_CHANNEL = {
    "id": "node1-1795600000.7",
    "name": "PJSIP/carrier-example-00000007",
    "state": "Up",
    "protocol_id": "0b5c1a0e-6a52-7c65",
    "caller": {"name": "", "number": "+33612345678"},
    "connected": {"name": "", "number": ""},
    "accountcode": "",
    "dialplan": {
        "context": "hatif-entry",
        "exten": "+33800212000",
        "priority": 3,
        "app_name": "Stasis",
        "app_data": "hatif,call,+33800212000",
    },
    "creationtime": "2026-11-28T00:59:50.000+0000",
    "language": "en",
    "channelvars": {"HATIF": STATE.encode()},
}
_ALWAYS = {"timestamp": "2026-11-28T01:00:00.000+0000", "asterisk_id": "00:00:00:00:00:00", "application": "hatif"}
KEY = orjson.dumps(
    {"type": "ChannelDtmfReceived", **_ALWAYS, "digit": "5", "duration_ms": 120, "channel": _CHANNEL},
)
PLAYBACK = orjson.dumps(
    {
        "type": "PlaybackFinished",
        **_ALWAYS,
        "playback": {
            "id": "pb-0123456789-42",
            "media_uri": "sound:/var/lib/hatif/sounds/0123456789abcdef",
            "target_uri": "channel:node1-1795600000.7",
            "language": "en",
            "state": "done",
        },
    }
)


# The other way: plain dataclasses, orjson, and checks by hand.

_SHORT = {member.name: member.encode_name for member in msgspec.structs.fields(CallState)}
_PLAIN_DEFAULTS: dict[str, Any] = dict.fromkeys(_SHORT) | {"path": (), "failures": 0}
_PLAIN_DEFAULTS |= dict.fromkeys(("first", "filed", "returns"), False)


class PlainState:
    """A state without msgspec: its members are in `__dict__`, the fastest way to change one of them."""

    def __init__(self, members: Mapping[str, Any]) -> None:
        vars(self).update(members)

    def replace(self, **changes: object) -> "PlainState":
        if not changes.keys() <= _SHORT.keys():
            raise TypeError("no such member")
        changed = object.__new__(PlainState)
        vars(changed).update(vars(self), **changes)
        return changed

    def encode(self) -> str:
        own = vars(self)
        members = {short: value for name, short in _SHORT.items() if (value := own[name]) not in (None, False, (), 0)}
        return orjson.dumps(members).decode()


def plain_state(text: str) -> PlainState:
    data = orjson.loads(text)
    values: dict[str, Any] = {name: data[short] for name, short in _SHORT.items() if short in data}
    found = dict(_PLAIN_DEFAULTS)
    path, failures = values.pop("path", []), values.pop("failures", 0)
    flags: dict[str, bool] = {name: values.pop(name) for name in ("first", "filed", "returns") if name in values}
    if type(path) is not list or type(failures) is not int or any(type(flag) is not bool for flag in flags.values()):
        raise TypeError("path must be a list, failures an integer, and the flags booleans")
    if "outcome" in values:
        Outcome(values["outcome"])
    if "operator_place" in values:
        OperatorPlace(values["operator_place"])
    UUID(values["id"])
    for name in ("since", "connected_at"):
        if name in values:
            number = values.pop(name)
            if type(number) not in (int, float) or not math.isfinite(number):
                raise TypeError(f"{name} must be a finite number")
            found[name] = float(number)
    for value in (*values.values(), *path):
        if not isinstance(value, str):
            raise TypeError(f"{value!r} must be a string")
    return PlainState({**found, **values, **flags, "path": tuple(path), "failures": failures})


@dataclass(frozen=True, slots=True)
class PlainKey:
    channel_id: str
    digit: str


@dataclass(frozen=True, slots=True)
class PlainPlayback:
    playback: str
    channel_id: str
    failed: bool


def plain_event(message: bytes) -> PlainKey | PlainPlayback | None:
    data = orjson.loads(message)
    match data["type"]:
        case "ChannelDtmfReceived":
            return PlainKey(data["channel"]["id"], data["digit"])
        case "PlaybackFinished":
            playback = data["playback"]
            kind, _, target = playback["target_uri"].partition(":")
            return PlainPlayback(playback["id"], target if kind == "channel" else "", playback["state"] == "failed")
    return None


# The measurement

Task = Callable[[], object]


def tasks() -> dict[str, tuple[Task, Task]]:
    """Return what is measured: the plain way, and Hatif's."""
    text = STATE.encode()
    plain = plain_state(text)
    assert orjson.loads(plain.encode()) == orjson.loads(text)
    assert call_state.decode(text) == STATE

    def read_playback() -> tuple[str, bool]:
        event = events.decode(PLAYBACK)
        assert isinstance(event, events.PlaybackFinished)
        return event.channel_id, event.failed

    return {
        "state: change and encode": (
            lambda: plain.replace(playback="pb-0123456789-43").encode(),
            lambda: STATE.replace(playback="pb-0123456789-43").encode(),
        ),
        "state: decode and check": (lambda: plain_state(text), lambda: call_state.decode(text)),
        "message: a key": (lambda: plain_event(KEY), lambda: events.decode(KEY)),
        "message: end of a prompt": (lambda: plain_event(PLAYBACK), read_playback),
    }


def measure(rounds: int, times: int) -> dict[str, dict[str, float]]:
    found = {}
    for name, (plain, ours) in tasks().items():
        timers = [timeit.Timer(way, timer=time.process_time) for way in (plain, ours)]
        pairs = [tuple(timer.timeit(times) for timer in timers) for _ in range(rounds)]
        plain_ns, ours_ns = (statistics.median(column) / times * 1e9 for column in zip(*pairs, strict=True))
        ratio = statistics.median(ours / plain for plain, ours in pairs)
        found[name] = {"plain_ns": round(plain_ns), "hatif_ns": round(ours_ns), "ratio": round(ratio, 2)}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--times", type=int, default=20_000, help="in each round")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    document = {"machine": machine.description(), "figures": measure(asked.rounds, asked.times)}
    if asked.json:
        print(json.dumps(document, indent=1))
        return
    print(f"{'nanoseconds':26}{'orjson and checks':>18}{'Hatif':>8}{'ratio':>7}")
    for name, row in document["figures"].items():
        print(f"{name:26}{row['plain_ns']:18}{row['hatif_ns']:8}{row['ratio']:7.2f}")
    print(document["machine"])


if __name__ == "__main__":
    main()
