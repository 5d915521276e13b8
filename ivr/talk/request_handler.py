"""Finds operator requests among the items of a conversation: keys, REFER, hold, the API."""

import asyncio

from ivr.asterisk.ari import events
from ivr.call.items import Item
from ivr.model import floor_protocol
from ivr.talk import refer_handler
from ivr.talk.controls import ConversationControls
from ivr.talk.grants import fill_silence, grant, grant_code, tell_operator
from ivr.talk.operator_requests import RECORDING_TEXTS, Act, Target
from routing.states import OfferState


async def handle_item(conversation: ConversationControls, item: Item) -> None:
    """Act on an item if it is a request."""
    call = conversation.call
    await _done(conversation, conversation.codes.finish(asyncio.get_running_loop().time()))
    match item:
        case floor_protocol.OperatorRequest():
            target = Target(item.operator, item.language, item.topic, item.supervisor)
            refusal = await grant(conversation, Act(item.act), target, item.way, item.by, item.channel)
            call.services.answer_request(item.id, refusal.value if refusal is not None else None)
        case floor_protocol.Offer():  # not requested, or no longer wanted
            withdrawn = floor_protocol.Refused(item.id, call.state.id, item.operator, OfferState.WITHDRAWN)
            call.services.to_floor(withdrawn)
        case events.ChannelDtmfReceived(channel, digit) if channel.id == conversation.leg.id:
            await _pressed(conversation, digit)
        case events.ChannelTransfer(requested=True):
            await refer_handler.handle_refer(conversation, item)
        case events.ChannelHold(channel) if channel.id == conversation.leg.id:
            call.event("held", by=conversation.leg.operator, way="telephone")
            await conversation.set_telephone_hold(on=True)
        case events.ChannelUnhold(channel) if channel.id == conversation.leg.id:
            call.event("unheld", by=conversation.leg.operator, way="telephone")
            await conversation.set_telephone_hold(on=False)
        case events.PlaybackFinished(channel_id=call.channel, failed=False) if not call.sounding:
            if conversation.prompts.plays_on(conversation.leg.id):
                await fill_silence(conversation)  # the operator's prompt is longer than this one
        case events.PlaybackFinished(channel_id=conversation.leg.id) if (
            call.sounding and not conversation.prompts.plays_on(conversation.leg.id)
        ):
            await call.step()  # the two are together again


async def _pressed(conversation: ConversationControls, digit: str) -> None:
    await conversation.skip_prompt()
    await _done(conversation, conversation.codes.press(digit, asyncio.get_running_loop().time()))


async def _done(conversation: ConversationControls, pressed: tuple[str, str] | None) -> None:
    """Grant a feature code, once it is complete."""
    if pressed is None:
        return
    code, digits = pressed
    refusal = await grant_code(conversation, code, digits, "keys", conversation.leg.operator)
    if refusal is not None:
        await tell_operator(conversation, refusal.value)
    elif code == "recording" and (recording := conversation.call.recording) is not None:
        await tell_operator(conversation, RECORDING_TEXTS[recording])
