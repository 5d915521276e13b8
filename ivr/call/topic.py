"""The topic of a call, recorded as soon as it is chosen, whatever becomes of the call."""

from ivr.call.call import Call


def choose(call: Call, topic: str | None) -> None:
    """Set the topic. None means that the node has no topic; the previous one stays."""
    if topic is None or topic == call.state.topic:
        return
    call.set(call.state.replace(topic=topic))
    call.services.recorder.call(call.state.id, topic=topic)
