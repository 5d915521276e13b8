"""Requests for a procedure of the guide in writing, as calls record them; `office.guide_requests` ends them."""

from datetime import timedelta
from uuid import UUID

from db.ids import call_id
from ivr.model import clock
from ivr.model.call_state import CallState
from ivr.model.e164 import country_of
from ivr.records.recorder import Recorder


def record_guide_request(recorder: Recorder, state: CallState, procedure: str, number: str, due_h: int) -> None:
    """Record that a caller wants a procedure in writing, due in `due_h` hours. Idempotent within a call."""
    now, call = clock.now(), UUID(state.id)
    recorder.journal.put(
        "guide_request",
        id=call_id("guide", f"{state.id}-{procedure}-{number}", call.int >> 80),
        call_id=call,
        procedure=procedure,
        number=number,
        country=country_of(number),
        language=state.language,
        topic=state.topic,
        requested=now,
        due=now + timedelta(hours=due_h),
    )
