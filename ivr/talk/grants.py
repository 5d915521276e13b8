"""Operator requests during a conversation: granted, or refused with a reason."""

import asyncio
import time
from collections.abc import Sequence
from typing import TypeVar

from db.enums import Role
from ivr.asterisk.ari import operations
from ivr.call import conversation_recording
from ivr.call.call import Call
from ivr.call.items import Deadline, Item
from ivr.call.version import Flow
from ivr.model import floor_protocol
from ivr.model.talk_table import Colleague, OperatorPlace, TalkEvent, TalkOutcome, apply_event, invite
from ivr.talk import refer
from ivr.talk.code_reader import act_for_code
from ivr.talk.controls import ConversationControls
from ivr.talk.operator_requests import (
    LINE_ACTS,
    NEED_TARGET,
    RECORDING_ACTS,
    Act,
    Refusal,
    Target,
    candidates,
    experts,
    target_from_digits,
)
from ivr.talk.transfers import ANYBODY, MOST, TARGETS, Transfer

M = TypeVar("M", bound=Item)

_FLOOR_S = 1.0
"""How long the floor may take to answer; it takes a millisecond."""

TALK_EVENTS = {
    Act.HOLD: TalkEvent.HOLD,
    Act.UNHOLD: TalkEvent.UNHOLD,
    Act.COMPLETE: TalkEvent.COMPLETE,
    Act.CANCEL: TalkEvent.CANCEL,
    Act.SWAP: TalkEvent.SWAP,
}


def topics_of(flow: Flow[Call]) -> tuple[str, ...]:
    """Return the topics that callers can have, in the order of the flow; keys number them from 1."""
    nodes = sorted(flow.nodes.values(), key=lambda node: getattr(node, "topic", None) is None)  # single options last
    return tuple(dict.fromkeys(topic for node in nodes for topic in node.topics()))


async def tell_operator(conversation: ConversationControls, text: str) -> None:
    """Tell the operator alone what became of a request.

    Asterisk takes the operator out of the bridge meanwhile, and the caller, who would hear nothing, is asked to wait a
    moment. Nothing here needs to be stopped later: the controller may be killed at this point.
    """
    await conversation.prompts.tell(conversation.leg, text)
    await fill_silence(conversation)


async def fill_silence(conversation: ConversationControls) -> None:
    talk, call = conversation.state, conversation.call
    if talk.place in (OperatorPlace.TOGETHER, OperatorPlace.SWAPPED) and not talk.gone and not call.on_hold:
        await call.play("moment")


async def grant_code(conversation: ConversationControls, code: str, digits: str, way: str, by: str) -> Refusal | None:
    """Grant a feature code with its digits, wherever it was entered."""
    act, target = act_for_code(code, digits), Target()
    if act in NEED_TARGET:
        parsed = target_from_digits(
            digits, conversation.call.services.site.languages, topics_of(conversation.call.flow)
        )
        if isinstance(parsed, Refusal):
            return parsed
        target = parsed
    return await grant(conversation, act, target, way, by)


async def grant(
    conversation: ConversationControls, act: Act, target: Target, way: str, by: str | None, channel: str | None = None
) -> Refusal | None:
    """Grant a request: return None if it is done or has begun, otherwise why not, and nothing has changed.

    `channel`: another line of the operator's telephone.
    """
    if by is not None and by != conversation.leg.operator:
        return Refusal.NOT_NOW  # they were this caller's operator until just now
    by = conversation.leg.operator
    if act in LINE_ACTS:
        return await _handle_line(conversation, act, channel)
    refusal = (
        await _grant_with_target(conversation, act, target, by, way, channel)
        if act in NEED_TARGET
        else await _grant_plain(conversation, act, way)
    )
    if refusal is not None:
        conversation.call.event(
            "request_refused", act=act.value, target=str(target), way=way, by=by, why=refusal.name.lower()
        )
    return refusal


async def _handle_line(conversation: ConversationControls, act: Act, channel: str | None) -> Refusal | None:
    """Note that another line of the operator's telephone is there, or no longer."""
    if channel is not None and act is Act.ATTACH:
        return None if await conversation.attach(channel) else Refusal.NOT_NOW
    if channel is None or channel != conversation.state.via:
        return Refusal.NOT_NOW
    await conversation.apply(TalkEvent.LINE_GONE)
    return None


def check_complete(conversation: ConversationControls) -> Refusal | None:
    """Return why the colleague may not take over the caller; None if they may."""
    if Transfer.decode(conversation.call.state.transfer).count >= MOST:
        return Refusal.TOO_OFTEN
    return Refusal.NOT_NOW if apply_event(conversation.state, TalkEvent.COMPLETE)[1] is TalkOutcome.REFUSED else None


async def _grant_plain(conversation: ConversationControls, act: Act, way: str) -> Refusal | None:
    if way != "api":
        act = _switched(conversation, act)
    if act is Act.COMPLETE and (refusal := check_complete(conversation)) is not None:
        return refusal
    operator = conversation.leg.operator
    if act is Act.HANG_UP:
        return await _hang_up(conversation, way)
    if act in RECORDING_ACTS:
        granted = await conversation_recording.set_paused(
            conversation.call, conversation.leg.id, paused=act is Act.PAUSE_RECORDING
        )
    else:
        granted = await conversation.apply(TALK_EVENTS[act])
    if not granted:
        return Refusal.NOT_NOW
    words = {
        Act.HOLD: "held",
        Act.UNHOLD: "unheld",
        Act.CANCEL: "cancelled",
        Act.SWAP: "swapped",
        Act.PAUSE_RECORDING: "recording_paused",
        Act.RESUME_RECORDING: "recording_resumed",
    }
    if act in words:
        conversation.call.event(words[act], by=operator, way=way)
    return None


