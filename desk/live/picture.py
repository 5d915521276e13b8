"""The live picture of one line, from the control API's events. Plain data, no clock."""

from collections.abc import Mapping
from typing import Any

import msgspec

from desk.control import Event


class CallOfOperator(msgspec.Struct, frozen=True):
    """The call that an operator is offered or talks in."""

    id: str
    language: str
    caller: str
    place: str | None = None


class CallbackOfOperator(msgspec.Struct, frozen=True):
    """A call-back for which an operator is rung; `caller_rings`: they have accepted it."""

    id: str
    call: str
    number: str
    country: str | None = None
    language: str | None = None
    topic: str | None = None
    case: str | None = None
    caller_rings: bool = False


class LanguagesChanged(msgspec.Struct, frozen=True):
    """The person who changed an operator's languages for now, and when."""

    by: str
    at: float


class Operator(msgspec.Struct, frozen=True):
    """An operator with their present state; docs/api.md has the members."""

    id: str
    name: str
    languages: dict[str, int] = {}
    topics: tuple[str, ...] = ()
    supervisor: bool = False
    state: str = "unknown"
    reason: str | None = None
    since: float | None = None
    until: float | None = None
    telephone: bool = False
    on_line: bool = False
    pause_after: str | None = None
    planned: bool = True
    training: bool = False
    call: CallOfOperator | None = None
    callback: CallbackOfOperator | None = None
    help_since: float | None = None
    help_why: str | None = None
    languages_changed: LanguagesChanged | None = None


class Move(msgspec.Struct, frozen=True):
    """A supervisor's changes for a waiting caller."""

    front: bool = False
    language: str | None = None
    operator: str | None = None


class Call(msgspec.Struct, frozen=True):
    """A call that is up."""

    id: str
    state: str
    number: str
    caller: str
    language: str
    country: str | None = None
    topic: str | None = None
    case: str | None = None
    case_opened: bool = False
    choices: tuple[str, ...] = ()
    node: str = ""
    since: float | None = None
    connected: float | None = None
    operator: str | None = None
    place: str | None = None
    recording: str | None = None
    transfers: int = 0
    transfer_to: tuple[str, ...] = ()
    move: Move | None = None
    test: bool = False
    try_telephone: str | None = None
    training: str | None = None


class Waiting(msgspec.Struct, frozen=True):
    """A caller in the queue."""

    place: int
    call: str
    since: float
    language: str | None = None
    topic: str | None = None
    callback: str | None = None
    test: bool = False


class Acknowledgement(msgspec.Struct, frozen=True):
    """The person who sees to an alarm, and since when."""

    name: str
    at: float


class Alarm(msgspec.Struct, frozen=True):
    """Something that a person should look at."""

    id: str
    kind: str
    text: str
    since: float | None = None
    operator: str | None = None
    language: str | None = None
    figure: float | None = None
    why: str | None = None
    acknowledged: Acknowledgement | None = None


class SiteFacts(msgspec.Struct, frozen=True):
    """The names of the site's parts that pages show."""

    topics: tuple[str, ...] = ()
    pauses: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    scoring: dict[str, dict[str, str]] = {}


class Picture:
    """All that is live at one instant. `connected`: whether the controller says so now.

    `site`: what is known of the site until the controller tells more. `facts`: what rooms add, by name.
    """

    def __init__(self, site: SiteFacts) -> None:
        self.connected = False
        self.site = site
        self.operators: dict[str, Operator] = {}
        self.calls: dict[str, Call] = {}
        self.queue: tuple[Waiting, ...] = ()
        self.alarms: dict[str, Alarm] = {}
        self.facts: dict[str, Any] = {}

    def apply(self, event: Event) -> None:
        """Take an event in. One that is not known is left out: new ones can be added to the stream."""
        match event.name:
            case "snapshot":
                self.connected = True
                self.operators = _by_id(event.data["operators"], Operator)
                self.calls = _by_id(event.data["calls"], Call)
                self.alarms = _by_id(event.data["alarms"], Alarm)
                self.queue = _queue(event.data["queue"])
            case "operator":
                operator = msgspec.convert(event.data, Operator)
                self.operators[operator.id] = operator
            case "call":
                call = msgspec.convert(event.data, Call)
                self.calls[call.id] = call
            case "call_ended":
                self.calls.pop(event.data["id"], None)
            case "queue":
                self.queue = _queue(event.data["queue"])
            case "alarm":
                alarm = msgspec.convert(event.data, Alarm)
                self.alarms[alarm.id] = alarm
            case "alarm_cleared":
                self.alarms.pop(event.data["id"], None)

    @property
    def callers(self) -> tuple[Waiting, ...]:
        """Waiting callers without test calls, which no figure counts."""
        return tuple(waiting for waiting in self.queue if not waiting.test)

    def state_of(self, operator: Operator) -> str:
        """Return an operator's state as pages show it: what was known last is not shown as the present."""
        return operator.state if self.connected else "unknown"

    def call_of(self, operator: str) -> Call | None:
        """Return the call that an operator is offered or talks in."""
        known = self.operators.get(operator)
        return self.calls.get(known.call.id) if known is not None and known.call is not None else None

    def colleague_of(self, operator: str) -> Operator | None:
        """Return the other operator in an operator's call, or who is being called to it."""
        call = self.call_of(operator)
        if call is None:
            return None
        others = (other for other in self.operators.values() if other.call is not None and other.call.id == call.id)
        return next((other for other in others if other.id != operator), None)


def _by_id(rows: list[Mapping[str, Any]], kind: type[Any]) -> dict[str, Any]:
    return {row["id"]: msgspec.convert(row, kind) for row in rows}


def _queue(rows: list[Mapping[str, Any]]) -> tuple[Waiting, ...]:
    return tuple(msgspec.convert(rows, list[Waiting]))
