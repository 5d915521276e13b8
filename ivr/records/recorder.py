"""The controller's records: each method records one thing that happened, in the journal.

Nothing here waits: a record goes to memory and in groups to the disk, and another process delivers it to the database.
"""

import time
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from db.case_rows import columns_of_call
from db.enums import CallbackKind, CaseKind, HoursKind, Outcome, Role
from db.ids import uuid7
from db.journal import Journal
from db.references import ReferenceAllocator
from ivr.asterisk.fallback_records import FallbackCall
from ivr.model import clock, floor_protocol
from ivr.model.call_state import CallState, Consent
from ivr.model.e164 import country_of
from ivr.model.endpoints import TRY_TELEPHONES
from ivr.records.call_conclusion import FALLBACK, Conclusion
from ivr.records.call_counts import CallCounts
from ivr.records.voicemail import StoredMessage
from ivr.site.holiday_calendar import name_in
from ivr.site.holidays import Ruling
from ivr.site.operators import OperatorEntry
from routing.hours import Override
from routing.match import Decision, describe_reason
from routing.states import OfferState, Operator, OperatorState
from routing.waits import WaitReason, describe_wait

if TYPE_CHECKING:
    from db.read import Call as CallRow

log = structlog.get_logger()

DUE_H = 48
"""Hours until a message is due whose node of the flow is not known any more."""

_INSTANTS = frozenset({"queued", "ended", "line_answered", "dequeued", "connected", "started"})


def instant(seconds: float) -> datetime:
    """Return the UTC instant of POSIX seconds."""
    return datetime.fromtimestamp(seconds, UTC)


