"""One offer, from ringing the operator to both being in the bridge, or to its other ends.

The caller's node rings the operator. The leg's channel has the offer's id, so that nobody can be rung twice for it,
and carries the offer itself. Offer states: `routing.states`; the first final one wins.
"""

import asyncio
import time
from dataclasses import replace

import structlog

from db.enums import Outcome, Role
from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.link import LinkLost
from ivr.call import conversation_recording
from ivr.call.bridge_moves import add, create
from ivr.call.call import Call, CallerGone, CallFailed, Deadline, Item
from ivr.call.leg import LOST, Leg, create_leg, hang_up_leg, leave_bridge, looked_at, said, start_music
from ivr.model import floor_protocol
from ivr.model.call_state import LegState
from ivr.model.talk_table import bridge_of
from ivr.talk.transfers import Transfer
from ivr.talk.whisper import Whisper, display, playback_of
from routing.states import OfferState, next_offer_state

log = structlog.get_logger()

LATE_TONE = "tone:late"
LATE_TONE_S = 0.4
"""What an operator hears who answered when the offer was withdrawn already; of `indications.conf`."""


async def ring(call: Call, offer: floor_protocol.Offer) -> Leg | None:
    """Rings the operator; his leg once both are in the bridge, None if the offer came to nothing."""
    leg = Leg(offer.id, offer.operator)
    call.services.route(leg.id, call)
    # Not a step of the call: what the caller hears goes on.
    shown = display(call.state, leg.operator, Role.OPERATOR)
    await call.services.link.send(create_leg(call, leg, offer.ring_s, shown), refused=call.refused)
    call.services.recorder.offered(offer)
    call.event("offered", operator=offer.operator, offer=offer.id)
    return await _until_answered(call, leg, offer.ring_s)


async def _until_answered(call: Call, leg: Leg, ring_s: float) -> Leg | None:
    until = asyncio.get_running_loop().time() + ring_s
    state = OfferState.RINGING
    try:
        while state is OfferState.RINGING:
            item = await call.next(until)
            call.keys.clear()
            if isinstance(item, events.PlaybackFinished) and not call.sounding:
                await start_music(call)
            heard = said(item, leg)
            if isinstance(item, Deadline):
                heard = await _withdraw(call, leg, OfferState.NO_ANSWER)
            elif isinstance(item, floor_protocol.TelephoneGone) and item.operator == leg.operator:
                heard = await _withdraw(call, leg, OfferState.UNREACHABLE)
            state = next_offer_state(state, heard)
            if state is OfferState.ACCEPTED:
                whispered, there = await _whispered(call, leg)
                if there and await _connect(call, leg):
                    return leg
                if whispered:
                    state = OfferState.REFUSED  # he has heard what it is about, and hung up
    except (LinkLost, TimeoutError):
        raise  # the next connection finds the leg
    except Exception:
        # First this: a free operator must not be offered a caller who has gone.
        call.services.to_floor(floor_protocol.Leave(call.state.id))
        try:
            if await _withdraw(call, leg, OfferState.WITHDRAWN) is OfferState.ACCEPTED:
                await late(call, leg.id)
        finally:
            leg.offer_ended(call, OfferState.WITHDRAWN)
        raise
    leg.offer_ended(call, OfferState.WITHDRAWN if state is OfferState.ACCEPTED else state)
    return None


async def _whispered(call: Call, leg: Leg) -> tuple[bool, bool]:
    """The operator hears what is coming; the caller does not, nor waits in silence. Gives whether there was anything to
    hear, and whether the operator is still there, as far as is known."""
    whisper = Whisper(call, leg.id, leg.operator)
    begun = await whisper.begin()
    hold: Item | None = None
    later: list[Item] = []
    while begun:
        item = await call.next(whisper.until)
        call.keys.clear()
        if isinstance(item, events.PlaybackFinished) and not call.sounding and item.channel_id == call.channel:
            await start_music(call)
        if isinstance(item, events.ChannelDestroyed) and item.channel_id == leg.id:
            return True, False
        if isinstance(item, events.ChannelHold | events.ChannelUnhold) and item.channel_id == leg.id:
            hold = item
        gone = isinstance(item, floor_protocol.TelephoneGone) and item.operator == leg.operator
        if gone or isinstance(item, events.ChannelTransfer):
            later.append(item)
        if whisper.is_over(item):
            await whisper.end()
            break
    if isinstance(hold, events.ChannelHold):
        call.deliver(hold)  # for the conversation: else the caller would be in silence with a telephone that holds
    for item in later:
        call.deliver(item)  # it looks whether he is still there, and answers his telephone
    return begun, True


