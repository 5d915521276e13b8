"""Call-back requests and the calls that come of them, in words: for `hatif call ID`."""

from collections.abc import Mapping
from typing import Any

_WHY_CALLED = {
    "waiting": "asked for while waiting",
    "closed": "asked for while the line was closed",
    "case": "to tell the state of a case",
    "operator": "asked for by an operator",
}
_MISSED = {
    "no_key": "nobody pressed a key",
    "no_answer": "nobody answered",
    "busy": "the number was busy",
    "unreachable": "the number could not be reached",
    "lost": "it was cut off",
}


def line(event: Mapping[str, Any]) -> str | None:
    """Return None for any other event."""
    data: Mapping[str, Any] = event["data"]
    match event["kind"]:
        case "callback" if "wish" in data:
            return f"is called back: {_WHY_CALLED.get(data['kind'], data['kind'])} (request {data['wish']})"
        case "callback":
            return f"asks to be called back on {data['number']}"
        case "callback_dialled":
            whom = f"operator {data['operator']} is waiting" if data["operator"] else "to tell the state of the case"
            return f"call-back: {data['number']} is dialled, attempt {data['try_number']}; {whom}"
        case "callback_missed":
            then = "it is tried again later" if data["again"] else "that was the last attempt"
            why = _MISSED.get(data["outcome"], str(data["outcome"]).replace("_", " "))
            return f"call-back: attempt {data['try_number']} failed, {why}; {then}"
        case "callback_declined":
            return f"call-back: operator {data['operator']} declined it ({str(data['reason']).replace('_', ' ')})"
        case "callback_expired":
            return f"call-back: given up, {data['reason']}"
        case "told_wished":
            return f"asks to be called on {data['number']} when the state of case {data['reference']} changes"
        case "told_refused":
            why = str(data["why"]).replace("_", " ")
            return f"asks in vain to be called when the state of case {data['reference']} changes: {why}"
    return None
