"""Handles a REFER from a telephone in a conversation: grants or refuses it, and answers the telephone."""

from ivr.asterisk.ari import events
from ivr.call.leg import Leg
from ivr.talk import grants
from ivr.talk.controls import ConversationControls
from ivr.talk.operator_requests import Act, Refusal, Target
from ivr.talk.refer import DONE, REFUSED, answer, parse_target


async def handle_refer(conversation: ConversationControls, event: events.ChannelTransfer) -> None:
    """Grant a REFER or refuse it; tell the telephone the result and, after a refusal, the operator the reason."""
    call, colleague = conversation.call, conversation.colleague
    lines = (conversation.leg.id, conversation.state.via)
    ours = {*lines, colleague.id if colleague is not None else None} - {None}
    if event.again and (
        event.channel_id in conversation.answered_refers or not ours & {event.channel_id, event.replaces}
    ):
        return  # reported twice and answered already, or from an earlier conversation
    conversation.answered_refers.add(event.channel_id)
    asks = (
        colleague.operator if colleague is not None and colleague.id == event.channel_id else conversation.leg.operator
    )
    attended = event.replaces is not None
    asked_first = colleague.operator if attended and colleague is not None else None
    call.event("referred", by=asks, to=event.to[:40], attended=attended, colleague=asked_first)
    if event.channel_id in lines and event.replaces is not None:
        refusal = await _attended(conversation, event)
    elif event.channel_id == conversation.leg.id:
        refusal = await _blind(conversation, event)
    else:
        refusal = Refusal.NOT_NOW  # a colleague has no caller yet to transfer
    if refusal is None:
        return
    await call.services.link.send(*answer(event.channel_id, REFUSED))
    if event.channel_id == conversation.leg.id:
        await grants.tell_operator(conversation, refusal.value)
    else:
        await conversation.prompts.tell(Leg(event.channel_id, asks), refusal.value)


async def _blind(conversation: ConversationControls, event: events.ChannelTransfer) -> Refusal | None:
    call, operator = conversation.call, conversation.leg.operator
    target = parse_target(event.to, call.services.site.codes, call.services.site.languages, grants.topics_of(call.flow))
    if not isinstance(target, Refusal):
        return await grants.grant(conversation, Act.TRANSFER, target, "refer", operator)
    call.event(
        "request_refused", act="transfer", target=event.to[:40], way="refer", by=operator, why=target.name.lower()
    )
    return target


async def _attended(conversation: ConversationControls, event: events.ChannelTransfer) -> Refusal | None:
    """Transfer the caller to the colleague on the operator's other line; either line may be the one to be replaced."""
    lines = {event.channel_id, event.replaces}
    if lines != {conversation.leg.id, conversation.state.via}:
        return Refusal.NOT_NOW
    refusal = grants.check_complete(conversation)
    if refusal is not None:
        return refusal
    # The answer comes first: after the transfer the line no longer exists.
    await conversation.call.services.link.send(*answer(event.channel_id, DONE))
    return await grants.grant(conversation, Act.COMPLETE, Target(), "refer", conversation.leg.operator)