class Recorder:
    """Writes records to the journal, and gives out case references."""

    def __init__(self, journal: Journal, references: ReferenceAllocator) -> None:
        self.journal = journal  # also used by the other modules of records
        self.counts = CallCounts()
        self._references = references

    def call_started(
        self,
        state: CallState,
        channel: str,
        started: datetime,
        caller_raw: str | None = None,
        answered: datetime | None = None,
    ) -> None:
        """Record that a call began. `answered`: about when, if the line has answered it; what the row says already
        stays."""
        known = {} if answered is None else {"line_answered": answered}
        self.journal.put(
            "call",
            id=state.id,
            channel_id=channel,
            number=state.number,
            caller=state.caller or None,
            caller_raw=caller_raw,
            country=state.country,
            language=state.language,
            flow_version=state.flow,
            started=started,
            **known,
        )

    def test_call(self, call_id: str) -> None:
        """Record that a call is not a caller's: one of the line to itself, or of somebody who tries the line."""
        self.counts.test(call_id)
        self.journal.put("call", id=call_id, live=False)

    def call(self, call_id: str, **columns: object) -> None:
        """Record what has become known of a call: columns of its table; instants may be POSIX seconds."""
        for name, value in columns.items():
            if isinstance(value, float | int) and name in _INSTANTS:
                columns[name] = instant(value)
        self.journal.put("call", id=call_id, **columns)

    def call_event(self, call_id: str, kind: str, flow_node: str, data: dict[str, object]) -> None:
        self.journal.put("call_event", call_id=call_id, kind=kind, flow_node=flow_node, data=data)

    def call_ended(self, state: CallState, outcome: Outcome, by: str) -> None:
        """Record the end of a call, ended `by` caller, operator or service."""
        self.call(state.id, ended=clock.now(), ended_by=by, path=list(state.path), outcome=outcome.value)
        self.call_event(state.id, "ended", state.node, {"by": by, "outcome": outcome.value})
        self.counts.call(state.id, outcome, state.language, state.number)

    def writes_to_disk(self) -> bool:
        """Return whether everything that was recorded is on the disk; False while the disk is full, for example."""
        self.journal.flush()
        return not self.journal.waiting

    def new_case_reference(self) -> str | None:
        """Return an unused case reference; None if the disk cannot record that it was given out."""
        try:
            return self._references.next()
        except OSError as error:
            log.error("No case reference could be taken: is the disk full?", error=str(error))
            return None

    def connected(self, state: CallState) -> None:
        """Record that the caller is connected: the pairing, and a case file unless there is one. Idempotent."""
        at = instant(state.connected_at or time.time())
        self.journal.put(
            "pairing",
            id=state.offer,
            call_id=state.id,
            operator_id=state.operator,
            offer_id=state.offer,
            role=Role.OPERATOR.value,
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
        if state.case is None or state.filed:
            return
        facts = (state.topic, state.language, state.country, state.caller)
        self.journal.put("case_file", **columns_of_call(state.case, state.id, *facts, opened))

    def caller(self, state: CallState) -> None:
        """Record the language in which to greet the caller when they call again."""
        self.journal.put(
            "caller", number=state.caller, language=state.language, last_call_id=state.id, last_called=clock.now()
        )

    def message(
        self, state: CallState, message: StoredMessage, category: str, kind: CaseKind, reference: str | None, due_h: int
    ) -> None:
        """Record a voice message and the case file that is opened for it."""
        self.journal.put(
            "message",
            id=message.id,
            call_id=state.id,
            case_reference=reference,
            caller=state.caller or None,
            language=state.language,
            topic=state.topic,
            category=category,
            file=message.file,
            duration_ms=round(1000 * message.seconds),
            at=clock.now(),
        )
        self._file_of_message(state, kind, reference, due_h, title=None)
        self.journal.flush()  # its file is in its place, where nobody would find it without this

    def message_failed(self, state: CallState, kind: CaseKind, reference: str | None, due_h: int) -> None:
        """Open the case file of a message that could not be recorded; it says so, and has the caller's number."""
        self._file_of_message(state, kind, reference, due_h, title="The message could not be recorded")

    def _file_of_message(
        self, state: CallState, kind: CaseKind, reference: str | None, due_h: int, title: str | None
    ) -> None:
        if reference is None:
            return
        now = clock.now()
        self.journal.put(
            "case_file",
            reference=reference,
            kind=kind.value,
            topic=state.topic,
            language=state.language,
            country=state.country,
            call_id=state.id,
            caller=state.caller or None,
            title=title,
            opened=now,
            due=now + timedelta(hours=due_h),
        )
        self.call(state.id, case_reference=reference, topic=state.topic)

    def callback(self, state: CallState, number: str, due: datetime, *, reason: str | None = None) -> UUID:
        """Record a call-back request, due at `due`, and return its id.

        A caller who has waited for an operator keeps their age. `reason`: why there is one that no caller has made.
        """
        now, request = clock.now(), uuid7()
        waited = state.since if state.connected_at is None else None
        self.journal.put(
            "callback",
            id=request,
            kind=(CallbackKind.CLOSED if waited is None else CallbackKind.WAITING).value,
            call_id=state.id,
            number=number,
            country=country_of(number),
            language=state.language,
            topic=state.topic,
            wished=now,
            waiting_since=now if waited is None else instant(waited),
            due=due,
            asked_by=state.caller or None,
            reason=reason,
        )
        return request

    def survey(self, state: CallState, question: str, answer: int) -> None:
        """Record an answer about the conversation that has just ended; of two answers the last one counts."""
        self.journal.put(
            "survey_answer",
            call_id=state.id,
            question=question,
            answer=answer,
            language=state.language,
            operator_id=state.served_by,
            at=clock.now(),
        )

    def recording(self, state: CallState, offer: str, file: str, consent: Consent) -> None:
        """Record that a conversation is recorded from now on, with the consent that allows it."""
        self.journal.put(
            "recording",
            id=offer,
            call_id=state.id,
            file=file,
            consented=consent.at,
            consent_key=consent.key,
            consent_text=consent.text,
            consent_language=consent.language,
            started=clock.now(),
        )
        self.journal.flush()

    def recording_ended(self, offer: str, seconds: float) -> None:
        self.journal.put("recording", id=offer, ended=clock.now(), duration_ms=round(1000 * seconds))

    def joined(self, call_id: str, offer: str, operator: str, role: Role) -> None:
        """Record that a colleague takes part in a call; `connected` records the operator."""
        row = {"call_id": call_id, "operator_id": operator, "offer_id": offer, "role": role.value}
        self.journal.put("pairing", id=offer, **row, began=clock.now())

    def pairing_ended(self, offer: str, reason: str, at: datetime | None = None) -> None:
        self.journal.put("pairing", id=offer, ended=at or clock.now(), reason=reason)

    def offered(self, offer: floor_protocol.Offer) -> None:
        self.journal.put(
            "offer",
            id=offer.id,
            epoch=offer.epoch,
            call_id=offer.call,
            operator_id=offer.operator,
            state=OfferState.RINGING.value,
            offered=clock.now(),
        )
        self.journal.flush()  # its outcome could not be recorded without it

    def offer_ended(
        self, offer: str, state: OfferState, at: datetime | None = None, *, call_id: str | None = None
    ) -> None:
        self.journal.put("offer", id=offer, state=state.value, ended=at or clock.now())
        self.counts.offer(state, call_id)

    def concluded(
        self,
        call_id: str,
        row: "CallRow | None",
        end: Conclusion,
        record: FallbackCall | None = None,
        caller: str | None = None,
    ) -> None:
        """Record how a call went whose end no controller has recorded.

        Args:
            row: Its row as it is; None: there is none.
            record: The dialplan's record, if the dialplan had it last; then there is a case file if an operator
                answered.
            caller: In E.164, of the dialplan's record.
        """
        columns: dict[str, object] = {"outcome": end.outcome.value, "ended": end.ended, "path": end.path}
        known = {"queued": end.queued, "connected": end.connected, "operator_id": end.operator}
        columns |= {name: value for name, value in known.items() if value is not None}
        language, number = (row.language, row.number) if row is not None else (None, None)
        if record is None:
            columns["ended_by"] = end.by
        else:
            language, number = language or record.language, number or record.number
            columns |= self._by_the_dialplan(call_id, row, end, record, caller)
        self.call(call_id, **columns)
        if record is None:
            self.call_event(call_id, "ended", "", {"by": end.by, "outcome": end.outcome.value})
        else:
            self.call_event(call_id, "fallback", FALLBACK, {"status": record.status.value, "operator": record.operator})
        if row is not None and not row.live:
            self.counts.test(call_id)
        elif record is not None and record.carrier in TRY_TELEPHONES:
            self.test_call(call_id)
        self.counts.call(call_id, end.outcome, language, number)

    def _by_the_dialplan(
        self, call_id: str, row: "CallRow | None", end: Conclusion, record: FallbackCall, caller: str | None
    ) -> dict[str, object]:
        """Return the columns that the dialplan's record adds to a call's row."""
        country = record.country or (country_of(caller) if caller is not None else None)
        facts: dict[str, object] = {"language": record.language, "country": country, "topic": record.topic}
        facts["line_answered"] = end.line_answered
        if row is None:
            facts |= {"started": end.started, "number": record.number, "channel_id": record.id}
            facts |= {"caller": caller, "caller_raw": record.caller}
        has = {name for name in facts if row is not None and getattr(row, name) is not None}
        columns: dict[str, object] = {
            name: value for name, value in facts.items() if value is not None and name not in has
        }
        if record.queued is not None and end.outcome is not Outcome.ANSWERED:  # else they had waited before
            columns["dequeued"] = end.connected
        if record.connected is not None and record.operator is not None and (row is None or row.case is None):
            state = CallState(
                id=call_id,
                flow="",
                node=FALLBACK,
                number=record.number or "",
                caller=caller or "",
                country=country,
                language=record.language or "",
                topic=record.topic,
                case=self.new_case_reference(),
            )
            self._case(state, record.connected)
            if state.case is not None:
                columns["case_reference"] = state.case
        return columns

    def decision(self, decision: Decision) -> None:
        """Record which operator a call was offered to, and why."""
        reason, data = describe_reason(decision.reason), asdict(decision.reason)
        row = {"kind": "offer", "call_id": decision.call, "operator_id": decision.operator}
        self.journal.put("decision", **row, reason=reason, data=data)

    def waits(self, call_id: str, why: WaitReason) -> None:
        """Record why a caller waits."""
        reason, data = describe_wait(why), asdict(why)
        self.journal.put("decision", kind="wait", call_id=call_id, operator_id=why.operator, reason=reason, data=data)

    def operator_state(self, operator: Operator, call_id: str | None, at: datetime | None = None) -> None:
        """Record an operator's state; `at` is since when, if not since now."""
        self.journal.put(
            "operator_state",
            at=at or clock.now(),
            operator_id=operator.id,
            state=operator.state.value,
            reason=operator.reason or None,
            call_id=call_id,
            idle_since=instant(operator.since) if operator.state is OperatorState.READY else None,
            until=instant(operator.until) if operator.until is not None else None,
            by="service",
        )

    def operators(self, entries: tuple[OperatorEntry, ...]) -> None:
        """Record the list of operators as it was loaded, so that reports know their names."""
        now = clock.now()
        for entry in entries:
            self.journal.put(
                "operator",
                id=entry.id,
                name=entry.name,
                languages=entry.languages,
                topics=sorted(entry.topics),
                supervisor=entry.supervisor,
                changed=now,
            )

    def hours_forced(self, override: Override, cancelled: UUID | None) -> UUID | None:
        """Record a forced state in place of the `cancelled` one; return its id, None for `auto`."""
        now = clock.now()
        if cancelled is not None:
            self.journal.put("hours_override", id=cancelled, cancelled=now)
        if override.force.value == "auto":
            if cancelled is not None:
                self.journal.put("audit", by=override.by, act="hours_auto", reason=override.why or None)
            return None
        new = uuid7()
        self.journal.put(
            "hours_override",
            id=new,
            kind=override.force.value,
            begins=now,
            ends=override.until,
            reason=override.why or None,
            by=override.by,
            made=now,
        )
        return new

    def holiday_ruled(
        self, day: date, ruling: Ruling | None, calendar_name: str, by: str, cancelled: UUID | None
    ) -> UUID | None:
        """Record the administrator's ruling on a day in place of the `cancelled` one; return its id.

        None if there is no ruling any more.
        """
        now = clock.now()
        if cancelled is not None:
            self.journal.put("hours_override", id=cancelled, cancelled=now)
        if ruling is None:
            self.journal.put("audit", by=by, act="holiday_forgotten", about=f"day:{day}")
            return None
        new, kind = uuid7(), HoursKind.HOLIDAY if ruling.names else HoursKind.NO_HOLIDAY
        name = name_in(ruling.names, "en") or calendar_name or None
        self.journal.put("hours_override", id=new, kind=kind.value, day=day, name=name, by=by, made=now)
        return new

    def announced(self, text: str | None, why: str, by: str) -> None:
        """Record the announcement that callers hear first; None: it was switched off."""
        act, about = ("announce", f"text:{text}") if text is not None else ("announce_off", None)
        self.journal.put("audit", by=by, act=act, about=about, reason=why or None)
