"""Why a call-back request is not dialled at this moment, in one sentence. The controller dials by the same rules."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from db.callback_requests import CallbackRequest, DialCounts
from db.callback_states import AT_WORK, describe_holder, due_of
from db.enums import CallbackKind, CallbackState
from ivr.site import callback_rules
from ivr.site.callback_facts import facts_of
from ivr.site.site import Site

_AT_WORK = {
    CallbackState.RINGING_OPERATOR: "an operator is being rung",
    CallbackState.RINGING_CALLER: "the number is being rung",
    CallbackState.CONNECTED: "they talk",
}


@dataclass(frozen=True, slots=True)
class LineNow:
    """What is live of the line.

    Attributes:
        is_open: Whether it is, for a language.
        positions: In the queue, by the id of the request; None while the controller serves no calls.
        on_duty: How many operators are neither away nor paused.
    """

    is_open: Callable[[str | None], bool]
    positions: Mapping[str, int] | None = None
    on_duty: int = 0


def explain(
    requests: Sequence[CallbackRequest], dialled: DialCounts, site: Site, line: LineNow, now: datetime
) -> dict[UUID, str]:
    """Return why each request is not dialled now. `requests`: with all that have not ended."""
    reasons = {request.id: _why(request, dialled, site, line, now) for request in requests}
    # As the dispatcher does it: one request of a number at a time.
    first = {
        request.number: request
        for request in sorted(
            requests, key=lambda item: (item.state not in AT_WORK, item.wished, item.id), reverse=True
        )
        if request.state in AT_WORK or reasons[request.id] is None
    }
    at_work = sum(request.state in AT_WORK and request.kind != CallbackKind.CASE for request in requests)
    is_full = line.positions is not None and callback_rules.is_share_taken(site.callbacks.share, at_work, line.on_duty)

    def sentence(request: CallbackRequest) -> str:
        why, ahead = reasons[request.id], first.get(request.number, request)
        if request.state in AT_WORK:
            work, claim = _AT_WORK[CallbackState(request.state)], request.claim
            return work if claim is None or claim.node == site.node else f"{work}, by the node {claim.node}"
        if why is callback_rules.Not.NIGHT:
            return _night(request.number, site, now)
        if why is not None:
            return callback_rules.REASONS[why]
        if ahead is not request and ahead.state in AT_WORK:
            return f"another request of the same number is at work ({describe_holder(ahead, site.node)})"
        if ahead is not request:
            return "another request of the same number goes first"
        if request.kind == CallbackKind.CASE:
            return "is dialled within seconds"
        return _waits(request, line, is_full)

    return {request.id: sentence(request) for request in requests}


def _why(
    request: CallbackRequest, dialled: DialCounts, site: Site, line: LineNow, now: datetime
) -> callback_rules.Not | None:
    facts = facts_of(site, request, dialled, now, is_open=line.is_open(request.language))
    ended = request.ended is not None
    return callback_rules.why_not(request.number, due=due_of(request), tries=request.tries, ended=ended, facts=facts)


def _night(number: str, site: Site, now: datetime) -> str:
    """Return that the number may not be dialled at this hour, and from when it may, by the site's clock."""
    zones = [ZoneInfo(name) for name in callback_rules.zones(number)]
    begins = callback_rules.allowed_next(now, zones, site.callbacks.windows)
    night = callback_rules.REASONS[callback_rules.Not.NIGHT]
    if begins is None:
        return f"{night}, and never is: the hours in [callbacks] of site.toml are too few"
    here = begins.astimezone(ZoneInfo(site.hours.timezone))
    return f"{night} before {here:%A %Y-%m-%d %H:%M}"


def _waits(request: CallbackRequest, line: LineNow, is_full: bool) -> str:
    if line.positions is None:
        return "the controller does not answer: nobody is called"
    position = line.positions.get(str(request.id))
    if position is None:
        return callback_rules.REASONS[callback_rules.Not.SHARE] if is_full else "an operator is offered it in a moment"
    language = f"speaks {request.language}" if request.language else "is free"
    return f"waits for an operator who {language}, at position {position}"
