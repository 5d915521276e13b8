"""The code for help: a supervisor is rung and talks with the operator who asked. Calls to colleagues work the same way.

The supervisor's leg and the bridge of both have names made from the code's channel, so that a starting controller finds
them and rings nobody twice. For the floor, a supervisor who was ready counts as offered, then as talking.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import structlog

from ivr.asterisk import leg_dialing
from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.channel_list import channel_rows
from ivr.asterisk.ari.events import Channel
from ivr.asterisk.ari.link import LinkLost
from ivr.audio.spoken import digit_clips
from ivr.call.bridge_moves import MUSIC
from ivr.call.items import Deadline
from ivr.call.leg import offer_state_of
from ivr.codes.code_call import CodeCall, CodeRefused
from ivr.codes.state_prompts import reason_text
from ivr.codes.supervision_rules import leg_of
from ivr.model import floor_protocol
from ivr.site.operators import OperatorEntry
from routing.states import TRAINING, OfferState, Operator, OperatorState

log = structlog.get_logger()

_CLAIMED, _ASIDE = "help-", "helpaside-"
"""Prefixes of the channel names: supervisors whom the floor counts as busy, and those who were paused."""


@dataclass(frozen=True, slots=True)
class Leg:
    """A supervisor's telephone that is rung for an operator; `asked` is the channel of the operator's code.

    `claimed` says that the floor counts the supervisor as busy.
    """

    supervisor: str
    asked: str
    claimed: bool

    @property
    def id(self) -> str:
        return f"{_CLAIMED if self.claimed else _ASIDE}{self.supervisor}-{self.asked}"

    @classmethod
    def named(cls, channel: str) -> "Leg | None":
        """Return the leg with that channel name; None for any other channel."""
        for claimed, prefix in ((True, _CLAIMED), (False, _ASIDE)):
            if channel.startswith(prefix):
                supervisor, _, asked = channel.removeprefix(prefix).partition("-")
                return cls(supervisor, asked, claimed)
        return None


def _bridge(channel: str) -> str:
    return f"help-{channel}"


def open_offers(channels: Iterable[Channel]) -> list[floor_protocol.OpenOffer]:
    """Return the supervisors who are rung by or talk with an operator, for a floor that starts.

    Without those whose operator has hung up meanwhile: `end_left_over` ends their legs, and no message would report it.
    """
    channels = list(channels)
    asking = _asking(channels)
    named = [(leg, channel.state == "Up") for channel in channels if (leg := Leg.named(channel.id)) is not None]
    return [
        floor_protocol.OpenOffer(leg.id, _bridge(leg.asked), leg.supervisor, up)
        for leg, up in named
        if leg.claimed and leg.asked in asking
    ]


def _asking(channels: Iterable[Channel]) -> set[str]:
    return {channel.id for channel in channels if channel.application_data.startswith("hatif,code,")}


def find_legs(channels: Iterable[Channel]) -> list[tuple[str, str]]:
    """Return the supervisors' legs that are up, each with the channel of the code that gets its events."""
    return [(leg.id, leg.asked) for channel in channels if (leg := Leg.named(channel.id)) is not None]


def end_left_over(channels: Iterable[Channel]) -> list[operations.Request]:
    """Return the requests that end legs whose operator hung up while there was no controller."""
    channels = list(channels)
    asking = _asking(channels)
    named = [leg for channel in channels if (leg := Leg.named(channel.id)) is not None]
    legs = [leg for leg in named if leg.asked not in asking]
    return [
        request
        for leg in legs
        for request in (operations.HANG_UP(leg.id), operations.DELETE_BRIDGE(_bridge(leg.asked)))
    ]


async def help_(call: CodeCall) -> None:
    """Ring one supervisor after the other; if none is free, alert the supervisors and raise CodeRefused.

    Nobody is rung for a scripted caller: the operator hears that it is training.
    """
    if call.state.training:
        raise CodeRefused(reason_text(TRAINING), "code_paused")
    leg = await find_leg(call) if call.resumed else None
    if leg is None and call.state.state is OperatorState.AWAY:
        raise CodeRefused("code_off_duty")
    await call.answer()
    if leg is not None and await _help_from(call, leg):
        return
    await call.play("code_help_calling")
    tried = {leg.supervisor} if leg is not None else set()
    while (supervisor := _next(call, tried)) is not None:
        tried.add(supervisor.id)
        if await _help_from(call, await claim_leg(call, supervisor.id), fresh=True):
            return
    call.connection.supervisor_alerts.help_wanted(call.operator.id, _conversation(call))
    raise CodeRefused("code_help_nobody")


