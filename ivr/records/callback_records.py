"""What is kept of wishes to be called back, besides their own rows: what became of them, in the files."""

from datetime import datetime, timedelta
from uuid import UUID

from db.callback_requests import CallbackRequest
from db.enums import CallbackKind, CaseKind
from db.ids import call_id
from ivr.model import clock
from ivr.model.call_state import CallState
from ivr.model.e164 import country_of
from ivr.records.recorder import DUE_H, Recorder
from ivr.site.callback_rules import MOST_TRIES


def happened(recorder: Recorder, wish: CallbackRequest, what: str, data: dict[str, object]) -> None:
    """In the story of the call in which it was wished."""
    if wish.call_id is not None:
        recorder.call_event(str(wish.call_id), f"callback_{what}", "", {"wish": str(wish.id), **data})


def wished(recorder: Recorder, wish: CallbackRequest) -> None:
    """A wish that did not come from a call's own node."""
    recorder.journal.put(
        "callback",
        id=wish.id,
        kind=wish.kind,
        call_id=wish.call_id,
        case_reference=wish.case_reference,
        number=wish.number,
        country=wish.country,
        language=wish.language,
        topic=wish.topic,
        operator_id=wish.operator_id,
        priority=wish.priority,
        wished=wish.wished,
        waiting_since=wish.waiting_since or wish.wished,
        due=wish.due,
    )


def told_wished(recorder: Recorder, state: CallState, reference: str) -> None:
    """To be called when the state of a file changes, on his own number. Said twice in a call, it is one wish."""
    call = UUID(state.id)
    recorder.journal.put(
        "callback",
        id=call_id("told", f"{state.id}-{reference}", call.int >> 80),
        kind=CallbackKind.CASE.value,
        call_id=call,
        case_reference=reference,
        number=state.caller,
        country=country_of(state.caller),
        language=state.language,
        topic=state.topic,
        wished=clock.now(),
    )


def audited(recorder: Recorder, wish: CallbackRequest, act: str, by: str, why: str) -> None:
    """What somebody has done with a wish."""
    data = {"number": wish.number, "state": wish.state}
    recorder.journal.put("audit", by=by, act=act, about=f"callback:{wish.id}", reason=why or None, data=data)


def failed(recorder: Recorder, wish: CallbackRequest, now: datetime) -> None:
    """Nobody was reached, or nobody was called in time: a file that is due, or a note in the file that it was about.
    Said twice, it counts once."""
    became = f"was dialled {MOST_TRIES} times and not reached" if wish.tries >= MOST_TRIES else "was not called back"
    said = f"{wish.number} {became} ({wish.reason})"
    if wish.kind == CallbackKind.CASE:
        note = {"id": wish.id, "case_reference": wish.case_reference, "author": "service", "at": wish.ended or now}
        recorder.journal.put("case_note", **note, text=f"The change of state could not be told by telephone: {said}.")
    elif wish.case_reference is not None:
        recorder.journal.put(
            "case_file",
            reference=wish.case_reference,
            kind=CaseKind.CALLBACK.value,
            topic=wish.topic,
            language=wish.language,
            country=wish.country,
            call_id=wish.call_id,
            caller=wish.number,
            title=f"Call back: {said}",
            opened=wish.ended or now,
            due=(wish.ended or now) + timedelta(hours=DUE_H),
        )
