"""From waiting to the end of the conversation, in the caller's own coroutine."""

import time
from dataclasses import replace
from enum import Enum

from ivr import conversations, messages
from ivr.ari import events, operations
from ivr.call import Call, CallerGone
from ivr.flow.nodes.base import CHANGE_LANGUAGE
from ivr.ringing import Leg, after_restart, bridge_of, hang_up_leg, leave_bridge, ring, start_music
from routing.match import Step
from routing.states import OfferState

_NORMAL = (0, 16)
"""ITU-T Q.850 causes of an operator who hung up; others mean that his telephone was lost."""


class Talked(Enum):
    ENDED = "ended"  # the operator hung up
    LEFT = "left"  # the caller wanted something else before


async def wait_for_operator(
    call: Call, steps: tuple[Step, ...], priority: int, resumed: bool, began: float | None = None
) -> Talked:
    """Waits, talks, and says how it ended. Raises CallerGone once the caller has hung up.

    `began`: since when he counts as waiting (POSIX seconds); None: from now on. A caller whose operator's telephone was
    lost waits again, with the age that he had: he is first.
    """
    services = call.services
    since = call.state.since if call.state.since is not None else began or time.time()
    if call.state.since is None:
        # A question before the queue costs him no place, and is no waiting time either.
        services.recorder.call(call.state.id, queued=time.time())
        call.event("waiting", topic=call.state.topic, language=call.state.language)
    call.set(replace(call.state, since=since))
    wait = messages.Wait(call.state.id, steps, since, priority)
    say: str | None = "to_operator"
    try:
        leg: Leg | None = None
        if resumed:
            leg, lost = await after_restart(call, call.leg)
            say = "operator_gone" if lost else None
        while True:
            leg = leg or await _until_connected(call, wait, say)
            if leg is None:
                return Talked.LEFT
            if await _talk(call, leg):
                return Talked.ENDED
            leg, say = None, "operator_gone"
    finally:
        services.to_floor(messages.Leave(call.state.id))
        for offer in call.unread_offers():
            services.to_floor(messages.Refused(offer.id, call.state.id, offer.operator, OfferState.WITHDRAWN))


async def _until_connected(call: Call, wait: messages.Wait, say: str | None) -> Leg | None:
    """Waits with music until an operator is in the bridge; None if the caller wants another language."""
    call.services.to_floor(wait)
    # After a restart the music went on without us; started again, it is certain to play whatever was lost.
    if say is None or not await call.play([(call.state.language, say)]):
        await start_music(call)
    while True:
        item = await call.next()
        if isinstance(item, messages.Offer):
            leg = await ring(call, item)
            if leg is not None:
                return leg
        elif CHANGE_LANGUAGE in call.keys:
            call.keys.clear()
            return None
        elif isinstance(item, events.PlaybackFinished) and not call.sounding:
            await start_music(call)
        call.keys.clear()


async def _talk(call: Call, leg: Leg) -> bool:
    """Until one side hangs up: True if the operator did, False if his telephone was lost."""
    try:
        while True:
            item = await call.next()
            call.keys.clear()
            if isinstance(item, events.StasisEnd) and item.channel_id == leg.id:
                leg.free(call)
            if isinstance(item, events.ChannelDestroyed) and item.channel_id == leg.id:
                break
    except CallerGone:
        await conversations.end(call, leg.id)
        await call.services.link.send(operations.DELETE_BRIDGE(bridge_of(leg.id)))
        await hang_up_leg(call, leg.id)
        leg.conversation_ended(call, "caller")
        raise
    normal = item.cause in _NORMAL
    leg.conversation_ended(call, "operator" if normal else "lost")
    call.set(call.state.without_operator())
    await conversations.end(call, leg.id)
    await leave_bridge(call, bridge_of(leg.id))
    return normal
