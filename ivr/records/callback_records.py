"""Journal records of call-back requests: the requests, their events, and what remains of failed ones in case files."""

from datetime import datetime, timedelta
from uuid import UUID

from db.callback_requests import CallbackRequest
from db.callback_states import MOST_TRIES
from db.enums import CallbackKind, CaseKind
from db.ids import call_id
from ivr.model import clock
from ivr.model.call_state import CallState
from ivr.model.e164 import country_of
from ivr.records.recorder import DUE_H, Recorder


def record_request_event(recorder: Recorder, request: CallbackRequest, event: str, data: dict[str, object]) -> None:
    """Add an event `callback_…` to the story of the call in which the request was made."""
    if request.call_id is not None:
        recorder.call_event(str(request.call_id), f"callback_{event}", "", {"request": str(request.id), **data})


def record_request(recorder: Recorder, request: CallbackRequest) -> None:
    """Record a request that was not made at a node of a call's flow."""
    recorder.journal.put(
        "callback",
        id=request.id,
        kind=request.kind,
        call_id=request.call_id,
        case_reference=request.case_reference,
        number=request.number,
        country=request.country,
        language=request.language,
        topic=request.topic,
        operator_id=request.operator_id,
        priority=request.priority,
        wished=request.wished,
        waiting_since=request.waiting_since or request.wished,
        due=request.due,
    )


def record_case_request(recorder: Recorder, state: CallState, reference: str, *, at_once: bool = False) -> None:
    """Record that a caller is to be called, on their own number, when the state of a case file changes, or now.

    Idempotent within a call.
    """
    call, now = UUID(state.id), clock.now()
    recorder.journal.put(
        "callback",
        id=call_id("told now" if at_once else "told", f"{state.id}-{reference}", call.int >> 80),
        kind=CallbackKind.CASE.value,
        call_id=call,
        case_reference=reference,
        number=state.caller,
        country=country_of(state.caller),
        language=state.language,
        topic=state.topic,
        wished=now,
        asked_by=state.caller or None,
        **({"due": now} if at_once else {}),
    )


def record_audit(recorder: Recorder, request: CallbackRequest, act: str, by: str, why: str) -> None:
    """Record what a person has done with a request."""
    data = {"number": request.number, "state": request.state}
    recorder.journal.put("audit", by=by, act=act, about=f"callback:{request.id}", reason=why or None, data=data)


def record_failure(recorder: Recorder, request: CallbackRequest, now: datetime) -> None:
    """Record a request whose caller was not reached, or not called in time. Idempotent.

    It leaves a case file that is due, or a note in the file that it was about.
    """
    outcome = (
        f"was dialled {MOST_TRIES} times and not reached" if request.tries >= MOST_TRIES else "was not called back"
    )
    at = request.ended or now
    sentence = f"{request.number} {outcome} ({request.reason})"
    if request.kind == CallbackKind.CASE:
        note = {
            "id": request.id,
            "case_reference": request.case_reference,
            "author": "service",
            "at": at,
        }
        what = "The state" if request.at_once else "The change of state"
        recorder.journal.put("case_note", **note, text=f"{what} could not be reported by telephone: {sentence}.")
    elif request.case_reference is not None:
        recorder.journal.put(
            "case_file",
            reference=request.case_reference,
            kind=CaseKind.CALLBACK.value,
            topic=request.topic,
            language=request.language,
            country=request.country,
            call_id=request.call_id,
            caller=request.number,
            title=f"Call back: {sentence}",
            opened=at,
            due=at + timedelta(hours=DUE_H),
        )
