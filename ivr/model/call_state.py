"""The state of a call, as stored on its channel in the variable HATIF.

The whole state is written once per transition, before the transition's effect. A controller that starts after a crash
reads it and carries on; it needs nothing else.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from db.enums import Outcome, Role
from ivr.model.talk_table import OperatorPlace

LIMIT = 920
"""Bytes. Asterisk's manager interface cuts a value at 1,024."""

_PATH_LIMIT = 134
"""Bytes of JSON. Even when all other members have their maximum length, the state stays within `LIMIT`."""

Uuid = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]

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


_SHORT = {
    "flow": "f",
    "node": "n",
    "number": "d",
    "caller": "c",
    "language": "l",
    "country": "ct",
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
    "moved": "m",
    "served_until": "su",
}
"""The names in the variable, which has little room."""


class CallState(Struct, frozen=True, omit_defaults=True, rename=_SHORT):
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
        served_until: When that conversation ended.
        filed: Whether the case existed before an operator answered, so that the conversation opens no new one.
        preferred_operator: The operator who handles that case.
        queue_node: The queue node that keeps the caller's position while they are at `node`.
        returns: Whether the line was closed when the caller called, but they are resuming an earlier wait that was
            cut off.
        operator_place: Who hears whom while the caller has an operator (`OperatorPlace`).
        transfer: Where the caller is being transferred, by whom, and how often that has happened
            (`ivr.talk.transfers`).
        accepted: What the caller has accepted, so that it is not offered again (`ivr.call.accepted`).
        moved: Where a supervisor has moved the caller while they wait (`ivr.queue.moves`).
    """

    id: Uuid
    flow: str
    node: str
    number: str
    caller: str
    language: str
    country: str | None = None
    path: tuple[str, ...] = ()
    playback: str | None = None
    since: float | None = None
    topic: str | None = None
    offer: str | None = None
    operator: str | None = None
    outcome: Outcome | None = None
    failures: Annotated[int, Meta(ge=0, lt=2**31)] = 0
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
    operator_place: OperatorPlace = OperatorPlace.TOGETHER
    transfer: str | None = None
    accepted: tuple[str, ...] = ()
    moved: str | None = None
    served_until: float | None = None

    @property
    def waits_since(self) -> float | None:
        """The start of the wait as people see it: it begins anew after a conversation, and the position does not."""
        if self.since is None or self.served_until is None:
            return self.since
        return max(self.since, self.served_until)

    def at_node(self, node: str) -> "CallState":
        """Return the state after entering `node`, with no queue position kept.

        A path that grows too long loses its beginning: people ask about the end.
        """
        path = (*self.path, node)
        while len(path) > 1 and sum(len(item) + 3 for item in path) > _PATH_LIMIT:
            path = path[1:]
        return self.replace(node=node, path=path, queue_node=None)

    def without_operator(self) -> "CallState":
        return self.replace(offer=None, operator=None, operator_place=OperatorPlace.TOGETHER)

    def replace(self, **changes: object) -> "CallState":
        """Return the state with these members changed. Raises TypeError for an unknown member."""
        return msgspec.structs.replace(self, **changes)

    def encode(self) -> str:
        """Return the JSON for the variable; members without a value are left out."""
        return _ENCODER.encode(self).decode()


class LegState(
    Struct,
    frozen=True,
    omit_defaults=True,
    rename={"offer": "leg", "operator": "op", "offered_at": "at", "callback": "cb"},
):
    """The data that an operator's leg carries from the start: the offer, its call, the operator, the time and the role.

    `callback`: the call-back request, if the operator is rung first and then its caller.

    It is not stored on the caller's channel, which may be playing a prompt that nothing should stop.
    """

    offer: Uuid
    call: Uuid
    operator: str
    offered_at: float  # POSIX seconds
    role: Role = Role.OPERATOR
    callback: Uuid | None = None

    def encode(self) -> str:
        return _ENCODER.encode(self).decode()


_ENCODER = msgspec.json.Encoder()
_CALL, _LEG = msgspec.json.Decoder(CallState), msgspec.json.Decoder(LegState)


def decode(text: str) -> CallState | LegState:
    """Return the state in the variable. Raises StateError for anything else, so that callers can trust every member.

    Unknown members are skipped: a later version may have written them.
    """
    try:
        # Inside a string, such as the number that a caller dialled, the quotation marks would be escaped.
        return _LEG.decode(text) if '"leg":' in text else _CALL.decode(text)
    except (ValueError, RecursionError) as error:
        raise StateError(f"HATIF holds {text[:200]!r}, which this program did not write ({error}).") from None
