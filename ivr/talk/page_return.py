"""An operator whose page was loaded again, or crashed, in a call: the new page gets the same call back.

The browser has ended its audio and its connection, so the channel is of no use: it is hung up, and the caller hears
that they should wait. When the page registers again, it is rung with a channel of the same id. So the offer, the
conversation and its recording go on under their names, and nobody else needs to know. A caller on hold stays there, and
a consulted colleague hears music meanwhile.
"""

import asyncio
import math

from db.enums import Role
from ivr.asterisk.ari import events, operations
from ivr.asterisk.leg_dialing import ANSWER_AT_ONCE
from ivr.call.bridge_moves import MUSIC
from ivr.call.items import Item, RequestFailed
from ivr.call.leg import create_leg
from ivr.model import floor_protocol
from ivr.model.talk_table import OperatorPlace, TalkEvent, bridge_layout
from ivr.talk.controls import ConversationControls
from ivr.talk.operator_prompts import RINGING, leftover_ringing
from ivr.talk.whisper import display

BACK_WITHIN_S = 5.0
"""How long the caller waits for the page. Then they go to the next operator, at the head of the queue."""


class PageReturn:
    """Brings an operator back whose page has gone. At `until` (loop's clock), call `finish`."""

    def __init__(self, conversation: ConversationControls) -> None:
        self._conversation = conversation
        self._rings = False
        self.until = math.inf

    @property
    def is_waiting(self) -> bool:
        """Whether the caller, or a colleague, waits for the page."""
        return self._conversation.state.gone

    async def lost(self, legs: list[str]) -> None:
        """Handle legs of browsers that send nothing any more."""
        conversation = self._conversation
        call, leg = conversation.call, conversation.leg.id
        if leg in legs and await conversation.apply(TalkEvent.PAGE_GONE):
            self.until, self._rings = asyncio.get_running_loop().time() + BACK_WITHIN_S, False
            call.event("page_gone", operator=conversation.leg.operator)
            if self._waits_alone and conversation.state.place in (OperatorPlace.TOGETHER, OperatorPlace.SWAPPED):
                await call.play("moment")
        else:
            conversation.watch.lost.update(legs)
        await call.services.link.send(*map(operations.HANG_UP, legs))

    async def takes(self, item: Item) -> bool:
        """Handle an item about the page while the caller waits for it; return whether it was one."""
        if not self.is_waiting:
            return False
        conversation, call, leg = self._conversation, self._conversation.call, self._conversation.leg
        match item:
            case events.StasisEnd(channel) if channel.id == leg.id:
                pass  # the operator stays in the conversation
            case events.ChannelDestroyed(channel) if channel.id == leg.id:
                was_former, self._rings = not self._rings, False
                if was_former:  # otherwise a new one, that was gone again before it answered
                    await self._ring_if_there()
            case RequestFailed(request) if ("channelId", leg.id) in request.query:
                self._rings = False
            case floor_protocol.TelephoneBack(_, operator) if operator == leg.operator:
                await self._ring_if_there()
            case events.ChannelStateChange(channel) if channel.id == leg.id and channel.state == "Up":
                self.until, self._rings = math.inf, False
                conversation.watch.lost.discard(leg.id)  # it may have been gone again while it rang
                call.event("page_back", operator=leg.operator)
                missed, conversation.prompts.missed = conversation.prompts.missed, None
                await conversation.apply(TalkEvent.PAGE_BACK, missed)
                await self._ring_again()
            case events.PlaybackFinished(channel_id=call.channel) if not call.sounding and self._waits_alone:
                await call.step(operations.MUSIC(call.channel, mohClass=MUSIC))
            case _:
                return False
        return True

    async def finish(self) -> None:
        """Give up: the operator is lost."""
        self.until = math.inf
        if self.is_waiting:
            self._conversation.watch.lost.add(self._conversation.leg.id)
            await self._conversation.call.services.link.send(operations.HANG_UP(self._conversation.leg.id))
            await self._conversation.apply(TalkEvent.OPERATOR_LOST)

    @property
    def _waits_alone(self) -> bool:
        """Whether the caller hears music."""
        caller = self._conversation.call.channel
        return caller in bridge_layout(self._conversation.state, caller).music

    async def _ring_again(self) -> None:
        """Play the ringing tone of a colleague to the operator again, whose channel is a new one."""
        ringing = leftover_ringing(self._conversation.state)
        colleague = self._conversation.state.colleague
        if ringing is not None and colleague is not None and not colleague.there:
            await self._conversation.prompts.play(self._conversation.leg, RINGING, ringing)

    async def _ring_if_there(self) -> None:
        conversation, call, leg = self._conversation, self._conversation.call, self._conversation.leg
        if self._rings or not call.services.in_browser(leg.operator):
            return
        (former,) = await call.services.link.ask(operations.CHANNEL(leg.id))
        if former.ok:
            return  # its end is reported
        self._rings = True
        left = max(1.0, self.until - asyncio.get_running_loop().time())
        shown = display(call.state, leg.operator, Role.OPERATOR)
        create = create_leg(call, leg, left, shown, variables=ANSWER_AT_ONCE)
        await conversation.call.services.link.send(create, refused=call.refused)
