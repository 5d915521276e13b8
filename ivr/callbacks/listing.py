"""The list of call-back requests for people: each with its attempts, and why it is not dialled now."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from db.callback_requests import CallbackRequest, DialCounts
from db.enums import CallbackKind, CallbackState
from ivr.callbacks.facts import describe_holder, due_of, facts_of
from ivr.callbacks.request_states import AT_WORK, call_of, routing_age
from ivr.site import callback_rules
from ivr.site.site import Site

if TYPE_CHECKING:
    from ivr.call.services import Opening

_AT_WORK = {
    CallbackState.RINGING_OPERATOR: "an operator is being rung",
    CallbackState.RINGING_CALLER: "the number is being rung",
    CallbackState.CONNECTED: "they talk",
}


def rows(
    requests: Sequence[CallbackRequest],
    tries: Mapping[UUID, Sequence[Mapping[str, Any]]],
    dialled: DialCounts,
    site: Site,
    opening: "Opening",
    now: datetime,
    waiting: Mapping[str, int] | None = None,
    *,
    full: bool = False,
) -> list[dict[str, Any]]:
    """Return the rows of `hatif callbacks --json`.

    `waiting` is the position in the queue by call id; None if it is not known. `full`: whether no further operator may
    call back now.
    """
    reasons = {request.id: _why(request, dialled, site, opening, now) for request in requests}
    nights = {
        request.id: _night(request.number, site, now)
        for request in requests
        if reasons[request.id] is callback_rules.Not.NIGHT and request.state not in AT_WORK
    }
    # As the dispatcher does it: one request of a number at a time.
    first = {
        request.number: request
        for request in sorted(
            requests, key=lambda item: (item.state not in AT_WORK, item.wished, item.id), reverse=True
        )
        if request.state in AT_WORK or reasons[request.id] is None
    }
    return [
        _row(
            request,
            tries.get(request.id, ()),
            nights.get(request.id)
            or _why_not(request, reasons[request.id], waiting, site.node, first.get(request.number, request), full),
        )
        for request in requests
    ]


def _why(
    request: CallbackRequest, dialled: DialCounts, site: Site, opening: "Opening", now: datetime
) -> callback_rules.Not | None:
    facts = facts_of(site, opening, request, dialled, now)
    ended = request.ended is not None
    return callback_rules.why_not(request.number, due=due_of(request), tries=request.tries, ended=ended, facts=facts)


def _night(number: str, site: Site, now: datetime) -> str:
    """Return that the number may not be dialled at this hour, and from when it may, by the site's clock."""
    zones = [ZoneInfo(name) for name in callback_rules.zones(number)]
    begins = callback_rules.allowed_next(now, zones, site.callbacks.windows)
    if begins is None:
        night = callback_rules.REASONS[callback_rules.Not.NIGHT]
        return f"{night}, and never is: the hours in [callbacks] of site.toml are too few"
    here = begins.astimezone(ZoneInfo(site.hours.timezone))
    return f"{callback_rules.REASONS[callback_rules.Not.NIGHT]} before {here:%A %Y-%m-%d %H:%M}"


def _row(request: CallbackRequest, tries: Sequence[Mapping[str, Any]], why_not: str) -> dict[str, Any]:
    return {
        "id": str(request.id),
        "kind": request.kind,
        "state": request.state,
        "number": request.number,
        "asked_by": request.asked_by,
        "country": request.country,
        "language": request.language,
        "topic": request.topic,
        "operator": request.operator_id,
        "case": request.case_reference,
        "wished": request.wished,
        "waiting_since": routing_age(request),
        "due": due_of(request),
        "tries": request.tries,
        "tried": request.tried,
        "reason": request.reason,
        "why_not": why_not,
        "call": str(request.call_id) if request.call_id is not None else None,
        "dialled_call": str(request.dialled_call_id) if request.dialled_call_id is not None else None,
        "ended": request.ended,
        "dialled": [dict(row) for row in tries],
    }


def _why_not(
    request: CallbackRequest,
    why: callback_rules.Not | None,
    waiting: Mapping[str, int] | None,
    node: str,
    first: CallbackRequest,
    full: bool,
) -> str:
    """Return why a request is not dialled at this moment, in one sentence.

    `node` is this node; `first` is the request of the same number that goes first.
    """
    if request.state in AT_WORK:
        found = _AT_WORK[CallbackState(request.state)]
        return (
            found
            if request.claim is None or request.claim.node == node
            else f"{found}, by the node {request.claim.node}"
        )
    if why is not None:
        return callback_rules.REASONS[why]
    if first is not request and first.state in AT_WORK:
        return f"another request of the same number is at work ({describe_holder(first, node)})"
    if first is not request:
        return "another request of the same number goes first"
    if request.kind == CallbackKind.CASE:
        return "is dialled within seconds"
    if full and not (waiting or {}).get(str(call_of(request))):
        return callback_rules.REASONS[callback_rules.Not.SHARE]
    if waiting is None:
        return "the controller does not answer: nobody is called"
    position = waiting.get(str(call_of(request)))
    if not position:
        return "an operator is offered it in a moment"
    language = f"speaks {request.language}" if request.language else "is free"
    return f"waits for an operator who {language}, at position {position}"
