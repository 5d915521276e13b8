"""An operator's leg of a call: how it is created, what its end means, and how others wait for it."""

import asyncio
import time
from dataclasses import dataclass, replace

from db.enums import Role
from ivr.asterisk import leg_dialing
from ivr.asterisk.ari import events, operations
from ivr.call.bridge_moves import MUSIC
from ivr.call.call import Call, Deadline, Item, Link, RequestFailed
from ivr.model import floor_protocol
from ivr.model.call_state import LegState
from routing.states import OfferState

_OUT_S = 1.0
"""How long Asterisk may take to end what it was asked to end; it takes a few milliseconds."""

OUT_OF_ORDER = 27
"""ITU-T Q.850 cause for a telephone that has vanished: destination out of order."""

UNANSWERED_CAUSES = {
    17: OfferState.REFUSED,  # busy
    21: OfferState.REFUSED,  # declined
    23: OfferState.REFUSED,  # moved (302): the telephone forwards, which nobody follows
    18: OfferState.NO_ANSWER,
    19: OfferState.NO_ANSWER,
}
"""ITU-T Q.850 causes of a leg that was never answered; all others mean that the telephone was not reached."""


@dataclass(frozen=True, slots=True)
class Leg:
    """An operator's leg of a call; `id` is the offer's and the channel's."""

    id: str
    operator: str

    def report_offer_ended(self, call: Call, state: OfferState) -> None:
        """The offer has come to nothing: the floor is told, and the database."""
        call.services.unroute(self.id)
        call.services.to_floor(floor_protocol.Refused(self.id, call.state.id, self.operator, state))
        call.services.recorder.offer_ended(self.id, state)
        call.event("offer_ended", operator=self.operator, offer=self.id, state=state.value)

    def state_as_consulted(self, call: Call, left_s: float) -> LegState:
        """Of a colleague who becomes the operator when he answers: he is rung for so much longer."""
        rung_at = time.time() - max(0.0, call.services.site.operators.ring_s - max(0.0, left_s))
        return LegState(self.id, call.state.id, self.operator, rung_at, Role.CONSULTED)

    def report_connected(self, call: Call) -> None:
        call.services.to_floor(floor_protocol.Accepted(self.id, call.state.id, self.operator))
        call.services.recorder.offer_ended(self.id, OfferState.ACCEPTED)
        call.services.recorder.connected(call.state)
        call.event("connected", operator=self.operator, offer=self.id)

    def report_free(self, call: Call) -> None:
        """The operator is off the telephone; how it ended is not known yet, but others wait for him."""
        call.services.to_floor(floor_protocol.Ended(self.id, call.state.id, self.operator))

    def record_conversation_end(self, call: Call, by: str) -> None:
        """In the records, and on the disk, before the caller's channel says so: after a kill between the two, one that
        is open there would keep his next conversation out of them."""
        call.services.recorder.pairing_ended(self.id, by)
        call.services.recorder.journal.flush()

    def end_conversation(self, call: Call, by: str, *, recorded: bool = False) -> None:
        """`by`: caller, operator, transfer, or lost; `recorded`: `record_conversation_end` was called."""
        call.services.unroute(self.id)
        self.report_free(call)
        if not recorded:
            self.record_conversation_end(call, by)
        call.set(replace(call.state, served_by=self.operator))
        call.event("conversation_ended", operator=self.operator, by=by)


async def leave_bridge(call: Call, bridge: str) -> None:
    """Ends a bridge whose last party goes on in the flow, and waits until he is out of it.

    A prompt for a channel that is still on its way out is accepted, never heard, and never reported as finished. Taking
    the channel out by a request would hold up all calls' requests until it is done. Raises CallerGone.
    """
    await call.services.link.send(operations.DELETE_BRIDGE(bridge))
    await wait_until_gone(call, out=True)


async def hang_up_leg(call: Call, leg: str) -> None:
    """Hangs the leg up and waits until it is gone: nobody is rung again while his telephone has not heard of it."""
    await call.services.link.send(operations.HANG_UP(leg))
    await wait_until_gone(call, leg, gone_too=True)


async def wait_until_gone(call: Call, *legs: str, out: bool = False, gone_too: bool = False) -> None:
    """Until these legs are gone, and with `out` the caller is out of his bridge. What else happens meanwhile is kept
    for later."""
    waits = set(legs)
    until = asyncio.get_running_loop().time() + _OUT_S
    kept: list[Item] = []
    try:
        while (waits or out) and asyncio.get_running_loop().time() < until:
            match item := await call.next(until, gone_too=gone_too):
                case events.ChannelDestroyed(channel) if channel in waits:
                    waits.discard(channel)
                case events.ChannelLeftBridge(channel) if channel == call.channel:
                    out = False
                case _ if not isinstance(item, Deadline):
                    kept.append(item)
    finally:
        call.put_back(kept)


async def start_music(call: Call) -> None:
    await call.step(operations.MUSIC(call.channel, mohClass=MUSIC))


def create_leg(call: Call, leg: Leg, ring_s: float, shown: str, role: Role = Role.OPERATOR) -> operations.Request:
    """Return the request that creates the leg; it is dialled once it has entered (`leg_dialing.dial`).

    `shown`: the name on the telephone's display.
    """
    state = call.state
    return leg_dialing.create(
        leg.id,
        leg_dialing.LEG,
        endpoint=call.services.address(leg.operator),
        shown=f'"{shown}" <{state.caller or "anonymous"}>',
        ring_s=ring_s,
        originator=call.channel,
        variables={"HATIF": LegState(leg.id, state.id, leg.operator, time.time(), role).encode()},
    )


def offer_state_of(item: Item, leg: Leg) -> OfferState:
    """What an event says about the leg; `ringing`: nothing new."""
    match item:
        case events.ChannelStateChange(channel_id, "Up") if channel_id == leg.id:
            return OfferState.ACCEPTED
        case events.ChannelDestroyed(channel_id, cause) if channel_id == leg.id:
            return UNANSWERED_CAUSES.get(cause, OfferState.UNREACHABLE)
        case RequestFailed(request, status) if leg_dialing.failed(request, status, leg.id):
            return OfferState.UNREACHABLE
    return OfferState.RINGING


async def check_unanswered_leg(link: Link, leg: str) -> OfferState:
    """What a leg is whose time is over: `accepted` if it has been answered just now, `unreachable` if its telephone has
    not even said that it rings, else `no_answer`."""
    (answer,) = await link.ask(operations.CHANNEL(leg))
    if answer.ok and answer.body["state"] == "Up":
        return OfferState.ACCEPTED
    return OfferState.UNREACHABLE if answer.ok and answer.body["state"] != "Ringing" else OfferState.NO_ANSWER
