"""A colleague who is called in: from the ringing, over what they hear first, to their being there or gone."""

import asyncio
import math

from ivr.asterisk.ari import events, operations
from ivr.call.call import Item
from ivr.call.leg import Leg, said
from ivr.model import floor_protocol
from ivr.model.talk_table import TalkEvent
from ivr.talk.controls import ConversationControls
from ivr.talk.whisper import Whisper
from routing.states import OfferState, next_offer_state

NEEDS_COLLEAGUE = (TalkEvent.COMPLETE, TalkEvent.OPERATOR_GONE, TalkEvent.OPERATOR_LOST, TalkEvent.SWAP)
"""What cannot wait until a colleague who has picked up has heard all."""


_GONE_S = 1.0
"""So long after a prompt has broken off the end of its channel is waited for."""


async def look(talk: ConversationControls, item: Item, colleague: Leg) -> None:
    """What has happened may be the colleague's."""
    there = talk.talk.colleague is not None and talk.talk.colleague.there
    if isinstance(item, floor_protocol.TelephoneGone) and item.operator == colleague.operator and not there:
        talk.rings_until = math.inf
        talk.offer = next_offer_state(talk.offer, OfferState.UNREACHABLE)
        await talk.call.services.link.send(operations.HANG_UP(colleague.id))
    if there:
        await _of_one_who_is_there(talk, item, colleague)
        return
    heard = said(item, colleague)
    if heard is OfferState.ACCEPTED and talk.offer is OfferState.RINGING:
        talk.offer, talk.rings_until = OfferState.ACCEPTED, math.inf
        assert talk.talk.colleague is not None
        whisper = Whisper(talk.call, colleague.id, colleague.operator, talk.talk.colleague.role)
        if await whisper.begin():
            talk.told = whisper
        else:
            await talk.happens(TalkEvent.ANSWERED)
    elif heard not in (OfferState.RINGING, OfferState.ACCEPTED):
        # Who has heard what it is about, and hangs up, has refused.
        ended = OfferState.REFUSED if talk.told is not None else heard
        talk.offer = ended if talk.told is not None else next_offer_state(talk.offer, ended)
        talk.told = None
        await talk.happens(TalkEvent.COLLEAGUE_GONE, "talk_no_answer")
    elif talk.told is not None and talk.told.is_over(item):
        if isinstance(item, events.PlaybackFinished) and item.failed:
            # So it is where they have hung up, which comes next.
            talk.told.until = asyncio.get_running_loop().time() + _GONE_S
        else:
            await joins(talk)


async def joins(talk: ConversationControls) -> None:
    """The colleague has heard enough."""
    whisper, talk.told = talk.told, None
    if whisper is not None:
        await whisper.end()
        await talk.happens(TalkEvent.ANSWERED)


async def _of_one_who_is_there(talk: ConversationControls, item: Item, colleague: Leg) -> None:
    if isinstance(item, floor_protocol.TelephoneGone) and item.operator == colleague.operator:
        await talk.watch.begin(colleague.id, item)
    if isinstance(item, events.StasisEnd) and item.channel_id == colleague.id:
        colleague.free(talk.call)
    if isinstance(item, events.ChannelDestroyed) and item.channel_id == colleague.id:
        await talk.happens(TalkEvent.COLLEAGUE_GONE, "talk_colleague_gone")
