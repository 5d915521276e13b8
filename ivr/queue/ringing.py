"""One offer, from ringing the operator to both being in the bridge, or to its other ends.

The caller's node rings the operator. The leg's channel has the offer's id, so that an offer cannot ring twice, and
carries the offer itself. Offer states are in `routing.states`; the first final one wins.
"""

import asyncio
import time

import structlog

from db.enums import Outcome, Role
from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.link import LinkLost
from ivr.asterisk.leg_dialing import OUT_OF_ORDER
from ivr.call import conversation_recording
from ivr.call.bridge_moves import add_to_bridge, create_bridge
from ivr.call.call import Call
from ivr.call.interruptions import CallerGone, CallFailed
from ivr.call.items import Deadline, Item
from ivr.call.leg import (
    Leg,
    check_unanswered_leg,
    create_leg,
    hang_up_leg,
    leave_bridge,
    offer_state_of,
    start_music,
)
from ivr.model import clock, floor_protocol
from ivr.model.call_state import LegState
from ivr.model.talk_table import bridge_name
from ivr.talk.transfers import Transfer
from ivr.talk.whisper import Whisper, display, whisper_name
from routing.states import OfferState, next_offer_state

log = structlog.get_logger()

LATE_TONE = "tone:late"
LATE_TONE_S = 0.4
"""Played to an operator who answers after the offer was withdrawn; defined in `indications.conf`."""


async def ring(call: Call, offer: floor_protocol.Offer) -> Leg | None:
    """Ring the operator. Return their leg once both are in the bridge, or None if the offer came to nothing."""
    leg = Leg(offer.id, offer.operator)
    call.services.route(leg.id, call)
    # Not a step of the call: whatever the caller hears continues.
    shown = display(call.state, leg.operator, Role.OPERATOR)
    await call.services.link.send(create_leg(call, leg, offer.ring_s, shown), refused=call.refused)
    call.services.recorder.offered(offer)
    call.event("offered", operator=offer.operator, offer=offer.id)
    return await _wait_until_answered(call, leg, offer.ring_s)


async def _wait_until_answered(call: Call, leg: Leg, ring_s: float) -> Leg | None:
    until, state = asyncio.get_running_loop().time() + ring_s, OfferState.RINGING
    try:
        while state is OfferState.RINGING:
            item = await call.next(until)
            call.keys.clear()
            if isinstance(item, events.PlaybackFinished) and not call.sounding:
                await start_music(call)
            news = offer_state_of(item, leg.id)
            if isinstance(item, Deadline):
                news = await _withdraw(call, leg, OfferState.NO_ANSWER)
            elif isinstance(item, floor_protocol.TelephoneGone) and item.operator == leg.operator:
                news = await _withdraw(call, leg, OfferState.UNREACHABLE)
            state = next_offer_state(state, news)
            if state is OfferState.ACCEPTED:
                whispered, there = await _whisper(call, leg)
                if there and await _connect(call, leg):
                    return leg
                if whispered:
                    state = OfferState.REFUSED  # the operator heard what it is about, and hung up
    except (LinkLost, TimeoutError):
        raise  # the next connection finds the leg
    except Exception:
        # This comes first: a free operator must not be offered a caller who has gone.
        call.services.to_floor(floor_protocol.Leave(call.state.id))
        try:
            if await _withdraw(call, leg, OfferState.WITHDRAWN) is OfferState.ACCEPTED:
                await _play_late_tone(call, leg.id)
        finally:
            leg.report_offer_ended(call, OfferState.WITHDRAWN)
        raise
    leg.report_offer_ended(call, OfferState.WITHDRAWN if state is OfferState.ACCEPTED else state)
    return None


async def _whisper(call: Call, leg: Leg) -> tuple[bool, bool]:
    """Whisper to the operator what the call is about, while the caller hears music.

    Return whether there was anything to hear, and whether the operator is still there, as far as is known.
    """
    whisper = Whisper(call, leg.id, leg.operator)
    whispering = await whisper.begin()
    hold: Item | None = None
    later: list[Item] = []
    while whispering:
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
        call.deliver(hold)  # to the conversation: otherwise the caller would hear nothing from a telephone on hold
    for item in later:
        call.deliver(item)  # to the conversation, which checks on the operator and answers the telephone
    return whispering, True


async def _withdraw(call: Call, leg: Leg, wanted: OfferState) -> OfferState:
    """End the ringing. Return `wanted`, or ACCEPTED (and leave the leg alone) if the operator answered just now."""
    try:
        found = await check_unanswered_leg(call.services.link, leg.id)
        if found is OfferState.ACCEPTED:
            return found
        if wanted is OfferState.NO_ANSWER:
            wanted = found
        await hang_up_leg(call, leg.id)
    except (LinkLost, TimeoutError):
        pass  # reconciliation finds the leg without its caller
    return wanted


