"""What a call is about: in the records from the moment at which it is chosen, whatever becomes of the call."""

from dataclasses import replace

from ivr.call.call import Call


def choose(call: Call, topic: str | None) -> None:
    """Note what the call is about; None: the caller's way says nothing of it, and what was known stays."""
    if topic is None or topic == call.state.topic:
        return
    call.set(replace(call.state, topic=topic))
    call.services.recorder.call(call.state.id, topic=topic)