def _next(call: CodeCall, tried: set[str]) -> OperatorEntry | None:
    """Return the supervisor to ring next.

    Ready supervisors come first, then those who are present without a call; among them those who speak the operator's
    language, then those in their state for longest.
    """
    floor = call.floor.operators

    def order(entry: OperatorEntry) -> tuple[bool, bool, float]:
        state = floor[entry.id]
        return (state.state is not OperatorState.READY, call.language not in entry.languages, state.since)

    free = [
        entry
        for entry in call.services.operators
        if entry.supervisor and entry.id not in {*tried, call.operator.id} and _may_be_rung(floor[entry.id])
    ]
    return min(free, key=order, default=None)


def _may_be_rung(operator: Operator) -> bool:
    return (
        operator.present
        and not operator.on_line
        and operator.state not in (OperatorState.OFFERED, OperatorState.TALKING)
    )


async def claim_leg(call: CodeCall, supervisor: str) -> Leg:
    """Return the supervisor's leg, not rung yet; if they were ready, the floor offers them no caller from now on."""
    leg = Leg(supervisor, call.channel, claimed=True)
    now = await call.floor.change(floor_protocol.ColleagueCall(supervisor, leg.id))
    return leg if now.offer == leg.id else Leg(supervisor, call.channel, claimed=False)


async def find_leg(call: CodeCall) -> Leg | None:
    """Return the leg that a former controller started, if any."""
    link = call.services.link
    (listed,) = await link.ask(operations.CHANNELS())
    legs = [leg for channel in await channel_rows(listed, link.ask) if (leg := Leg.named(channel["id"])) is not None]
    return next((leg for leg in legs if leg.asked == call.channel), None)


async def _help_from(call: CodeCall, leg: Leg, *, fresh: bool = False) -> bool:
    """Talk with the supervisor until they hang up; False if they do not answer. `fresh`: ring them first."""

    async def announce() -> None:
        await _announce(call, leg)

    def record_help() -> None:
        call.connection.supervisor_alerts.helped(call.operator.id, leg.supervisor, _conversation(call))

    return await talk_with(call, leg, fresh=fresh, answered=announce, connected=record_help)


async def talk_with(
    call: CodeCall,
    leg: Leg,
    *,
    fresh: bool,
    answered: Callable[[], Awaitable[None]] | None = None,
    connected: Callable[[], None] | None = None,
) -> bool:
    """Connect the operator with the leg until it hangs up; return False if it does not answer.

    Args:
        fresh: The leg is to be rung first.
        answered: Awaited before both are connected.
        connected: Called once both are connected.
    """
    offer, talked, ends = OfferState.RINGING, False, True
    call.services.route(leg.id, call)
    try:
        if fresh:
            log.info(call.name, operator=call.operator.id, rung=leg.supervisor, claimed=leg.claimed)
            await call.services.link.send(_create_leg(call, leg), refused=call.refused)
        if not await _are_together(call, leg):
            offer = await _wait_for_answer(call, leg)
            if offer is not OfferState.ACCEPTED:
                return False
            if answered is not None:
                await answered()
            if not await _connect(call, leg):
                return False
            if connected is not None:
                connected()
        talked = True
        await _until_gone(call, leg)
        return True
    except (LinkLost, asyncio.CancelledError):
        ends = False  # the next connection finds both
        raise
    finally:
        call.services.unroute(leg.id)
        if ends:
            await _free(call, leg, talked, unreachable=offer is OfferState.UNREACHABLE)


def _conversation(call: CodeCall) -> str | None:
    """Return the id of the call that the operator is in on another line, if any."""
    leg = leg_of(call.floor.operators, call.operator.id)
    found = call.connection.call_on(leg) if leg is not None else None
    return found.state.id if found is not None else None


