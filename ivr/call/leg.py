"""An operator's leg of a call: how it is created, what its end means, and how to wait for it."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from db.enums import Role
from ivr.asterisk import leg_dialing
from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.protocol import Link
from ivr.call.bridge_moves import MUSIC
from ivr.call.call import Call
from ivr.call.items import Deadline, Item, RequestFailed
from ivr.model import floor_protocol
from ivr.model.call_state import LegState
from routing.states import OfferState

_OUT_S = 1.0
"""The time that Asterisk gets to end a channel or bridge on request; it needs a few milliseconds."""

UNANSWERED_CAUSES = {
    17: OfferState.REFUSED,  # busy
    21: OfferState.REFUSED,  # declined
    23: OfferState.REFUSED,  # moved (302): the telephone forwards, which we do not follow
    18: OfferState.NO_ANSWER,
    19: OfferState.NO_ANSWER,
}
"""ITU-T Q.850 causes of a leg that was never answered; any other means that the telephone was not reached."""


@dataclass(frozen=True, slots=True)
class Leg:
    """An operator's leg of a call. `id` is the id of both the offer and the channel."""

    id: str
    operator: str

    def report_offer_ended(self, call: Call, state: OfferState) -> None:
        """Report to the floor and the database that the offer came to nothing."""
        call.services.unroute(self.id)
        call.services.to_floor(floor_protocol.Refused(self.id, call.state.id, self.operator, state))
        call.services.recorder.offer_ended(self.id, state, call_id=call.state.id)
        call.event("offer_ended", operator=self.operator, offer=self.id, state=state.value)

    def state_as_consulted(self, call: Call, left_s: float) -> LegState:
        """Return the leg's state for a consulted colleague who becomes the operator on answering.

        `left_s`: how much longer their telephone rings.
        """
        rung_at = time.time() - max(0.0, call.services.site.operators.ring_s - max(0.0, left_s))
        return LegState(self.id, call.state.id, self.operator, rung_at, Role.CONSULTED)

    def report_connected(self, call: Call) -> None:
        call.services.to_floor(floor_protocol.Accepted(self.id, call.state.id, self.operator))
        call.services.recorder.offer_ended(self.id, OfferState.ACCEPTED, call_id=call.state.id)
        call.services.recorder.connected(call.state)
        call.services.recorder.counts.answered(call.state)
        call.event("connected", operator=self.operator, offer=self.id)

    def report_joined(self, call: Call, role: Role) -> None:
        """Report that a colleague has joined the conversation."""
        call.services.to_floor(floor_protocol.Accepted(self.id, call.state.id, self.operator))
        call.services.recorder.offer_ended(self.id, OfferState.ACCEPTED, call_id=call.state.id)
        call.services.recorder.joined(call.state.id, self.id, self.operator, role)
        call.event("joined", operator=self.operator, offer=self.id, role=role.value)

    def report_left(self, call: Call, by: str) -> None:
        """Report that a colleague has left the conversation."""
        call.services.unroute(self.id)
        self.report_free(call)
        call.services.recorder.pairing_ended(self.id, by)
        call.event("left", operator=self.operator, offer=self.id, by=by)

    def report_free(self, call: Call) -> None:
        """Report that the operator is off the telephone, since others wait for them; the outcome follows later."""
        call.services.to_floor(floor_protocol.Ended(self.id, call.state.id, self.operator))

    def record_conversation_end(self, call: Call, by: str) -> None:
        """Write the end of the conversation to disk, before the caller's channel shows it.

        After a kill between the two, a conversation that is still open would keep the next one of its operator or its
        caller out of the records.
        """
        call.services.recorder.pairing_ended(self.id, by)
        call.services.recorder.journal.flush()

    def end_conversation(self, call: Call, by: str, *, recorded: bool = False) -> None:
        """End the conversation for the floor, the records and the call's state.

        `by`: caller, operator, transfer, or lost. `recorded`: `record_conversation_end` was called already.
        """
        call.services.unroute(self.id)
        self.report_free(call)
        if not recorded:
            self.record_conversation_end(call, by)
        call.set(call.state.replace(served_by=self.operator, served_until=round(time.time(), 3)))
        call.event("conversation_ended", operator=self.operator, by=by)


