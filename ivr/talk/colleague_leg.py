"""The colleague in a conversation: from the first ring through the whisper to joining or leaving."""

import asyncio
import math

from ivr.asterisk.ari import events, operations
from ivr.call.items import Item
from ivr.call.leg import Leg, check_unanswered_leg, offer_state_of
from ivr.model import floor_protocol
from ivr.model.talk_table import TalkEvent
from ivr.talk.controls import ConversationControls
from ivr.talk.whisper import Whisper
from routing.states import OfferState, next_offer_state

NEEDS_COLLEAGUE = (TalkEvent.COMPLETE, TalkEvent.OPERATOR_GONE, TalkEvent.OPERATOR_LOST, TalkEvent.SWAP)
"""Events that cannot wait until a colleague who has answered has heard the whole whisper."""


_GONE_S = 1.0
"""How long to wait for the end of a channel after its prompt has failed."""


async def handle_item(conversation: ConversationControls, item: Item, colleague: Leg) -> None:
    """Act on an item if it concerns the colleague."""
    there = conversation.state.colleague is not None and conversation.state.colleague.there
    if isinstance(item, floor_protocol.TelephoneGone) and item.operator == colleague.operator and not there:
        conversation.rings_until = math.inf
        conversation.offer = next_offer_state(conversation.offer, OfferState.UNREACHABLE)
        await conversation.call.services.link.send(operations.HANG_UP(colleague.id))
    if there:
        await _handle_joined(conversation, item, colleague)
        return
    news = offer_state_of(item, colleague.id)
    if news is OfferState.ACCEPTED and conversation.offer is OfferState.RINGING:
        conversation.offer, conversation.rings_until = OfferState.ACCEPTED, math.inf
        assert conversation.state.colleague is not None
        whisper = Whisper(conversation.call, colleague.id, colleague.operator, conversation.state.colleague.role)
        if await whisper.begin():
            conversation.whisper = whisper
        else:
            await conversation.apply(TalkEvent.ANSWERED)
    elif news not in (OfferState.RINGING, OfferState.ACCEPTED):
        # A colleague who hears what it is about and hangs up has refused.
        ended = OfferState.REFUSED if conversation.whisper is not None else news
        conversation.offer = ended if conversation.whisper is not None else next_offer_state(conversation.offer, ended)
        conversation.whisper = None
        await conversation.apply(TalkEvent.COLLEAGUE_GONE, "talk_no_answer")
    elif conversation.whisper is not None and conversation.whisper.is_over(item):
        if isinstance(item, events.PlaybackFinished) and item.failed:
            # This happens when they have hung up; that event comes next.
            conversation.whisper.until = asyncio.get_running_loop().time() + _GONE_S
        else:
            await join(conversation)


async def stop_ringing(conversation: ConversationControls, colleague: Leg) -> None:
    """Hang up a colleague who has not answered in time.

    Their leg reports its end, or its answer; no other telephone rings before that.
    """
    conversation.rings_until = math.inf
    rings = await check_unanswered_leg(conversation.call.services.link, colleague.id)
    if rings is not OfferState.ACCEPTED:
        conversation.offer = next_offer_state(conversation.offer, rings)
        await conversation.call.services.link.send(operations.HANG_UP(colleague.id))


async def join(conversation: ConversationControls) -> None:
    """End the whisper: the colleague has news enough."""
    whisper, conversation.whisper = conversation.whisper, None
    if whisper is not None:
        await whisper.end()
        await conversation.apply(TalkEvent.ANSWERED)


async def _handle_joined(conversation: ConversationControls, item: Item, colleague: Leg) -> None:
    match item:
        case floor_protocol.TelephoneGone(_, operator) | floor_protocol.TelephoneBack(_, operator) if (
            operator == colleague.operator
        ):
            await conversation.watch.add(colleague.id, item)
    if isinstance(item, events.StasisEnd) and item.channel_id == colleague.id:
        colleague.report_free(conversation.call)
    if isinstance(item, events.ChannelDestroyed) and item.channel_id == colleague.id:
        await conversation.apply(TalkEvent.COLLEAGUE_GONE, "talk_colleague_gone")
