"""Offers that a caller has accepted in this call, and that are not made again."""

from ivr.call.call import Call

CALLBACK, MESSAGE = "callback", "message"
"""Being called back, and leaving a message. To be told of a case file's next state is kept as its reference."""

_MOST = 3
"""More are not kept: they have to fit into the call's state."""


def accept(call: Call, what: str) -> None:
    """Keep that the caller has accepted something. Idempotent."""
    others = [item for item in call.state.accepted if item != what]
    call.set(call.state.replace(accepted=(*others, what)[-_MOST:]))
