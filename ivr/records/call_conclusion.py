"""How a call went whose end no controller has recorded: its row follows from its events and the fallback's record.

Pure. What the controller records as a call goes (the start of the wait, the answer) is in the row already; what it
keeps in the call's state until the end (path, outcome) is not, but each step of it is an event.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from db.enums import CallbackKind, Outcome
from ivr.asterisk.fallback_records import FallbackCall, Status
from ivr.records.limit_counts import Limit

if TYPE_CHECKING:
    from db.read import Call as CallRow
    from db.read import Event

FALLBACK = "fallback"
"""The last node in the path of a call that the dialplan handled."""

_OUTCOMES = frozenset(outcome.value for outcome in Outcome)
_WAITS_AGAIN = ("lost", "transfer")
"""Ends of a conversation after which the caller waits."""


class Place(StrEnum):
    """Where a caller was when their call ended."""

    ELSEWHERE = "elsewhere"
    WAITING = "waiting"
    TALKING = "talking"


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What the row of a call says once it has ended. Instants are in this order: each is the earlier one or later."""

    started: datetime
    line_answered: datetime | None
    queued: datetime | None
    connected: datetime | None
    ended: datetime
    path: list[str]
    outcome: Outcome
    operator: str | None  # the first one who answered
    place: Place
    by: str  # who ended it; `unknown` if nobody saw it


@dataclass(slots=True)
class _Progress:
    """How far a call has come, as far as its events tell."""

    path: list[str] = field(default_factory=list)
    outcome: Outcome | None = None
    queued: datetime | None = None
    connected: datetime | None = None
    operator: str | None = None
    place: Place = Place.ELSEWHERE
    latest: datetime | None = None
    end: "Event | None" = None  # as the controller has recorded it

    def take(self, event: "Event") -> None:
        """Go on by one event. What happened to a caller before the next one is in the order of the journal."""
        if event.kind == "ended":
            self.end = event
            return
        self.latest = max(self.latest or event.at, event.at)
        data = event.data
        match event.kind:
            case "node":
                self._enter(str(event.flow_node), resumed=data.get("resumed") is True)
            case "callback" if "request" in data:  # a call that we made
                self._enter(str(event.flow_node), resumed=False)
                self.outcome = Outcome.SELF_SERVED if data.get("kind") == CallbackKind.CASE else None
            case "waiting" | "waiting_again":
                self.queued = self.queued or event.at
                self.place = Place.WAITING
            case "queue_left":
                self.place = Place.ELSEWHERE
            case "connected":
                self.connected = self.connected or event.at
                self.operator = self.operator or _text(data, "operator")
                self.place = Place.TALKING
            case "handed_over":
                self.place = Place.TALKING
            case "conversation_ended":
                self.place = Place.WAITING if data.get("by") in _WAITS_AGAIN else Place.ELSEWHERE
            case _:
                self.outcome = _outcome_after(event, self.outcome)

    def _enter(self, node: str, *, resumed: bool) -> None:
        """Add a node to the path; a controller that goes on with a call enters its node once more."""
        if not resumed or self.path[-1:] != [node]:
            self.path.append(node)