def _create_leg(call: CodeCall, leg: Leg) -> operations.Request:
    return leg_dialing.create(
        leg.id,
        leg_dialing.LEG,
        endpoint=call.services.address(leg.supervisor),
        shown=f'"{call.operator.name}" <{call.operator.id}>',
        ring_s=call.services.site.operators.ring_s,
        originator=call.channel,
    )


async def _are_together(call: CodeCall, leg: Leg) -> bool:
    """Return whether both are in their bridge already."""
    (bridges,) = await call.services.link.ask(operations.BRIDGES())
    inside = next((bridge["channels"] for bridge in bridges.body if bridge["id"] == _bridge(call.channel)), ())
    return leg.id in inside and call.channel in inside


async def _wait_for_answer(call: CodeCall, leg: Leg) -> OfferState:
    """Wait until the leg is answered, or will not be; return which. The operator hears music."""
    link = call.services.link
    if call.resumed:
        (answer,) = await link.ask(operations.CHANNEL(leg.id))
        if answer.ok and answer.body["state"] == "Up":
            return OfferState.ACCEPTED
    until = asyncio.get_running_loop().time() + call.services.site.operators.ring_s
    music = False
    while True:
        if not music and not call.sounding:
            music = True
            await link.send(operations.MUSIC(call.channel, mohClass=MUSIC))
        item = await call.next(until)
        if isinstance(item, Deadline):
            return OfferState.NO_ANSWER
        if (state := offer_state_of(item, leg.id)) is not OfferState.RINGING:
            return state


async def _announce(call: CodeCall, leg: Leg) -> None:
    """Play who asks for help to the supervisor, in their own language, before both are connected."""
    entry = call.colleague(leg.supervisor)
    language = next(iter(entry.languages)) if entry is not None else call.language
    clips = [(language, "code_help_from"), *digit_clips(language, call.operator.id)]
    media = call.services.audible.media(call.version.sounds, clips)
    playback = f"{leg.id}-said"
    if not media.uris:
        return
    await call.services.link.send(operations.PLAY(leg.id, playback, media=str(media)))
    until = asyncio.get_running_loop().time() + media.seconds + 1.0
    while True:
        match await call.next(until):
            case events.PlaybackFinished(ended) if ended.id == playback:
                return
            case events.ChannelDtmfReceived(channel) if channel.id == leg.id:
                await call.services.link.send(operations.STOP(playback))
                return
            case events.ChannelDestroyed(channel) if channel.id == leg.id:
                return
            case Deadline():
                return


async def _connect(call: CodeCall, leg: Leg) -> bool:
    await call.hush()
    bridge = _bridge(call.channel)
    answers = await call.services.link.ask(
        operations.STOP_MUSIC(call.channel),
        operations.CREATE_BRIDGE(bridge, type="mixing", name="hatif"),
        operations.ADD_CHANNEL(bridge, channel=leg.id),
        operations.ADD_CHANNEL(bridge, channel=call.channel),
    )
    if leg.claimed:
        call.services.to_floor(floor_protocol.ColleagueCall(leg.supervisor, leg.id, talking=True))
    return all(answer.ok for answer in answers[-2:])


async def _until_gone(call: CodeCall, leg: Leg) -> None:
    while True:
        match await call.next():
            case events.ChannelDestroyed(channel) | events.StasisEnd(channel) if channel.id == leg.id:
                return


async def _free(call: CodeCall, leg: Leg, talked: bool, *, unreachable: bool) -> None:
    """End the leg and tell the floor; a supervisor who did not answer is not paused for that."""
    with contextlib.suppress(LinkLost):
        await call.services.link.send(operations.HANG_UP(leg.id), operations.DELETE_BRIDGE(_bridge(call.channel)))
    if leg.claimed and talked:
        call.services.to_floor(floor_protocol.Ended(leg.id, "", leg.supervisor))
    elif leg.claimed:
        state = OfferState.UNREACHABLE if unreachable else OfferState.WITHDRAWN
        call.services.to_floor(floor_protocol.Refused(leg.id, "", leg.supervisor, state))
