"""Records of calls that ended without a controller, or with Asterisk: messages, and notes in case files."""

from typing import TYPE_CHECKING
from uuid import UUID

from db.enums import CaseKind, Outcome
from ivr.model import clock
from ivr.model.call_state import CallState
from ivr.records.recorder import DUE_H, Recorder
from ivr.records.voicemail import StoredMessage

if TYPE_CHECKING:
    from db.read import Call as CallRow


def record_message(recorder: Recorder, call: "CallRow", left: StoredMessage, category: str, kind: CaseKind) -> None:
    """Record a message that was not stored when its caller hung up, for example because there was no controller."""
    state = CallState(
        id=str(call.id),
        flow="",
        node="",
        number=call.number or "",
        caller=call.caller or "",
        country=call.country,
        language=call.language or "",
        topic=call.topic,
    )
    reference = recorder.new_case_reference()
    # Before the message, which is written to the disk at once: what follows it might be lost.
    if call.connected is None:
        recorder.call(state.id, outcome=Outcome.MESSAGE.value)
    recorder.call_event(
        state.id,
        "message",
        "",
        {"file": left.file, "seconds": round(left.seconds, 1), "reference": reference, "gone": True},
    )
    recorder.message(state, left, category, kind, reference, DUE_H)
    if left.cut and reference is not None:
        text = f"The message was cut off after {left.seconds:.0f} s: Asterisk ended while it was recorded."
        record_note(recorder, left.id, reference, call.id, text)


def record_note(recorder: Recorder, identity: UUID, reference: str, call_id: UUID, text: str) -> None:
    """Record a note of the service in a case file. Idempotent: `identity` is the id of what the note is about."""
    row = {"id": identity, "case_reference": reference, "call_id": call_id, "author": "service", "at": clock.now()}
    recorder.journal.put("case_note", **row, text=text)
