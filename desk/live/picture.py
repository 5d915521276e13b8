"""The live picture of one line, from the control API's events. Plain data, no clock."""

from typing import Any

import msgspec

from desk.control import Event
from wire.live import Alarm, Call, Gone, Operator, OperatorStatus, Queue, QueueEntry, Snapshot


class SiteFacts(msgspec.Struct, frozen=True):
    """The names of the site's parts that pages show."""

    topics: tuple[str, ...] = ()
    pauses: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    scoring: dict[str, dict[str, str]] = {}
    endings: dict[str, dict[str, str]] = {}
    ending_required: bool = False


class Picture:
    """All that is live at one instant. `connected`: whether the controller says so now.

    `site`: what is known of the site until the controller tells more. `facts`: what rooms add, by name.
    """

    def __init__(self, site: SiteFacts) -> None:
        self.connected = False
        self.site = site
        self.operators: dict[str, Operator] = {}
        self.calls: dict[str, Call] = {}
        self.queue: tuple[QueueEntry, ...] = ()
        self.alarms: dict[str, Alarm] = {}
        self.facts: dict[str, Any] = {}

    def apply(self, event: Event) -> None:
        """Take an event in. One that is not known is left out: new ones can be added to the stream."""
        match event.name:
            case "snapshot":
                snapshot = msgspec.convert(event.data, Snapshot)
                self.connected = True
                self.operators = {operator.id: operator for operator in snapshot.operators}
                self.calls = {call.id: call for call in snapshot.calls}
                self.alarms = {alarm.id: alarm for alarm in snapshot.alarms}
                self.queue = snapshot.queue
            case "operator":
                operator = msgspec.convert(event.data, Operator)
                self.operators[operator.id] = operator
            case "call":
                call = msgspec.convert(event.data, Call)
                self.calls[call.id] = call
            case "call_ended":
                self.calls.pop(msgspec.convert(event.data, Gone).id, None)
            case "queue":
                self.queue = msgspec.convert(event.data, Queue).queue
            case "alarm":
                alarm = msgspec.convert(event.data, Alarm)
                self.alarms[alarm.id] = alarm
            case "alarm_cleared":
                self.alarms.pop(msgspec.convert(event.data, Gone).id, None)

    @property
    def callers(self) -> tuple[QueueEntry, ...]:
        """Waiting callers without test calls, which no figure counts."""
        return tuple(waiting for waiting in self.queue if not waiting.test)

    def operator(self, identity: str) -> Operator:
        """Return an operator; one whom the site does not list is in no known state."""
        absent = Operator(
            id=identity, name=identity, languages={}, topics=(), supervisor=False, state=OperatorStatus.UNKNOWN
        )
        return self.operators.get(identity, absent)

    def state_of(self, operator: Operator) -> OperatorStatus:
        """Return an operator's state as pages show it: what was known last is not shown as the present."""
        return operator.state if self.connected else OperatorStatus.UNKNOWN

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
