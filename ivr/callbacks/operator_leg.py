"""The operator's telephone of a call-back: how it is rung, and how the ringing ends."""

import time

from db.callback_requests import CallbackRequest
from ivr.asterisk import leg_dialing
from ivr.asterisk.ari.operations import Request
from ivr.asterisk.ari.protocol import Link
from ivr.call.leg import check_unanswered_leg
from ivr.call.services import Services
from ivr.callbacks.call_legs import CallLegs
from ivr.model import floor_protocol
from ivr.model.call_state import LegState
from routing.states import OfferState


def create_leg(services: Services, request: CallbackRequest, call: str, offer: floor_protocol.Offer) -> Request:
    """Return the request that rings the operator of an offer."""
    state = LegState(offer.id, call, offer.operator, time.time(), callback=str(request.id))
    caller_name = " ".join(part for part in ("callback", request.language, request.topic, request.country) if part)
    return leg_dialing.create(
        offer.id,
        leg_dialing.LEG,
        endpoint=services.address(offer.operator),
        shown=f'"{caller_name}" <{request.number}>',
        ring_s=offer.ring_s,
        variables={"HATIF": state.encode()},
    )


async def stop_ringing(legs: CallLegs, link: Link, state: OfferState | None = None) -> OfferState:
    """Stop ringing after the time to answer, or since the telephone is gone (`state`).

    Return the offer's state: the operator may have answered just now.
    """
    leg = legs.leg
    assert leg is not None
    rings = await check_unanswered_leg(link, leg.channel)
    if rings is OfferState.ACCEPTED:
        leg.answered = True
    else:
        await legs.hang_up(leg)
        rings = state or rings
    return rings
