"""Live fragments of the supervisors' page: requests for help, conversations, callers who wait, operators."""

from collections.abc import Mapping

from desk.call.fragments import bar_fragments
from desk.live.fragments import Fragment, Personal, Shared, Values
from desk.live.picture import Picture
from desk.shift.fragments import read_line
from wire.live import Call

VIEW = "supervise"


def read_help(picture: Picture) -> Mapping[str, Values]:
    """Return who asks for help, the first one first, with the reason and the call that they are in."""
    asking = [operator for operator in picture.operators.values() if operator.help_since is not None]
    rows = tuple(
        {
            "id": operator.id,
            "name": operator.name,
            "since": operator.help_since,
            "why": operator.help_why,
            "call": _call(picture.call_of(operator.id)),
            "talks": operator.state == "talking",
        }
        for operator in sorted(asking, key=lambda operator: operator.help_since or 0)
    )
    return {"": {"rows": rows}}


def read_talks(picture: Picture) -> Mapping[str, Values]:
    """Return the conversations by operator, the longest first."""
    talking = [
        (operator, call)
        for operator in picture.operators.values()
        if operator.state == "talking" and (call := picture.call_of(operator.id)) is not None
    ]
    rows = tuple(
        {
            "id": operator.id,
            "name": operator.name,
            "since": call.connected,
            "place": operator.call.place if operator.call is not None else None,
            "recording": call.recording,
            "call": _call(call),
        }
        for operator, call in sorted(talking, key=lambda row: row[1].connected or 0)
    )
    return {"": {"rows": rows, "connected": picture.connected}}


def read_waiting(picture: Picture) -> Mapping[str, Values]:
    """Return who waits, the next one first."""
    rows = tuple(
        {
            "place": waiting.place,
            "id": waiting.call,
            "since": waiting.counts_from,
            "language": waiting.language,
            "topic": waiting.topic,
            "is_callback": waiting.callback is not None,
            "is_test": waiting.test,
            "country": call.country if (call := picture.calls.get(waiting.call)) is not None else None,
            "speaks": call.language if call is not None else None,
            "move": call.move if call is not None else None,
            "move_name": _name(picture, call.move.operator) if call is not None and call.move is not None else None,
        }
        for waiting in picture.queue
    )
    return {"": {"rows": rows, "connected": picture.connected}}


def read_operators(picture: Picture) -> Mapping[str, Values]:
    """Return all operators by id, with what a supervisor can change."""
    return {
        operator.id: {
            "id": operator.id,
            "name": operator.name,
            "state": picture.state_of(operator),
            "reason": operator.reason if operator.state in ("paused", "away") else None,
            "since": operator.since,
            "pause_after": operator.pause_after,
            "languages": tuple(operator.languages.items()),
            "is_changed": operator.languages_changed is not None,
            "has_telephone": operator.telephone,
        }
        for operator in picture.operators.values()
    }


def _name(picture: Picture, operator: str | None) -> str | None:
    known = picture.operators.get(operator or "")
    return known.name if known is not None else operator


def _call(call: Call | None) -> Mapping[str, object] | None:
    if call is None:
        return None
    return {"id": call.id, "language": call.language, "topic": call.topic, "country": call.country, "case": call.case}


def read_routing(picture: Picture, operator: str) -> Values:
    """Return whether callers come to a supervisor's telephone."""
    known = picture.operators.get(operator)
    return {"state": picture.state_of(known) if known is not None else None, "connected": picture.connected}


def read_own(picture: Picture, operator: str) -> Values:
    """Return whether a supervisor has a caller of their own."""
    known, call = picture.operators.get(operator), picture.call_of(operator)
    calls_back = known is not None and known.callback is not None
    has_call = picture.connected and (call is not None or calls_back)
    return {"phase": "own" if has_call else "none", "call": call.id if call is not None else None}


FRAGMENTS: tuple[Fragment, ...] = (
    *bar_fragments(VIEW),
    Personal("supervise/own.html", read_own, VIEW),
    Personal("supervise/routing.html", read_routing, VIEW),
    Shared("supervise/help.html", read_help, VIEW),
    Shared("supervise/talks.html", read_talks, VIEW),
    Shared("supervise/waiting.html", read_waiting, VIEW),
    Shared("supervise/operator.html", read_operators, VIEW),
    Shared("shift/line.html", read_line, VIEW),
)