async def _play_late_tone(call: Call, leg: str) -> None:
    """Play a short tone, even to an operator who still hears the whisper, then hang up the leg."""
    tone = f"late-{leg}"
    # Its time begins when Asterisk has the request: a busy one would otherwise get the next requests with it.
    await call.services.link.ask(operations.STOP(whisper_name(leg)), operations.PLAY(leg, tone, media=LATE_TONE))
    await asyncio.sleep(LATE_TONE_S)
    await call.services.link.send(operations.STOP(tone))  # otherwise Asterisk logs it as failed
    await hang_up_leg(call, leg)


async def _connect(call: Call, leg: Leg) -> bool:
    """Put both into a bridge and return whether both answers of Asterisk were 2xx.

    That is the end of the caller's wait: when both can hear each other, not when the operator picks up and hears the
    whisper.
    """
    link, bridge, before = call.services.link, bridge_name(leg.id), call.state
    call.set(
        before.replace(
            offer=leg.id,
            operator=leg.operator,
            outcome=Outcome.ANSWERED,
            case=before.case or call.services.recorder.new_case_reference(),
            connected_at=time.time(),
            first=before.connected_at is None,
            transfer=Transfer.decode(before.transfer).complete().encode(),
            moved=None,
        )
    )
    answers = await link.ask(
        *call.transition(),
        operations.STOP_MUSIC(call.channel),
        create_bridge(bridge),
        add_to_bridge(bridge, leg.id, call.channel),
        add_to_bridge(bridge, call.channel, call.channel),
    )
    if all(answer.ok for answer in answers[-2:]):
        call.set(call.state.replace(connected_at=time.time()))
        leg.report_connected(call)
        await conversation_recording.begin(call, bridge, leg.id)
        return True
    log.info("A leg was gone before both were in the bridge", call=call.state.id, offer=leg.id)
    call.set(before)
    await hang_up_leg(call, leg.id)
    await leave_bridge(call, bridge)
    await start_music(call)
    return False


async def _resume_audio(call: Call) -> None:
    """After a restart, start music unless a prompt still plays, whose end is reported."""
    playback = call.state.playback
    if playback is not None:
        (answer,) = await call.services.link.ask(operations.PLAYBACK(playback))
        if answer.ok:
            return
    await start_music(call)


async def recover(call: Call, there: LegState | None) -> tuple[Leg | None, bool]:
    """Continue the conversation named by the channel's state, or the leg that is `there` for the call.

    Return the operator's leg (None: the caller still waits), and whether an operator was lost meanwhile. The
    conversation finds out by itself who is where.
    """
    state, services = call.state, call.services
    if there is None:
        if state.offer is None or state.operator is None:
            return None, False
        leg = Leg(state.offer, state.operator)
        services.recorder.connected(state)  # it may not have been recorded before the restart
        if call.colleague is not None:
            call.deliver(
                events.ChannelDestroyed(events.ChannelRef(leg.id), OUT_OF_ORDER)
            )  # the table decides who takes over the caller
            return leg, False
        try:
            await conversation_recording.end(call, leg.id)  # the next start would be the first to find it
            await leave_bridge(call, bridge_name(leg.id))
        finally:
            leg.end_conversation(call, "lost")
        call.set(call.state.without_operator())
        return None, True
    leg = Leg(there.offer, there.operator)
    services.route(leg.id, call)
    (channel,) = await services.link.ask(operations.CHANNEL(leg.id))
    answered = channel.ok and channel.body["state"] == "Up"
    if answered and state.offer == leg.id:
        services.to_floor(floor_protocol.Accepted(leg.id, state.id, leg.operator))
        services.recorder.connected(state)  # as above
        return leg, False
    if answered:
        # Asterisk adds nobody to a bridge before their prompts have ended: the caller would wait in silence.
        await services.link.send(operations.STOP(whisper_name(leg.id)))
    try:
        if answered and await _connect(call, leg):
            return leg, False
    except (CallerGone, CallFailed):
        leg.report_offer_ended(call, OfferState.WITHDRAWN)
        raise
    if channel.ok and not answered:
        await _resume_audio(call)
        left_s = max(0.0, services.site.operators.ring_s - clock.seconds_since(there.offered_at))
        return await _wait_until_answered(call, leg, left_s), False
    leg.report_offer_ended(call, OfferState.WITHDRAWN)
    call.set(call.state.without_operator())
    return None, state.offer is not None
