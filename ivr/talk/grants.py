"""Operator requests during a conversation: granted, or refused with a reason."""

import asyncio
import time
from collections.abc import Sequence
from typing import TypeVar

from db.enums import Role
from ivr.call.call import Call, Deadline, Item
from ivr.call.version import Flow
from ivr.model import floor_protocol
from ivr.model.talk_table import Colleague, OperatorPlace, TalkEvent, TalkOutcome, apply_event, invite
from ivr.talk import refer
from ivr.talk.controls import ConversationControls
from ivr.talk.keys import act_of
from ivr.talk.operator_requests import ASKS, OF_LINES, Act, Refusal, Target, candidates, experts, from_keys
from ivr.talk.transfers import ANYBODY, MOST, TARGETS, Transfer

M = TypeVar("M", bound=Item)

_FLOOR_S = 1.0
"""How long the floor may take to say who is there; it takes a millisecond."""

HAPPENS = {
    Act.HOLD: TalkEvent.HOLD,
    Act.UNHOLD: TalkEvent.UNHOLD,
    Act.COMPLETE: TalkEvent.COMPLETE,
    Act.CANCEL: TalkEvent.CANCEL,
    Act.SWAP: TalkEvent.SWAP,
}


def topics_of(flow: Flow[Call]) -> tuple[str, ...]:
    """The topics that callers can have, in the order of the flow; a key counts them from 1."""
    return tuple(dict.fromkeys(topic for node in flow.nodes.values() if (topic := getattr(node, "topic", None))))


async def say_why(talk: ConversationControls, refusal: Refusal) -> None:
    """To the operator alone. Asterisk takes him out of the bridge meanwhile: a caller who would be in silence hears
    that he should wait a moment. Nothing that must be stopped: the controller may be killed now."""
    await talk.tell(talk.leg, refusal.value)
    await moment(talk)


async def moment(talk: ConversationControls) -> None:
    if talk.talk.place in (OperatorPlace.TOGETHER, OperatorPlace.SWAPPED) and not talk.call.on_hold:
        await talk.call.play([(talk.call.state.language, "moment")])


async def by_code(talk: ConversationControls, code: str, digits: str, way: str, by: str) -> Refusal | None:
    """A code with its digits, wherever they were pressed."""
    act, target = act_of(code, digits), Target()
    if act in ASKS:
        meant = from_keys(digits, talk.call.services.site.languages, topics_of(talk.call.flow))
        if isinstance(meant, Refusal):
            return meant
        target = meant
    return await grant(talk, act, target, way, by)


async def grant(
    talk: ConversationControls, act: Act, target: Target, way: str, by: str | None, channel: str | None = None
) -> Refusal | None:
    """None: it is done, or has begun. Else why not, and nothing has changed. `channel`: another line of his."""
    if by is not None and by != talk.leg.operator:
        return Refusal.NOT_NOW  # he was this caller's operator until just now
    by = talk.leg.operator
    if act in OF_LINES:
        return await _line(talk, act, channel)
    refusal = await _ask(talk, act, target, by, way, channel) if act in ASKS else await _do(talk, act, way)
    if refusal is not None:
        talk.call.event("wish_refused", act=act.value, target=str(target), way=way, by=by, why=refusal.name.lower())
    return refusal


async def _line(talk: ConversationControls, act: Act, channel: str | None) -> Refusal | None:
    """Another line of the operator's telephone is there, or not any more."""
    if channel is not None and act is Act.ATTACH:
        return None if await talk.attach(channel) else Refusal.NOT_NOW
    if channel is None or channel != talk.talk.via:
        return Refusal.NOT_NOW
    await talk.happens(TalkEvent.LINE_GONE)
    return None


def complete_refused(talk: ConversationControls) -> Refusal | None:
    """Why the colleague may not have the caller; None: he may."""
    if Transfer.decode(talk.call.state.transfer).count >= MOST:
        return Refusal.TOO_OFTEN
    return Refusal.NOT_NOW if apply_event(talk.talk, TalkEvent.COMPLETE)[1] is TalkOutcome.REFUSED else None


