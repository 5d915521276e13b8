"""The journal record of a call that a dialplan served by itself, without Hatif's flow, queue and operators' states."""

from dataclasses import dataclass
from datetime import datetime

from db.enums import Outcome
from ivr.records.recorder import Recorder

NODE = "dialplan"
"""The only entry of the path of such a call."""


@dataclass(frozen=True, slots=True)
class DialplanCall:
    """A call that has ended. `caller` is in E.164; None: withheld, or not a number."""

    id: str
    channel: str
    outcome: Outcome
    number: str | None
    caller: str | None
    caller_raw: str | None
    country: str | None
    language: str | None
    topic: str | None
    operator: str | None
    case: str | None
    started: datetime
    queued: datetime | None
    connected: datetime | None
    ended: datetime


def record(recorder: Recorder, call: DialplanCall) -> None:
    """Record the call, on the disk when this returns. Idempotent: the last record of a call counts."""
    recorder.call(
        call.id,
        channel_id=call.channel,
        outcome=call.outcome.value,
        number=call.number,
        caller=call.caller,
        caller_raw=call.caller_raw,
        country=call.country,
        language=call.language,
        topic=call.topic,
        operator_id=call.operator,
        case_reference=call.case,
        path=[NODE],
        started=call.started,
        line_answered=call.connected,
        queued=call.queued,
        dequeued=(call.connected or call.ended) if call.queued is not None else None,
        connected=call.connected,
        ended=call.ended,
    )
    recorder.call_event(call.id, "ended", NODE, {"by": NODE, "outcome": call.outcome.value})
    recorder.counts.call(call.id, call.outcome, call.language, call.number)
    recorder.journal.flush()
