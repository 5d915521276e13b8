"""Events of a conversation as lines of `hatif call ID`."""

from collections.abc import Mapping
from typing import Any

_WAYS = {
    "api": "the control API",
    "keys": "keys",
    "code": "a feature code",
    "refer": "their telephone",
    "telephone": "their telephone",
}


def format_event(event: Mapping[str, Any]) -> str | None:
    """Return an event as a sentence, None for an event of another kind."""
    data: Mapping[str, Any] = event["data"]
    by = f"operator {data.get('by')}, by {_WAYS.get(str(data.get('way')), data.get('way'))},"
    match event["kind"]:
        case "held":
            return f"{by} puts the caller on hold"
        case "unheld":
            return f"{by} takes the caller off hold"
        case "recording_paused":
            return f"{by} pauses the recording"
        case "recording_resumed":
            return f"{by} goes on with the recording"
        case "hung_up":
            return f"{by} hangs up"
        case "transferred":
            kind = "operator " if data["to_kind"] == "operator" else ""
            return f"{by} transfers the caller to {kind}{data['to']} (transfer {data['count']} of this call)"
        case "invited":
            return f"{by} calls operator {data['operator']} in ({data['role']})"
        case "joined":
            return f"operator {data['operator']} joins ({data['role']})"
        case "left":
            return f"operator {data['operator']} leaves: {_who_ended(data['by'])}"
        case "swapped":
            return f"{by} changes over to the other party"
        case "cancelled":
            return f"{by} withdraws the request to the colleague"
        case "handed_over":
            return f"operator {data['operator']} takes over the caller from operator {data['by']}"
        case "referred":
            request = f"the telephone of operator {data['by']} asks to connect the caller"
            if not data["attended"]:
                return f"{request} with {data['to']}"
            # In an attended transfer the telephone names its other line, not a number.
            party = f"operator {data['colleague']}" if data.get("colleague") else data["to"] or "its other line"
            return f"{request} with {party}, after talking to them first"
        case "request_refused":
            target = f" {data['target']}" if data["target"] else ""
            return f"{by} requests {data['act']}{target}, which is refused: {data['why'].replace('_', ' ')}"
        case "help_wanted":
            return f"operator {data['operator']} asks for help; no supervisor is available"
        case "help_given":
            return f"operator {data['operator']} asks for help and talks with supervisor {data['supervisor']}"
        case "page_gone":
            return f"the page of operator {data['operator']} is gone; the caller is asked to wait for it"
        case "page_back":
            return f"the page of operator {data['operator']} is back in the call"
        case "bad_audio":
            lost, late = round(100 * data["loss"]), round(1000 * data["jitter_s"])
            return f"operator {data['operator']} hears bad audio: {lost} % of packets lost, jitter {late} ms"
        case "whispered":
            return f"operator {data['operator']} has picked up and hears an announcement of the call"
    return None


def _who_ended(by: str) -> str:
    sentences = {
        "operator": "the operator ended it",
        "colleague": "the colleague hung up",
        "caller": "the caller hung up",
    }
    return sentences.get(by, by)
