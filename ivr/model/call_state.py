"""The state of a call, as stored on its channel in the variable HATIF.

The whole state is written once per transition, before the transition's effect. A controller that starts after a crash
reads it and carries on; it needs nothing else.
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
"""Bytes. Asterisk's manager interface cuts a value at 1,024."""

_PATH_LIMIT = 140
"""Bytes of JSON. Even when all other members have their maximum length, the state stays within `LIMIT`."""

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
    "accepted": "ac",
}


DECLINED = "no"
"""Stored instead of a consent when the caller was asked and did not agree."""


@dataclass(frozen=True, slots=True)
class Consent:
    """A caller's consent to a recording: the question they heard, the key they pressed, and when.

    It is kept with the recording permanently.
    """

    text: str
    language: str
    key: str
    at: datetime

    def encode(self) -> str:
        """Return the consent as stored in the call's state."""
        return f"{self.key}:{self.language}:{int(self.at.timestamp())}:{self.text}"

    @classmethod
    def decode(cls, text: str | None) -> "Consent | None":
        """Return the consent in `text`, or None if there is none."""
        try:
            key, language, seconds, question = (text or "").split(":", 3)
            return cls(question, language, key, datetime.fromtimestamp(int(seconds), UTC))
        except (ValueError, OverflowError):
            return None


class StateError(Exception):
    """The variable holds something that this program did not write."""


@dataclass(frozen=True)  # without slots, for `replace`
class CallState:
    """A caller's progress through their call. Instants are POSIX seconds.

    Attributes:
        flow: The version of the flow.
        path: The nodes visited so far.
        playback: The name of the current prompt, or of the last one.
        since: When the caller began to wait; kept until the call ends.
        offer: The offer whose operator belongs in the bridge with the caller.
        operator: That operator.
        outcome: The outcome of the call, as far as it is known.
        failures: How many nodes have failed.
        case: The reference of the caller's case.
        connected_at: When the caller was connected to the current operator.
        first: Whether that is the first operator of this call.
        consent: The consent to recording the conversation (`Consent.encode`), or `DECLINED`.
        announced: The language in which the caller last heard the emergency announcement.
        served_by: The operator the caller talked to last.
        filed: Whether the case existed before an operator answered, so that the conversation opens no new one.
        preferred_operator: The operator who handles that case.
        queue_node: The queue node that keeps the caller's position while they are at `node`.
        returns: Whether the line was closed when the caller called, but they are resuming an earlier wait that was
            cut off.
        operator_place: Who hears whom while the caller has an operator (`OperatorPlace`); None: both are together.
        transfer: Where the caller is being transferred, by whom, and how often that has happened
            (`ivr.talk.transfers`).
        accepted: What the caller has accepted, so that it is not offered again (`ivr.call.accepted`).
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
    accepted: tuple[str, ...] = ()

    def at_node(self, node: str) -> "CallState":
        """Return the state after entering `node`, with no queue position kept.

        A path that grows too long loses its beginning: people ask about the end.
        """
        path = (*self.path, node)
        while len(path) > 1 and sum(len(item) + 3 for item in path) > _PATH_LIMIT:
            path = path[1:]
        return self.replace(node=node, path=path, queue_node=None)

    def without_operator(self) -> "CallState":
        return self.replace(offer=None, operator=None, operator_place=None)

    def replace(self, **changes: object) -> "CallState":
        """Return the state with these members changed. Raises TypeError for an unknown member.

        A call does this several times between a key and its prompt. `dataclasses.replace` would be slow here: it
        initialises every member again.
        """
        if not changes.keys() <= _NAMES.keys():
            raise TypeError(f"a call's state has no {', '.join(sorted(changes.keys() - _NAMES.keys()))}")
        changed = object.__new__(CallState)
        vars(changed).update(vars(self), **changes)
        return changed

    def encode(self) -> str:
        """Return the JSON for the variable; members without a value are left out."""
        own = vars(self)
        members = {short: value for name, short in _NAMES.items() if (value := own[name]) not in (None, False, (), 0)}
        return orjson.dumps(members).decode()


@dataclass(frozen=True, slots=True)
class LegState:
    """The data that an operator's leg carries from the start: the offer, its call, the operator, the time and the role.

    It is not stored on the caller's channel, which may be playing a prompt that nothing should stop.
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
    """Return the state in the variable. Raises StateError for anything else, so that callers can trust every member."""
    try:
        data = orjson.loads(text)
        if not isinstance(data, dict):
            raise TypeError("it must be a JSON object")
        return _leg(data) if "leg" in data else _call(data)
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(f"HATIF holds {text[:200]!r}, which this program did not write ({error!r}).") from None


def _leg(data: dict[str, Any]) -> LegState:
    role = Role(data.get("role", Role.OPERATOR))
    return LegState(_uuid(data["leg"]), _uuid(data["call"]), _text(data["op"]), _number(data["at"]), role)


def _call(data: dict[str, Any]) -> CallState:
    values: dict[str, Any] = {name: data[short] for name, short in _NAMES.items() if short in data}
    path, accepted, failures = values.pop("path", []), values.pop("accepted", []), values.pop("failures", 0)
    flags: dict[str, bool] = {name: values.pop(name) for name in ("first", "filed", "returns") if name in values}
    if (
        not isinstance(path, list)
        or not isinstance(accepted, list)
        or type(failures) is not int
        or any(type(flag) is not bool for flag in flags.values())
    ):
        raise TypeError("path and accepted must be lists, failures an integer, and first, filed and returns booleans")
    if "outcome" in values:
        Outcome(values["outcome"])
    if "operator_place" in values:
        OperatorPlace(values["operator_place"])
    _uuid(values["id"])
    numbers: dict[str, Any] = {name: _number(values.pop(name)) for name in ("since", "connected_at") if name in values}
    texts: dict[str, Any] = {name: _text(value) for name, value in values.items()}
    return CallState(
        **{"country": None, **texts, **numbers, **flags},
        path=tuple(_text(item) for item in path),
        accepted=tuple(_text(item) for item in accepted),
        failures=failures,
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} must be a string")
    return value


def _uuid(value: Any) -> str:
    UUID(_text(value))
    return str(value)


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise TypeError(f"{value!r} must be a finite number")
    return float(value)