def _switched(conversation: ConversationControls, act: Act) -> Act:
    """Return what a code means at this moment: those for hold and for the recording switch both ways."""
    match act, conversation.state.place:
        case Act.HOLD, OperatorPlace.HELD:
            return Act.UNHOLD
        case Act.HOLD, OperatorPlace.CONSULTS | OperatorPlace.SWAPPED | OperatorPlace.ASIDE:
            return Act.CANCEL
        case Act.PAUSE_RECORDING, _ if conversation.call.recording == "paused":
            return Act.RESUME_RECORDING
    return act


async def _hang_up(conversation: ConversationControls, way: str) -> Refusal | None:
    """End the operator's leg, as if they had hung up their telephone; what follows is the same."""
    if conversation.state.gone:
        return Refusal.NOT_NOW  # there is no leg until their page is back
    conversation.call.event("hung_up", by=conversation.leg.operator, way=way)
    await conversation.call.services.link.send(operations.HANG_UP(conversation.leg.id))
    return None


async def _grant_with_target(
    conversation: ConversationControls, act: Act, target: Target, by: str, way: str, channel: str | None
) -> Refusal | None:
    call, role = conversation.call, Role.INTERPRETER if act is Act.INTERPRETER else Role.CONSULTED
    if call.training is not None:
        return Refusal.NOT_NOW  # a scripted caller rings nobody but the operator in training
    if act is Act.TRANSFER:
        then = apply_event(conversation.state, TalkEvent.TRANSFER)[1]
    else:
        then = invite(conversation.state, Colleague("", "", role))[1]
    if then is TalkOutcome.REFUSED:
        return Refusal.NOT_NOW
    if act is not Act.INTERPRETER and Transfer.decode(call.state.transfer).count >= MOST:
        return Refusal.TOO_OFTEN
    operators = candidates(target, call.services.operators, call.services.site.languages, topics_of(call.flow), by)
    if isinstance(operators, Refusal):
        return operators
    free = await _ask_floor(
        conversation, floor_protocol.AskWhoIsFree(call.state.id, operators), floor_protocol.WhoIsFree
    )
    if free is None:
        return Refusal.NOT_NOW
    if act is Act.TRANSFER:
        return await _transfer(conversation, target, free, by, way)
    if not free.ready:
        return Refusal.AWAY
    # Of the operators who speak a language the best one, as `candidates` orders them.
    chosen = next(name for name in operators if name in free.ready) if target.language is not None else free.ready[0]
    return await _invite(conversation, chosen, role, str(target), by, way, channel if act is Act.CONSULT else None)


async def _invite(
    conversation: ConversationControls, chosen: str, role: Role, target: str, by: str, way: str, via: str | None = None
) -> Refusal | None:
    call = conversation.call
    answer = await _ask_floor(
        conversation,
        floor_protocol.Invite(call.state.id, chosen, role.value),
        floor_protocol.Offer,
        floor_protocol.Declined,
    )
    if not isinstance(answer, floor_protocol.Offer):
        return Refusal.AWAY
    call.event("invited", operator=chosen, target=target, role=role.value, by=by, way=way)
    await conversation.invite(answer, via)
    return None


async def add_expert(conversation: ConversationControls) -> None:
    """Invite a colleague who serves the caller's topic if routing only found an operator who can interpret.

    That happens when nobody both speaks the caller's language and serves the topic. Nobody waits for such a colleague:
    if none is free, the operator can ask for one later. A transferred caller is where they were sent.
    """
    call, operator = conversation.call, conversation.leg.operator
    if call.training is not None or Transfer.decode(call.state.transfer).count:
        return
    operators = experts(call.state.topic, operator, call.services.operators)
    free = (
        await _ask_floor(conversation, floor_protocol.AskWhoIsFree(call.state.id, operators), floor_protocol.WhoIsFree)
        if operators
        else None
    )
    chosen = next((name for name in operators if free is not None and name in free.ready), None)
    if chosen is not None:
        await _invite(conversation, chosen, Role.INTERPRETER, call.state.topic or "", operator, "routing")


async def _transfer(
    conversation: ConversationControls, target: Target, seen: floor_protocol.WhoIsFree, by: str, way: str
) -> Refusal | None:
    state = conversation.call.state
    there: Sequence[str] = (*seen.ready, *seen.busy)
    if not there:
        return Refusal.AWAY
    named = target.operator is not None or target.supervisor
    to = tuple(there[:TARGETS]) if named else (ANYBODY,)
    made = Transfer.decode(state.transfer).hand_on(to, by, time.time())
    kind = (
        "operator"
        if target.operator
        else "supervisor"
        if target.supervisor
        else "language"
        if target.language
        else "topic"
    )
    conversation.call.event("transferred", by=by, to=str(target), to_kind=kind, way=way, count=made.count)
    answers = refer.answer(conversation.leg.id, refer.DONE) if way == "refer" else []
    await conversation.transfer(made, target.language or state.language, target.topic or state.topic, *answers)
    return None


async def _ask_floor(conversation: ConversationControls, message: floor_protocol.ToFloor, *kinds: type[M]) -> M | None:
    """Return the floor's answer, or None if there is none in time. Other items are kept for later."""
    call = conversation.call
    call.services.to_floor(message)
    until = asyncio.get_running_loop().time() + _FLOOR_S
    kept: list[Item] = []
    try:
        while True:
            item = await call.next(until)
            if isinstance(item, kinds):
                return item
            if isinstance(item, Deadline):
                return None
            kept.append(item)
    finally:
        call.put_back(kept)
