"""What happened in a conversation, in words: of `hatif call ID`."""

from collections.abc import Mapping
from typing import Any

_WAYS = {
    "api": "the control API",
    "keys": "keys",
    "code": "a code",
    "refer": "his telephone",
    "telephone": "his telephone",
}


def line(event: Mapping[str, Any]) -> str | None:
    """None for what is no event of a conversation."""
    data: Mapping[str, Any] = event["data"]
    by = f"operator {data.get('by')}, by {_WAYS.get(str(data.get('way')), data.get('way'))},"
    match event["kind"]:
        case "held":
            return f"{by} puts him on hold"
        case "unheld":
            return f"{by} takes him off hold"
        case "transferred":
            kind = "operator " if data["to_kind"] == "operator" else ""
            return f"{by} hands him on to {kind}{data['to']} (number {data['count']} in this call)"
        case "invited":
            return f"{by} calls operator {data['operator']} in ({data['role']})"
        case "joined":
            return f"operator {data['operator']} is there ({data['role']})"
        case "left":
            return f"operator {data['operator']} is no longer there: {_who(data['by'])}"
        case "swapped":
            return f"{by} talks with the other one"
        case "cancelled":
            return f"{by} asks his colleague no more"
        case "handed_over":
            return f"operator {data['operator']} has him now, from operator {data['by']}"
        case "referred":
            asked = f"the telephone of operator {data['by']} asks to connect the caller"
            if not data["attended"]:
                return f"{asked} with {data['to']}"
            # Of an attended transfer the telephone names its other line, not a number.
            whom = f"operator {data['colleague']}" if data.get("colleague") else data["to"] or "its other line"
            return f"{asked} with {whom}, after talking to them first"
        case "wish_refused":
            whom = f" {data['target']}" if data["target"] else ""
            return f"{by} asks for {data['act']}{whom} in vain: {data['why'].replace('_', ' ')}"
        case "help_wanted":
            return f"operator {data['operator']} asks for help; no supervisor is free"
        case "help_given":
            return f"operator {data['operator']} asks for help and talks with supervisor {data['supervisor']}"
        case "whispered":
            return f"operator {data['operator']} has picked up and hears what is coming"
    return None


def _who(by: str) -> str:
    said = {"operator": "the operator ended it", "colleague": "he hung up", "caller": "the caller hung up"}
    return said.get(by, by)
