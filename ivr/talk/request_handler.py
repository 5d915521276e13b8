"""What happens during a conversation and may be a request of the operator: keys, REFER, hold, the API."""

import asyncio

from ivr.asterisk.ari import events
from ivr.call.call import Item
from ivr.model import floor_protocol
from ivr.talk import referring
from ivr.talk.controls import ConversationControls
from ivr.talk.grants import by_code, grant, moment, say_why
from ivr.talk.operator_requests import Act, Target
from routing.states import OfferState


async def look(talk: ConversationControls, item: Item) -> None:
    """What has happened may be a wish."""
    call = talk.call
    await _done(talk, talk.keys.over(asyncio.get_running_loop().time()))
    match item:
        case floor_protocol.OperatorRequest():
            target = Target(item.operator, item.language, item.topic, item.supervisor)
            refusal = await grant(talk, Act(item.act), target, item.way, item.by, item.channel)
            call.services.answer_request(item.id, refusal.value if refusal is not None else None)
        case floor_protocol.Offer():  # nobody has asked for it, or not any more
            withdrawn = floor_protocol.Refused(item.id, call.state.id, item.operator, OfferState.WITHDRAWN)
            call.services.to_floor(withdrawn)
        case events.ChannelDtmfReceived(channel, digit) if channel == talk.leg.id:
            await _pressed(talk, digit)
        case events.ChannelTransfer(wished=True):
            await referring.referred(talk, item)
        case events.ChannelHold(channel) if channel == talk.leg.id:
            call.event("held", by=talk.leg.operator, way="telephone")
            await talk.held_by_telephone(on=True)
        case events.ChannelUnhold(channel) if channel == talk.leg.id:
            call.event("unheld", by=talk.leg.operator, way="telephone")
            await talk.held_by_telephone(on=False)
        case events.PlaybackFinished(_, channel, False) if channel == call.channel and not call.sounding:
            if talk.leg.id in talk.says:
                await moment(talk)  # what the operator hears is longer than that
        case events.PlaybackFinished(_, channel) if channel == talk.leg.id and talk.leg.id not in talk.says:
            if call.sounding:
                await call.step()  # both are together again


async def _pressed(talk: ConversationControls, digit: str) -> None:
    await talk.heard_enough()
    await _done(talk, talk.keys.press(digit, asyncio.get_running_loop().time()))


async def _done(talk: ConversationControls, pressed: tuple[str, str] | None) -> None:
    """What was pressed, once it is whole."""
    if pressed is None:
        return
    code, digits = pressed
    refusal = await by_code(talk, code, digits, "keys", talk.leg.operator)
    if refusal is not None:
        await say_why(talk, refusal)
