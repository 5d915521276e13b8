"""The wishes for people: each with what was dialled for it, and why it is not dialled now."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from db.callback_requests import CallbackRequest, DialCounts
from db.enums import CallbackKind, CallbackState
from ivr.callbacks.facts import due_of, facts_of, who_is_at
from ivr.callbacks.request_states import AT_WORK, call_of, routing_age
from ivr.site import callback_rules
from ivr.site.site import Site

if TYPE_CHECKING:
    from ivr.call.call import Opening

_AT_WORK = {
    CallbackState.RINGING_OPERATOR: "an operator is being rung",
    CallbackState.RINGING_CALLER: "the number is being rung",
    CallbackState.CONNECTED: "they talk",
}


def rows(
    wishes: Sequence[CallbackRequest],
    tries: Mapping[UUID, Sequence[Mapping[str, Any]]],
    dialled: DialCounts,
    site: Site,
    opening: "Opening",
    now: datetime,
    waiting: Mapping[str, int] | None = None,
) -> list[dict[str, Any]]:
    """As `hatif callbacks --json` gives them. `waiting`: by call id the place in the floor; None: nobody knows."""
    whys = {each.id: _why(each, dialled, site, opening, now) for each in wishes}
    nights = {
        each.id: _night(each.number, site, now)
        for each in wishes
        if whys[each.id] is callback_rules.Not.NIGHT and each.state not in AT_WORK
    }
    # As the desk has it: one wish of a number at a time.
    first = {
        each.number: each
        for each in sorted(wishes, key=lambda each: (each.state not in AT_WORK, each.wished, each.id), reverse=True)
        if each.state in AT_WORK or whys[each.id] is None
    }
    return [
        _row(
            each,
            tries.get(each.id, ()),
            nights.get(each.id) or _why_not(each, whys[each.id], waiting, site.node, first.get(each.number, each)),
        )
        for each in wishes
    ]


def _why(
    wish: CallbackRequest, dialled: DialCounts, site: Site, opening: "Opening", now: datetime
) -> callback_rules.Not | None:
    facts = facts_of(site, opening, wish, dialled, now)
    ended = wish.ended is not None
    return callback_rules.why_not(wish.number, due=due_of(wish), tries=wish.tries, ended=ended, facts=facts)


def _night(number: str, site: Site, now: datetime) -> str:
    """That it may not be dialled at this hour, and when it may, by the site's clock."""
    where = [ZoneInfo(each) for each in callback_rules.zones(number)]
    begins = callback_rules.allowed_next(now, where, site.callbacks.windows)
    if begins is None:
        night = callback_rules.REASONS[callback_rules.Not.NIGHT]
        return f"{night}, and never is: the hours in [callbacks] of site.toml are too few"
    here = begins.astimezone(ZoneInfo(site.hours.timezone))
    return f"{callback_rules.REASONS[callback_rules.Not.NIGHT]} before {here:%A %Y-%m-%d %H:%M}"


def _row(wish: CallbackRequest, tries: Sequence[Mapping[str, Any]], why_not: str) -> dict[str, Any]:
    return {
        "id": str(wish.id),
        "kind": wish.kind,
        "state": wish.state,
        "number": wish.number,
        "country": wish.country,
        "language": wish.language,
        "topic": wish.topic,
        "operator": wish.operator_id,
        "case": wish.case_reference,
        "wished": wish.wished,
        "waiting_since": routing_age(wish),
        "due": due_of(wish),
        "tries": wish.tries,
        "tried": wish.tried,
        "reason": wish.reason,
        "why_not": why_not,
        "call": str(wish.call_id) if wish.call_id is not None else None,
        "dialled_call": str(wish.dialled_call_id) if wish.dialled_call_id is not None else None,
        "ended": wish.ended,
        "dialled": [dict(each) for each in tries],
    }


def _why_not(
    wish: CallbackRequest,
    why: callback_rules.Not | None,
    waiting: Mapping[str, int] | None,
    node: str,
    first: CallbackRequest,
) -> str:
    """In one sentence, why it is not dialled at this moment. `node`: this one; `first`: of the wishes of the number."""
    if wish.state in AT_WORK:
        found = _AT_WORK[CallbackState(wish.state)]
        return found if wish.claim is None or wish.claim.node == node else f"{found}, by the node {wish.claim.node}"
    if why is not None:
        return callback_rules.REASONS[why]
    if first is not wish and first.state in AT_WORK:
        return f"another wish of the same number is at work ({who_is_at(first, node)})"
    if first is not wish:
        return "another wish of the same number goes first"
    if wish.kind == CallbackKind.CASE:
        return "is dialled within seconds"
    if waiting is None:
        return "the controller does not answer: nobody is called"
    place = waiting.get(str(call_of(wish)))
    language = f"speaks {wish.language}" if wish.language else "is free"
    return (
        f"waits for an operator who {language}, at place {place}" if place else "an operator is offered it in a moment"
    )
