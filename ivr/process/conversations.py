"""Conversations without a controller: who belongs to whom, and how a caller gets back to their operator. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from db.enums import Role
from ivr.asterisk.ari import operations
from ivr.asterisk.ari.events import Channel
from ivr.asterisk.ari.operations import Request
from ivr.call.bridge_moves import bridge_requests, read_layout
from ivr.controller import reconcile
from ivr.model.call_state import CallState
from ivr.model.talk_table import Colleague, OperatorPlace, Talk, bridge_layout, bridge_name


@dataclass(frozen=True, slots=True)
class Conversation:
    """A caller and the operator who has answered them, wherever both are at this moment.

    Attributes:
        leg: The operator's channel.
        colleague: Who is consulted or interprets, if anybody.
        channels: All of these and the operator's other line.
    """

    caller: Channel
    state: CallState
    leg: str
    colleague: Colleague | None
    channels: frozenset[str]


def find_conversations(channels: Sequence[Channel], bridges: Mapping[str, Iterable[str]]) -> list[Conversation]:
    """Return the conversations of these channels.

    Args:
        bridges: Id to the channels inside.
    """
    up = {channel.id for channel in channels if channel.state == "Up"}
    findings = reconcile.compare(channels, bridges)
    found = []
    for caller, state, leg in findings.resume:
        if leg is None or leg.offer != state.offer or leg.offer not in up:
            continue
        colleague = findings.colleagues.get(state.id)
        legs = {leg.offer, *([colleague.leg] if colleague is not None else ())}
        theirs = tuple(map(bridge_name, legs))
        inside = {member for name, members in bridges.items() if name.startswith(theirs) for member in members}
        found.append(Conversation(caller, state, leg.offer, colleague, frozenset({caller.id, *legs, *inside})))
    return found


def is_apart(conversation: Conversation, bridges: Mapping[str, Iterable[str]]) -> bool:
    """Return whether the operator is elsewhere. With a line of theirs that their own telephone holds, they are not."""
    both = {conversation.caller.id, conversation.leg}
    return not any(both.issubset(members) for members in bridges.values())


def is_meant(conversation: Conversation) -> bool:
    """Return whether the two are apart because the operator wanted that: hold, or a consultation."""
    return conversation.state.operator_place is not OperatorPlace.TOGETHER


def join_again(conversation: Conversation, bridges: Sequence[Mapping[str, Any]]) -> list[Request]:
    """Return the requests that bring the operator back to their caller. A colleague who was consulted is hung up.

    The state is written first, so a controller that is back finds them together and goes on from there.

    Args:
        bridges: Asterisk's list.
    """
    caller, colleague = conversation.caller.id, conversation.colleague
    interprets = colleague is not None and colleague.role is not Role.CONSULTED
    state = conversation.state.replace(operator_place=OperatorPlace.TOGETHER)
    requests = [operations.SET_VARIABLE(caller, variable="HATIF", value=state.encode())]
    if colleague is not None and not interprets:
        requests.append(operations.HANG_UP(colleague.leg))
    before = read_layout(bridges, (caller, conversation.leg, *([colleague.leg] if interprets and colleague else ())))
    talk = Talk(conversation.leg, colleague=colleague if interprets else None)
    requests += bridge_requests(replace(before, music=frozenset({caller})), bridge_layout(talk, caller), caller)
    return requests
