"""Live fragments of the operator's call: the call itself, and the colleagues whom it can go to."""

from desk.live.colleagues import read_colleagues
from desk.live.fragments import OPERATOR, Fragment, Personal, Shared, Values
from desk.live.picture import Picture

CONSULTING = ("consult", "swap", "aside")
"""An operator's places while a colleague is there for them, apart from the caller."""


def read_call(picture: Picture, operator: str) -> Values:
    """Return an operator's call.

    `phase`: `none`; `offered`; `calling` somebody back, who does not answer yet; `talking`; `helping` in the call of
    another operator, who has the caller. `asked_by`: the name of that operator, while they ask for this one, and
    `asked_for`: `consult`, or `interpret` for both.
    """
    known = picture.operator(operator)
    call, colleague = picture.call_of(operator), picture.colleague_of(operator)
    asked_by = asked_for = None
    phase = "none"
    if call is not None and picture.connected:
        is_own = known.call is not None and known.call.place is not None
        phase = "offered" if known.state == "offered" else "talking" if is_own else "helping"
        if phase == "offered" and call.operator not in (None, operator):
            asked_by = picture.operator(str(call.operator)).name
            asked_for = "consult" if call.place in (*CONSULTING, "gone") else "interpret"
    callback = known.callback if call is None and picture.connected else None
    if callback is not None:
        phase = "calling" if callback.caller_rings else "offered"
    return {
        "phase": phase,
        "state": picture.state_of(known),
        "place": known.call.place if known.call is not None else None,
        "call": call,
        "callback": callback,
        "speaks": callback is None or callback.language in (None, *known.languages),
        "asked_by": asked_by,
        "asked_for": asked_for,
        "colleague": colleague.name if colleague is not None else None,
        "is_colleague_there": colleague is not None and colleague.state == "talking",
        "consults": known.call is not None and known.call.place in CONSULTING,
    }


def read_bar(picture: Picture, operator: str) -> Values:
    """Return an operator's state, since when or until when, and their call."""
    known = picture.operator(operator)
    return {
        **read_call(picture, operator),
        "reason": known.reason if picture.connected else None,
        "since": known.since,
        "until": known.until,
        "endings": picture.site.endings,
        "ending_required": picture.site.ending_required,
    }


def bar_fragments(view: str) -> tuple[Fragment, ...]:
    """Return what every page with a telephone shows, for the pages of a view."""
    return (Personal("call/bar.html", read_bar, view), Shared("call/target.html", read_colleagues, view))


FRAGMENTS: tuple[Fragment, ...] = (Personal("call/call.html", read_call), *bar_fragments(OPERATOR))
