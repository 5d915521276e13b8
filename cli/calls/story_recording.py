"""Events of messages and of recorded conversations as lines of `hatif call ID`."""

from collections.abc import Mapping
from typing import Any


def format_event(event: Mapping[str, Any]) -> str | None:
    """Return an event as a sentence, None for an event of another kind."""
    data: Mapping[str, Any] = event["data"]
    match event["kind"]:
        case "consent":
            return f"{'agrees' if data['agreed'] else 'does not agree'} to the recording of the conversation"
        case "recorded":
            return "the conversation is recorded"
        case "recording":
            return "records a message after the tone"
        case "message":
            return f"leaves a message of {data['seconds']:.0f} s{_with_reference(data)}"
        case "message_refused":
            return f"cannot leave a message: the limit {data['why']} is reached"
        case "not_recorded":
            return f"the conversation is not recorded: the limit {data['why']} is reached"
        case "recording_failed":
            return f"the message could not be recorded{_with_reference(data)}"
    return None


def _with_reference(data: Mapping[str, Any]) -> str:
    return f", which is case {data['reference']}" if data.get("reference") else ""
