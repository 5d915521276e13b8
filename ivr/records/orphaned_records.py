"""What is kept of calls that ended without a controller, or with Asterisk: messages, and notes in cases."""

from typing import TYPE_CHECKING
from uuid import UUID

from db.enums import CaseKind, Outcome
from ivr.model import clock
from ivr.model.call_state import CallState
from ivr.records.recorder import DUE_H, Recorder
from ivr.records.voicemail import Left

if TYPE_CHECKING:
    from db.read import Call as CallRow


def message(recorder: Recorder, call: "CallRow", left: Left, category: str, kind: CaseKind) -> None:
    """A message that nobody kept when its caller hung up, such as for want of a controller."""
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
    recorder.message(state, left, category, kind, reference, DUE_H)
    recorder.call_event(
        state.id,
        "message",
        "",
        {"file": left.file, "seconds": round(left.seconds, 1), "reference": reference, "gone": True},
    )
    if left.cut and reference is not None:
        text = f"The message was cut off after {left.seconds:.0f} s: Asterisk ended while it was recorded."
        note(recorder, left.id, reference, call.id, text)
    if call.ended is None and call.connected is None:
        recorder.call(state.id, outcome=Outcome.MESSAGE.value)


def note(recorder: Recorder, identity: UUID, reference: str, call_id: UUID, text: str) -> None:
    """A note of the service in a case. Idempotent: `identity` is that of what the note is about."""
    row = {"id": identity, "case_reference": reference, "call_id": call_id, "author": "service", "at": clock.now()}
    recorder.journal.put("case_note", **row, text=text)
