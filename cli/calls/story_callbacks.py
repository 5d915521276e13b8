"""Events of call-back requests, and of the calls made for them, as lines of `hatif call ID`."""

from collections.abc import Mapping
from typing import Any

_WHY_CALLED = {
    "waiting": "requested while waiting",
    "closed": "requested while the line was closed",
    "case": "to announce the state of a case file",
    "operator": "requested by an operator",
}
_FAILURES = {
    "no_key": "nobody pressed a key",
    "no_answer": "nobody answered",
    "busy": "the number was busy",
    "unreachable": "the number could not be reached",
    "lost": "the call was cut off",
}


def format_event(event: Mapping[str, Any]) -> str | None:
    """Return an event as a sentence without its subject, the caller; None for an event of another kind."""
    data: Mapping[str, Any] = event["data"]
    match event["kind"]:
        case "callback" if "request" in data:
            return f"is called back: {_WHY_CALLED.get(data['kind'], data['kind'])} (request {data['request']})"
        case "callback":
            return f"requests a call-back to {data['number']}"
        case "cut_off":
            return f"was cut off, since Asterisk ended: will be called back (request {data['request']})"
        case "callback_given_up":
            return "requests a call-back, but gives no number that can be called: nothing was noted"
        case "callback_refused":
            return f"requests a call-back to {data['number']}: the limit {data['why']} is reached, nothing was noted"
        case "callback_dialled":
            purpose = f"operator {data['operator']} is waiting" if data["operator"] else "to announce the case's state"
            return f"call-back: dials {data['number']}, attempt {data['try_number']}; {purpose}"
        case "callback_next_server":
            return f"call-back: one server of the carrier did not take it; dials by its {data['server']}. one"
        case "callback_missed":
            then = "another attempt will follow" if data["again"] else "that was the last attempt"
            why = _FAILURES.get(data["outcome"], str(data["outcome"]).replace("_", " "))
            return f"call-back: attempt {data['try_number']} failed, {why}; {then}"
        case "callback_not_asked":
            return f"call-back: the person on {data['number']} had not asked for it"
        case "callback_declined":
            return f"call-back: operator {data['operator']} declined it ({str(data['reason']).replace('_', ' ')})"
        case "callback_expired":
            return f"call-back: given up, {data['reason']}"
        case "case_call_requested":
            return f"asks to be called on {data['number']} when the state of case {data['reference']} changes"
        case "case_call_applicant":
            return f"enters the right PIN of case {data['reference']}, which is locked: {data['number']} is called"
        case "case_call_refused":
            why = str(data["why"]).replace("_", " ")
            return f"asks to be called when the state of case {data['reference']} changes, which is refused: {why}"
    return None