async def _withdraw(call: Call, leg: Leg, wanted: OfferState) -> OfferState:
    """Ends the ringing: `wanted`, or `accepted` if the operator has answered just now (his leg is left alone then)."""
    try:
        rings = await looked_at(call.services.link, leg.id)
        if rings is OfferState.ACCEPTED:
            return rings
        if wanted is OfferState.NO_ANSWER:
            wanted = rings
        await hang_up_leg(call, leg.id)
    except (LinkLost, TimeoutError):
        pass  # reconciliation finds the leg without its caller
    return wanted


async def late(call: Call, leg: str) -> None:
    """Play a short tone, also to an operator who still hears what is coming, then hang the leg up."""
    tone = f"late-{leg}"
    await call.services.link.send(operations.STOP(playback_of(leg)), operations.PLAY(leg, tone, media=LATE_TONE))
    await asyncio.sleep(LATE_TONE_S)
    await call.services.link.send(operations.STOP(tone))  # else Asterisk's log calls it failed
    await hang_up_leg(call, leg)


async def _connect(call: Call, leg: Leg) -> bool:
    """Put both into a bridge: whether both answers of Asterisk were 2xx. The caller's wait ends then, when both can
    hear each other, and not when the operator picks up and hears what is coming."""
    link, bridge, before = call.services.link, bridge_of(leg.id), call.state
    call.set(
        replace(
            before,
            offer=leg.id,
            operator=leg.operator,
            outcome=Outcome.ANSWERED,
            case=before.case or call.services.recorder.new_case_reference(),
            connected_at=time.time(),
            first=before.connected_at is None,
            transfer=Transfer.decode(before.transfer).taken().encode(),
        )
    )
    answers = await link.ask(
        *call.transition(),
        operations.STOP_MUSIC(call.channel),
        create(bridge),
        add(bridge, leg.id, call.channel),
        add(bridge, call.channel, call.channel),
    )
    if all(answer.ok for answer in answers[-2:]):
        leg.connected(call)
        await conversation_recording.begin(call, bridge, leg.id)
        return True
    log.info("A leg was gone before both were in the bridge", call=call.state.id, offer=leg.id)
    call.set(before)
    await hang_up_leg(call, leg.id)
    await leave_bridge(call, bridge)
    await start_music(call)
    return False


async def _hears_on(call: Call) -> None:
    """After a restart: a prompt that still plays says so when it ends; after one that ended meanwhile nothing came."""
    playback = call.state.playback
    if playback is not None:
        (answer,) = await call.services.link.ask(operations.PLAYBACK(playback))
        if answer.ok:
            return
    await start_music(call)


async def after_restart(call: Call, there: LegState | None) -> tuple[Leg | None, bool]:
    """Goes on with the conversation that the channel's state names, or with the leg that is `there` for the call.

    Gives the leg of who is to talk with him (None: he still waits), and whether an operator was lost meanwhile. Where
    everybody of a conversation is, the conversation finds out.
    """
    state, services = call.state, call.services
    if there is None:
        if state.offer is None or state.operator is None:
            return None, False
        leg = Leg(state.offer, state.operator)
        if call.colleague is not None:
            call.deliver(events.ChannelDestroyed(leg.id, LOST))  # who is left for the caller the table says
            return leg, False
        try:
            await leave_bridge(call, bridge_of(leg.id))
        finally:
            leg.conversation_ended(call, "lost")
        call.set(call.state.without_operator())
        return None, True
    leg = Leg(there.offer, there.operator)
    services.route(leg.id, call)
    (channel,) = await services.link.ask(operations.CHANNEL(leg.id))
    answered = channel.ok and channel.body["state"] == "Up"
    if answered and state.offer == leg.id:
        services.to_floor(floor_protocol.Accepted(leg.id, state.id, leg.operator))
        services.recorder.connected(state)  # once more: whether it was said before the restart nobody knows
        return leg, False
    if answered:
        # Asterisk puts nobody into a bridge before he has heard all that he is told: the caller would wait in silence.
        await services.link.send(operations.STOP(playback_of(leg.id)))
    try:
        if answered and await _connect(call, leg):
            return leg, False
    except (CallerGone, CallFailed):
        leg.offer_ended(call, OfferState.WITHDRAWN)
        raise
    if channel.ok and not answered:
        await _hears_on(call)
        rings = time.time() - there.offered_at
        return await _until_answered(call, leg, max(0.0, services.site.operators.ring_s - rings)), False
    leg.offer_ended(call, OfferState.WITHDRAWN)
    call.set(call.state.without_operator())
    return None, state.offer is not None