async def leave_bridge(call: Call, bridge: str) -> None:
    """End a bridge whose last party continues in the flow, and wait until they are out of it.

    Asterisk accepts a prompt for a channel that is still leaving, but never plays it nor reports its end. Removing the
    channel by a request would hold up the requests of all calls until that is done. Raises CallerGone.
    """
    await call.services.link.send(operations.DELETE_BRIDGE(bridge))
    await wait_until_gone(call, out=True)


async def hang_up_leg(call: Call, leg: str) -> None:
    """Hang up the leg and wait until it is gone, so that no telephone rings again before it knows about the hang-up."""
    await call.services.link.send(operations.HANG_UP(leg))
    await wait_until_gone(call, leg, even_if_gone=True)


async def wait_until_gone(call: Call, *legs: str, out: bool = False, even_if_gone: bool = False) -> None:
    """Wait until these legs are gone and, with `out`, the caller is out of their bridge. Other items are kept."""
    waiting = set(legs)
    until = asyncio.get_running_loop().time() + _OUT_S
    kept: list[Item] = []
    try:
        while (waiting or out) and asyncio.get_running_loop().time() < until:
            match item := await call.next(until, even_if_gone=even_if_gone):
                case events.ChannelDestroyed(channel) if channel.id in waiting:
                    waiting.discard(channel.id)
                case events.ChannelLeftBridge(channel) if channel.id == call.channel:
                    out = False
                case _ if not isinstance(item, Deadline):
                    kept.append(item)
    finally:
        call.put_back(kept)


async def start_music(call: Call) -> None:
    await call.step(operations.MUSIC(call.channel, mohClass=MUSIC))


def create_leg(
    call: Call,
    leg: Leg,
    ring_s: float,
    shown: str,
    role: Role = Role.OPERATOR,
    variables: Mapping[str, str] | None = None,
) -> operations.Request:
    """Return the request that creates the leg. It is dialled once the channel has entered (`leg_dialing.dial`).

    `shown`: the name on the telephone's display; `variables`: further ones of its channel.
    """
    state = call.state
    return leg_dialing.create(
        leg.id,
        leg_dialing.LEG,
        endpoint=call.services.address(leg.operator),
        shown=f'"{shown}" <{state.caller or "anonymous"}>',
        ring_s=ring_s,
        originator=call.channel,
        variables={"HATIF": LegState(leg.id, state.id, leg.operator, time.time(), role).encode(), **(variables or {})},
    )


def offer_state_of(item: Item, leg: str) -> OfferState:
    """Return the offer state that follows from an event of the leg; RINGING if there is no news."""
    match item:
        case events.ChannelStateChange(channel) if channel.id == leg and channel.state == "Up":
            return OfferState.ACCEPTED
        case events.ChannelDestroyed(channel, cause) if channel.id == leg:
            return UNANSWERED_CAUSES.get(cause, OfferState.UNREACHABLE)
        case RequestFailed(request, status) if leg_dialing.failed(request, status, leg):
            return OfferState.UNREACHABLE
    return OfferState.RINGING


async def check_unanswered_leg(link: Link, leg: str) -> OfferState:
    """Return the state of an offer that has timed out.

    ACCEPTED if it was answered just now, UNREACHABLE if the telephone has not even reported that it rings, otherwise
    NO_ANSWER.
    """
    (answer,) = await link.ask(operations.CHANNEL(leg))
    if answer.ok and answer.body["state"] == "Up":
        return OfferState.ACCEPTED
    return OfferState.UNREACHABLE if answer.ok and answer.body["state"] != "Ringing" else OfferState.NO_ANSWER
