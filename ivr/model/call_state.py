"""The state of a call, as it stands on its channel in the variable HATIF.

It is written whole, once per transition, before the transition's effect. Whoever starts after a crash reads it and
goes on; nothing else is needed.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from db.enums import Outcome, Role
from ivr.model.talk_table import OperatorPlace

LIMIT = 900
"""Bytes: Asterisk's manager interface cuts a value at 1,024."""

_PATH_LIMIT = 180
"""Bytes of JSON: what all else can take at most leaves room for them."""

_NAMES = {
    "id": "id",
    "flow": "f",
    "node": "n",
    "number": "d",
    "caller": "c",
    "country": "ct",
    "language": "l",
    "path": "p",
    "playback": "pb",
    "since": "w",
    "topic": "t",
    "offer": "o",
    "operator": "op",
    "outcome": "oc",
    "failures": "x",
    "case": "cs",
    "connected_at": "ca",
    "first": "fi",
    "consent": "co",
    "announced": "an",
    "served_by": "sb",
    "filed": "fd",
    "preferred_operator": "pr",
    "queue_node": "h",
    "returns": "rt",
    "operator_place": "tk",
    "transfer": "tr",
}


DECLINED = "no"
"""In place of a consent: he was asked and did not agree."""


@dataclass(frozen=True, slots=True)
class Consent:
    """To a recording: what the caller heard, what he pressed, and when. It stands beside the recording for good."""

    text: str
    language: str
    key: str
    at: datetime

    def encode(self) -> str:
        """As it stands in the call's state."""
        return f"{self.key}:{self.language}:{int(self.at.timestamp())}:{self.text}"

    @classmethod
    def decode(cls, text: str | None) -> "Consent | None":
        """None unless it is a consent."""
        try:
            key, language, seconds, question = (text or "").split(":", 3)
            return cls(question, language, key, datetime.fromtimestamp(int(seconds), UTC))
        except (ValueError, OverflowError):
            return None


class StateError(Exception):
    """The variable holds something that we did not write."""


@dataclass(frozen=True)  # without slots, for `but`
class CallState:
    """Where a caller is. Instants are POSIX seconds.

    `flow`: the version of the flow; `playback`: what he hears or heard last; `since`: waiting since, kept until the end
    of the call; `offer` and `operator`: with whom he is to be in the bridge; `outcome`: what is known already of how
    the call ends; `failures`: how often a node could not be done; `case`: the reference of his file; `connected_at`:
    when he got the operator, and `first` whether that is the first of this call; `consent`: how he agreed that his
    conversation is recorded (`Consent`); `announced`: the language in which he heard the emergency announcement;
    `served_by`: the operator with whom he talked last;
    `filed`: whether the file was there before an operator was, so that none is opened for the conversation;
    `preferred_operator`: the operator who has that file; `queue_node`: the node where his place is held while he is at `node`;
    `returns`: he found the line closed, but was cut off before in a wait that he goes on with;
    `operator_place`: who hears whom while he has an operator (`Place`; None: together); `transfer`: to whom he goes on, from
    whom, and how often that was (`ivr.talk.transfers`).
    """

    id: str
    flow: str
    node: str
    number: str
    caller: str
    country: str | None
    language: str
    path: tuple[str, ...] = ()
    playback: str | None = None
    since: float | None = None
    topic: str | None = None
    offer: str | None = None
    operator: str | None = None
    outcome: str | None = None
    failures: int = 0
    case: str | None = None
    connected_at: float | None = None
    first: bool = False
    consent: str | None = None
    announced: str | None = None
    served_by: str | None = None
    filed: bool = False
    preferred_operator: str | None = None
    queue_node: str | None = None
    returns: bool = False
    operator_place: str | None = None
    transfer: str | None = None

    def at_node(self, node: str) -> "CallState":
        """The state after entering `node`, with no place held. A path that grows too long keeps its end, which is what
        one asks about."""
        path = (*self.path, node)
        while len(path) > 1 and sum(len(each) + 3 for each in path) > _PATH_LIMIT:
            path = path[1:]
        return self.replace(node=node, path=path, queue_node=None)

    def without_operator(self) -> "CallState":
        return self.replace(offer=None, operator=None, operator_place=None)

    def replace(self, **changes: object) -> "CallState":
        """The state with these members changed. A call does it several times between a key and its sound, for which
        `dataclasses.replace` is slow: it sets each of the members anew. Raises TypeError for one that there is not."""
        if not changes.keys() <= _NAMES.keys():
            raise TypeError(f"a call's state has no {', '.join(sorted(changes.keys() - _NAMES.keys()))}")
        changed = object.__new__(CallState)
        vars(changed).update(vars(self), **changes)
        return changed

    def encode(self) -> str:
        """The JSON for the variable; members without a value are left out."""
        mine = vars(self)
        members = {short: value for name, short in _NAMES.items() if (value := mine[name]) not in (None, False, (), 0)}
        return orjson.dumps(members).decode()


@dataclass(frozen=True, slots=True)
class LegState:
    """What an operator's leg carries from its beginning: which offer, of which call, to whom, since when, and as what.

    The offer stands here and not on the caller's channel, which may be playing a prompt that nothing should stop.
    """

    offer: str
    call: str
    operator: str
    offered_at: float  # POSIX seconds
    role: Role = Role.OPERATOR

    def encode(self) -> str:
        members = {"leg": self.offer, "call": self.call, "op": self.operator, "at": self.offered_at}
        if self.role is not Role.OPERATOR:
            members["role"] = self.role.value
        return orjson.dumps(members).decode()


def decode(text: str) -> CallState | LegState:
    """What stands in the variable. Raises StateError for anything else: whoever reads it trusts every member."""
    try:
        data = orjson.loads(text)
        if not isinstance(data, dict):
            raise TypeError("it is no object")
        return _leg(data) if "leg" in data else _call(data)
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(f"HATIF holds {text[:200]!r}, which is no state of ours ({error!r}).") from None


def _leg(data: dict[str, Any]) -> LegState:
    role = Role(data.get("role", Role.OPERATOR))
    return LegState(_uuid(data["leg"]), _uuid(data["call"]), _text(data["op"]), _number(data["at"]), role)


def _call(data: dict[str, Any]) -> CallState:
    values: dict[str, Any] = {name: data[short] for name, short in _NAMES.items() if short in data}
    path, failures = values.pop("path", []), values.pop("failures", 0)
    truths: dict[str, bool] = {name: values.pop(name) for name in ("first", "filed", "returns") if name in values}
    if (
        not isinstance(path, list)
        or type(failures) is not int
        or any(type(each) is not bool for each in truths.values())
    ):
        raise TypeError("its path is no list, its failures are no number, or its first, filed or returns is no truth")
    if "outcome" in values:
        Outcome(values["outcome"])
    if "operator_place" in values:
        OperatorPlace(values["operator_place"])
    _uuid(values["id"])
    numbers: dict[str, Any] = {name: _number(values.pop(name)) for name in ("since", "connected_at") if name in values}
    texts: dict[str, Any] = {name: _text(value) for name, value in values.items()}
    return CallState(
        **{"country": None, **texts, **numbers, **truths},
        path=tuple(_text(each) for each in path),
        failures=failures,
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _uuid(value: Any) -> str:
    UUID(_text(value))
    return str(value)


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise TypeError(f"{value!r} is no number")
    return float(value)