async def _do(talk: ConversationControls, act: Act, way: str) -> Refusal | None:
    if act is Act.HOLD and way != "api":
        # One code for both ways.
        act = Act.UNHOLD if talk.talk.place is OperatorPlace.HELD else act
        act = (
            Act.CANCEL
            if talk.talk.place in (OperatorPlace.CONSULTS, OperatorPlace.SWAPPED, OperatorPlace.ASIDE)
            else act
        )
    if act is Act.COMPLETE and (refusal := complete_refused(talk)) is not None:
        return refusal
    operator = talk.leg.operator
    if not await talk.happens(HAPPENS[act]):
        return Refusal.NOT_NOW
    words = {Act.HOLD: "held", Act.UNHOLD: "unheld", Act.CANCEL: "cancelled", Act.SWAP: "swapped"}
    if act in words:
        talk.call.event(words[act], by=operator, way=way)
    return None


async def _ask(
    talk: ConversationControls, act: Act, target: Target, by: str, way: str, channel: str | None
) -> Refusal | None:
    call, role = talk.call, Role.INTERPRETER if act is Act.INTERPRETER else Role.CONSULTED
    if act is Act.TRANSFER:
        then = apply_event(talk.talk, TalkEvent.TRANSFER)[1]
    else:
        then = invite(talk.talk, Colleague("", "", role))[1]
    if then is TalkOutcome.REFUSED:
        return Refusal.NOT_NOW
    if act is not Act.INTERPRETER and Transfer.decode(call.state.transfer).count >= MOST:
        return Refusal.TOO_OFTEN
    meant = candidates(target, call.services.people, call.services.site.languages, topics_of(call.flow), by)
    if isinstance(meant, Refusal):
        return meant
    seen = await _floor_says(talk, floor_protocol.AskWhoIsFree(call.state.id, meant), floor_protocol.WhoIsFree)
    if seen is None:
        return Refusal.NOT_NOW
    if act is Act.TRANSFER:
        return await _transfer(talk, target, seen, by, way)
    if not seen.ready:
        return Refusal.AWAY
    # Of those who speak a language the best one; the order of `meant` says who that is.
    chosen = next(each for each in meant if each in seen.ready) if target.language is not None else seen.ready[0]
    return await _invite(talk, chosen, role, str(target), by, way, channel if act is Act.CONSULT else None)


async def _invite(
    talk: ConversationControls, chosen: str, role: Role, target: str, by: str, way: str, via: str | None = None
) -> Refusal | None:
    call = talk.call
    answer = await _floor_says(
        talk, floor_protocol.Invite(call.state.id, chosen, role.value), floor_protocol.Offer, floor_protocol.Declined
    )
    if not isinstance(answer, floor_protocol.Offer):
        return Refusal.AWAY
    call.event("invited", operator=chosen, target=target, role=role.value, by=by, way=way)
    await talk.invite(answer, via)
    return None


async def last_resort(talk: ConversationControls) -> None:
    """Routing found nobody who speaks the caller's language and serves his topic, but somebody who can interpret: a
    colleague who serves it joins them, if one is free. For nobody is waited; who is left alone can ask for one. Whom
    somebody has handed on is where he was to go."""
    call, operator = talk.call, talk.leg.operator
    if Transfer.decode(call.state.transfer).count:
        return
    meant = experts(call.state.topic, operator, call.services.people)
    seen = (
        await _floor_says(talk, floor_protocol.AskWhoIsFree(call.state.id, meant), floor_protocol.WhoIsFree)
        if meant
        else None
    )
    chosen = next((each for each in meant if seen is not None and each in seen.ready), None)
    if chosen is not None:
        await _invite(talk, chosen, Role.INTERPRETER, call.state.topic or "", operator, "routing")


async def _transfer(
    talk: ConversationControls, target: Target, seen: floor_protocol.WhoIsFree, by: str, way: str
) -> Refusal | None:
    state = talk.call.state
    there: Sequence[str] = (*seen.ready, *seen.busy)
    if not there:
        return Refusal.AWAY
    named = target.operator is not None or target.supervisor
    to = tuple(there[:TARGETS]) if named else (ANYBODY,)
    made = Transfer.decode(state.transfer).made(to, by, time.time())
    kind = (
        "operator"
        if target.operator
        else "supervisor"
        if target.supervisor
        else "language"
        if target.language
        else "topic"
    )
    talk.call.event("transferred", by=by, to=str(target), to_kind=kind, way=way, count=made.count)
    tells = [refer.progress(talk.leg.id, refer.DONE)] if way == "refer" else []
    await talk.leaves(made, target.language or state.language, target.topic or state.topic, *tells)
    return None


async def _floor_says(talk: ConversationControls, message: floor_protocol.ToFloor, *kinds: type[M]) -> M | None:
    """The floor's answer; None if there is none in time. What else happens meanwhile is kept for later."""
    call = talk.call
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