def conclude(
    row: "CallRow | None", events: Iterable["Event"], record: FallbackCall | None, last_seen: datetime
) -> Conclusion:
    """Return how a call went.

    Args:
        row: The call's row as it is; None: there is none.
        events: The call's events, in the order of their journals.
        record: The dialplan's record of the call, if it had the call last.
        last_seen: When the call may still have been up, unless its end is known. Nobody saw when a call was cut: it
            ends then, or with the last thing that is known of it.

    Raises:
        ValueError: Neither a row nor a record says when the call began.
    """
    progress = _Progress()
    for event in events:
        progress.take(event)
    started = row.started if row is not None else record.started if record is not None else None
    if started is None:
        raise ValueError("a call needs a row, or a record of the fallback")
    own_connected = (_connected_by_us(row) if row is not None else None) or progress.connected
    own_queued = (row.queued if row is not None else None) or progress.queued
    path, place = progress.path, progress.place
    if record is not None:
        path = [*path, FALLBACK]
        place = _PLACES.get(record.status, place)
    line_answered = row.line_answered if row is not None else None
    if line_answered is None and record is not None and own_queued is None and own_connected is None:
        line_answered = record.answered or record.started
    queued = own_queued or (record.queued if record is not None else None)
    connected = own_connected or (record.connected if record is not None else None)
    operator = progress.operator or (row.operator if row is not None else None)
    if operator is None and record is not None:
        operator = record.operator
    by = "unknown"
    if record is not None and record.end_known:
        ended = record.ended
    elif record is None and progress.end is not None:
        ended, by = progress.end.at, _text(progress.end.data, "by") or by
    else:
        known = (last_seen, progress.latest, record.ended if record is not None else None)
        ended = max(instant for instant in known if instant is not None)
    # A clock may have been set back, but the order in which these happen is known.
    line_answered = line_answered and max(started, line_answered)
    queued = queued and max(line_answered or started, queued)
    connected = connected and max(queued or line_answered or started, connected)
    ended = max(connected or queued or line_answered or started, ended)
    return Conclusion(
        started=started,
        line_answered=line_answered,
        queued=queued,
        connected=connected,
        ended=ended,
        path=path,
        outcome=_outcome(progress, own_queued is not None, own_connected is not None, place, record),
        operator=operator,
        place=place,
        by=by,
    )


_PLACES = {
    Status.WAITING: Place.WAITING,
    Status.CONNECTED: Place.TALKING,
    Status.CLOSED: Place.ELSEWHERE,
    Status.NOBODY: Place.ELSEWHERE,
}
"""Where a caller was, by the fallback's record. Until the fallback has a place for them, they are where they were."""


def _connected_by_us(row: "CallRow") -> datetime | None:
    """Return when the controller connected a call; what a former import has written may be the dialplan's doing."""
    imported = row.path[-1:] == [FALLBACK] and row.outcome != Outcome.ANSWERED
    return None if imported else row.connected


def _outcome(progress: _Progress, queued: bool, connected: bool, place: Place, record: FallbackCall | None) -> Outcome:
    """Return the outcome: an operator's answer counts most, then what the caller has left, then where they gave up."""
    if connected:
        return Outcome.ANSWERED
    if record is None and progress.end is not None:
        known = _text(progress.end.data, "outcome")
        if known in _OUTCOMES:
            return Outcome(known)
    if progress.outcome in (Outcome.MESSAGE, Outcome.CALLBACK):
        return progress.outcome
    if record is not None:
        settled = record.status is Status.TRYING and place is not Place.WAITING
        return progress.outcome if settled and progress.outcome is not None else Outcome.FALLBACK
    if queued and progress.outcome in (None, Outcome.SELF_SERVED):
        return Outcome.ABANDONED
    return progress.outcome or Outcome.LEFT_MENU


def _outcome_after(event: "Event", before: Outcome | None) -> Outcome | None:
    """Return the outcome after an event, as the nodes of the flow decide it."""
    data, nothing_yet = event.data, before in (None, Outcome.CLOSED)
    match event.kind:
        case "message":
            return Outcome.MESSAGE
        case "callback":
            return Outcome.CALLBACK
        case "callback_refused" if data.get("why") == Limit.CALLBACKS_OF_NUMBER:
            return Outcome.CALLBACK  # they will be called, as they want
        case "guide" if nothing_yet and data.get("step") != "law":
            return Outcome.SELF_SERVED
        case "consulate" if nothing_yet and data.get("what") != "none":
            return Outcome.SELF_SERVED
        case "case" if nothing_yet and data.get("result") == "told":
            return Outcome.SELF_SERVED
        case "hours" if data.keys() == {"open", "why"} and not data["open"]:  # else they are served all the same
            return before or Outcome.CLOSED
    return before


def _text(data: dict[str, Any], name: str) -> str | None:
    value = data.get(name)
    return value if isinstance(value, str) else None
