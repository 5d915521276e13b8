"""A notice shortly before closing time to callers who would only be served after it.

They hear it when they begin to wait, and may request a call-back. Callers who wait anyway are served, however late it
gets.
"""

from datetime import timedelta

from ivr.call.call import Call
from ivr.model import clock, floor_protocol

TEXT = "last_calls"


def is_too_late(call: Call, answer: floor_protocol.Position) -> bool:
    """Return whether the caller's turn is expected after closing time, when that is near (`last_calls_min` in
    site.toml; 0: never)."""
    near, expected = call.services.site.routing.last_calls_min, answer.estimate.seconds
    if not near or expected is None or not answer.estimate.earned:
        return False
    now, state = clock.now(), call.state
    closes = call.services.opening.closes_next(now, line=state.number, language=state.language)
    return closes is not None and closes - now <= timedelta(minutes=near) and now + timedelta(seconds=expected) > closes
