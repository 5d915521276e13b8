"""A REFER from a telephone in a conversation: granted or refused, and the telephone is told."""

from ivr.asterisk.ari import events
from ivr.call.leg import Leg
from ivr.talk import grants
from ivr.talk.controls import ConversationControls
from ivr.talk.operator_requests import Act, Refusal, Target
from ivr.talk.refer import DONE, REFUSED, meant, progress


async def referred(talk: ConversationControls, event: events.ChannelTransfer) -> None:
    """The telephone is told how it went, and so is who asked if nothing comes of it."""
    call, colleague = talk.call, talk.colleague
    lines = (talk.leg.id, talk.talk.via)
    ours = {*lines, colleague.id if colleague is not None else None} - {None}
    if event.again and (event.channel_id in talk.referred or not ours & {event.channel_id, event.replaces}):
        return  # it came at the same moment, and has been answered; or it is of a conversation before this one
    talk.referred.add(event.channel_id)
    asks = colleague.operator if colleague is not None and colleague.id == event.channel_id else talk.leg.operator
    attended = event.replaces is not None
    asked_first = colleague.operator if attended and colleague is not None else None
    call.event("referred", by=asks, to=event.to[:40], attended=attended, colleague=asked_first)
    if event.channel_id in lines and event.replaces is not None:
        refusal = await _attended(talk, event)
    elif event.channel_id == talk.leg.id:
        refusal = await _blind(talk, event)
    else:
        refusal = Refusal.NOT_NOW  # a colleague has no caller yet whom he could hand on
    if refusal is None:
        return
    await call.services.link.send(progress(event.channel_id, REFUSED))
    if event.channel_id == talk.leg.id:
        await grants.say_why(talk, refusal)
    else:
        await talk.tell(Leg(event.channel_id, asks), refusal.value)


async def _blind(talk: ConversationControls, event: events.ChannelTransfer) -> Refusal | None:
    call, operator = talk.call, talk.leg.operator
    target = meant(event.to, call.services.site.codes, call.services.site.languages, grants.topics_of(call.flow))
    if not isinstance(target, Refusal):
        return await grants.grant(talk, Act.TRANSFER, target, "refer", operator)
    call.event("wish_refused", act="transfer", target=event.to[:40], way="refer", by=operator, why=target.name.lower())
    return target


async def _attended(talk: ConversationControls, event: events.ChannelTransfer) -> Refusal | None:
    """The caller goes to whom the operator has asked on his other line; either line may be the one to be replaced."""
    lines = {event.channel_id, event.replaces}
    if lines != {talk.leg.id, talk.talk.via}:
        return Refusal.NOT_NOW
    refusal = grants.complete_refused(talk)
    if refusal is not None:
        return refusal
    # First this: once it is done there is no line any more to tell it on.
    await talk.call.services.link.send(progress(event.channel_id, DONE))
    return await grants.grant(talk, Act.COMPLETE, Target(), "refer", talk.leg.operator)
