"""What the controller keeps: each function says one thing that happened, and the journal has it.

Nothing here waits: a record goes to memory, and in groups to the disk; another process brings it to the database.
"""

import time
from dataclasses import asdict
from datetime import UTC, datetime
from uuid import UUID

import structlog

from db.ids import uuid7
from db.journal import Journal
from db.references import ReferenceAllocator
from db.words import CaseKind, Outcome
from ivr import clock, messages
from ivr.fallback_records import FallbackCall
from ivr.operators import OperatorEntry
from ivr.state import CallState
from routing.hours import Override
from routing.match import Decision, in_words
from routing.states import OfferState, Operator, OperatorState

log = structlog.get_logger()

_INSTANTS = ("queued", "ended", "line_answered", "dequeued", "connected", "started")


def instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class Recorder:
    def __init__(self, journal: Journal, references: ReferenceAllocator) -> None:
        self._journal = journal
        self._references = references

    def call_started(self, state: CallState, channel: str, started: datetime) -> None:
        self._journal.put(
            "call",
            id=state.id,
            channel_id=channel,
            number=state.number,
            caller=state.caller or None,
            country=state.country,
            language=state.language,
            flow_version=state.flow,
            started=started,
        )

    def call(self, call_id: str, **columns: object) -> None:
        """What has become known of a call: columns of the table; instants may be POSIX seconds."""
        for name in _INSTANTS:
            value = columns.get(name)
            if isinstance(value, (int, float)):
                columns[name] = instant(value)
        self._journal.put("call", id=call_id, **columns)

    def call_event(self, call_id: str, kind: str, flow_node: str, data: dict[str, object]) -> None:
        self._journal.put("call_event", call_id=call_id, kind=kind, flow_node=flow_node, data=data)

    def call_ended(self, state: CallState, outcome: Outcome, by: str) -> None:
        """`by`: caller, operator, or service."""
        self.call(state.id, ended=clock.now(), ended_by=by, path=list(state.path), outcome=outcome.value)
        self.call_event(state.id, "ended", state.node, {"by": by, "outcome": outcome.value})

    def new_case_reference(self) -> str | None:
        """A reference that nobody has had; None if the disk does not take that it was given out."""
        try:
            return self._references.next()
        except OSError as error:
            log.error("No case reference could be taken: is the disk full?", error=str(error))
            return None

    def connected(self, state: CallState) -> None:
        """The caller has an operator: the pairing, and the case file of the call. Said twice, it counts once."""
        at = instant(state.connected_at or time.time())
        self._journal.put(
            "pairing",
            id=state.offer,
            call_id=state.id,
            operator_id=state.operator,
            offer_id=state.offer,
            began=at,
        )
        if not state.first:
            return
        self._case(state, at)
        self.call(
            state.id,
            topic=state.topic,
            case_reference=state.case,
            connected=at,
            operator_id=state.operator,
            dequeued=at,
        )

    def _case(self, state: CallState, opened: datetime) -> None:
        if state.case is None:
            return
        self._journal.put(
            "case_file",
            reference=state.case,
            kind=(CaseKind.COMPLAINT if state.topic == "complaint" else CaseKind.ENQUIRY).value,
            topic=state.topic,
            language=state.language,
            country=state.country,
            call_id=state.id,
            caller=state.caller or None,
            opened=opened,
        )

    def pairing_ended(self, offer: str, reason: str) -> None:
        self._journal.put("pairing", id=offer, ended=clock.now(), reason=reason)

    def offered(self, offer: messages.Offer) -> None:
        self._journal.put(
            "offer",
            id=offer.id,
            epoch=offer.epoch,
            call_id=offer.call,
            operator_id=offer.operator,
            state=OfferState.RINGING.value,
            offered=clock.now(),
        )

    def offer_ended(self, offer: str, state: OfferState) -> None:
        self._journal.put("offer", id=offer, state=state.value, ended=clock.now())

    def offer_lost(self, offer: str) -> None:
        """A leg that was lost while there was no controller: nobody's fault."""
        self.offer_ended(offer, OfferState.WITHDRAWN)

    def call_lost(self, call_id: str, *, queued: bool, connected: bool) -> None:
        """A call that ended while there was no controller; when exactly is not known."""
        waited = Outcome.ABANDONED if queued else Outcome.LEFT_MENU
        outcome = Outcome.ANSWERED if connected else waited
        self.call(call_id, ended=clock.now(), ended_by="unknown", outcome=outcome.value)
        self.call_event(call_id, "ended", "", {"by": "unknown", "outcome": outcome.value})

    def fallback_call(self, call_id: str, call: FallbackCall) -> None:
        """A call that the dialplan led: the row as the controller would have written it; a file if it was served."""
        row: dict[str, object] = {
            "outcome": Outcome.FALLBACK.value,
            "ended": call.ended,
            "language": call.language,
            "country": call.country,
            "topic": call.topic,
            "queued": call.queued,
            "dequeued": call.connected,
            "connected": call.connected,
            "operator_id": call.operator,
        }
        if call.call is None:  # else the controller had it before, and its beginning is known better
            row |= {"started": call.started, "number": call.number, "caller": call.caller, "channel_id": call.id}
            row |= {"path": ["fallback"], "line_answered": call.started}
        if call.connected is not None and call.operator is not None:
            state = CallState(
                id=call_id,
                flow="",
                node="fallback",
                number=call.number or "",
                caller=call.caller or "",
                country=call.country,
                language=call.language or "",
                topic=call.topic,
                case=self.new_case_reference(),
            )
            row["case_reference"] = state.case
            self._case(state, call.connected)
        self.call(call_id, **{name: value for name, value in row.items() if value is not None})
        self.call_event(call_id, "fallback", "fallback", {"status": call.status.value, "operator": call.operator})

    def decision(self, decision: Decision) -> None:
        self._journal.put(
            "decision",
            kind="offer",
            call_id=decision.call,
            operator_id=decision.operator,
            reason=in_words(decision.reason),
            data=asdict(decision.reason),
        )

    def operator_state(self, operator: Operator, call_id: str | None) -> None:
        self._journal.put(
            "operator_state",
            operator_id=operator.id,
            state=operator.state.value,
            reason=operator.reason or None,
            call_id=call_id,
            idle_since=instant(operator.since) if operator.state is OperatorState.READY else None,
            until=instant(operator.until) if operator.until is not None else None,
            by="service",
        )

    def operators(self, entries: tuple[OperatorEntry, ...]) -> None:
        """The list as it was loaded, so that reports know the names."""
        now = clock.now()
        for entry in entries:
            self._journal.put(
                "operator",
                id=entry.id,
                name=entry.name,
                languages=entry.languages,
                topics=sorted(entry.topics),
                supervisor=entry.supervisor,
                changed=now,
            )

    def hours_forced(self, override: Override, cancelled: UUID | None) -> UUID | None:
        """A forced state and what it takes the place of; its id, None for `auto`."""
        now = clock.now()
        if cancelled is not None:
            self._journal.put("hours_override", id=cancelled, cancelled=now)
        if override.force.value == "auto":
            return None
        new = uuid7()
        self._journal.put(
            "hours_override",
            id=new,
            kind=override.force.value,
            begins=now,
            ends=override.until,
            reason=override.why or None,
            by="administrator",
            made=now,
        )
        return new
