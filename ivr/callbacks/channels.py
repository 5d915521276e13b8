"""The state carried by the channels of a call-back: the operator's leg and the caller's channel.

With it a starting controller finds them, and knows what they are for. The leg's variable is read like that of any
operator's leg, which it is once the two are connected. The caller's is replaced by a call's state at that point.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import msgspec
from msgspec import Struct, field

from db.callback_requests import CallbackRequest
from ivr.asterisk.ari.events import Channel
from ivr.model.call_state import LegState, StateError, Uuid, decode
from ivr.model.floor_protocol import OpenOffer


class CalledState(Struct, frozen=True, rename={"request": "cb"}):
    """The state of the caller's channel: the request's id, and the id of the call that it will become."""

    request: Uuid
    call: Uuid

    def encode(self) -> str:
        return msgspec.json.encode(self).decode()


@dataclass(frozen=True, slots=True)
class RunningCallback:
    """The channels of one call-back that are up: the operator's leg and the caller's channel."""

    request: str
    call: str
    leg: tuple[Channel, LegState] | None = None
    called: Channel | None = None

    @property
    def channels(self) -> list[str]:
        """The channels' ids."""
        return [channel.id for channel in (self.leg[0] if self.leg else None, self.called) if channel is not None]


class _CallOffer(Struct):
    """The offer of a call's state, even if the rest of it cannot be read."""

    offer: str | None = field(default=None, name="o")


_CALLED, _CALL_OFFER = msgspec.json.Decoder(CalledState), msgspec.json.Decoder(_CallOffer)


def parse(text: str) -> LegState | CalledState | None:
    """Return the state in a channel variable; None if it is not that of a call-back."""
    try:
        if '"leg":' not in text:
            return _CALLED.decode(text)
        leg = decode(text)
        return leg if isinstance(leg, LegState) and leg.callback is not None else None
    except (StateError, ValueError, RecursionError):
        return None


def find_running(channels: Iterable[Channel]) -> tuple[list[RunningCallback], set[str]]:
    """Return the call-backs that are up but not connected yet, and the ids of their channels."""
    channels = list(channels)
    connected = {offer for channel in channels if (offer := _offer_of(channel)) is not None}
    found: dict[str, RunningCallback] = {}
    mine: set[str] = set()
    for channel in channels:
        match parse(channel.variables.get("HATIF") or ""):
            case CalledState(request, call):
                known = found.get(request, RunningCallback(request, call))
                found[request] = replace(known, called=channel)
            case LegState(offer, call, callback=str(request)) as leg if offer not in connected:
                known = found.get(request, RunningCallback(request, call))
                found[request] = replace(known, leg=(channel, leg))
            case _:
                continue
        mine.add(channel.id)
    return list(found.values()), mine


def _offer_of(channel: Channel) -> str | None:
    """Return the offer named by the state of a caller's call."""
    try:
        return _CALL_OFFER.decode(channel.variables.get("HATIF") or "{}").offer
    except (ValueError, RecursionError):
        return None


def open_offers(found: Iterable[RunningCallback]) -> tuple[OpenOffer, ...]:
    """Return the offers the floor must know before any caller waits.

    Their operators are being rung, or wait for the caller to answer.
    """
    legs = [callback.leg[1] for callback in found if callback.leg is not None]
    return tuple(OpenOffer(leg.offer, leg.call, leg.operator, False) for leg in legs)


def channel_of(request: CallbackRequest, server: int = 1) -> str:
    """Return the id of the current try's channel: Asterisk answers 409 to a second attempt to create it.

    `server`: which of the carrier's servers it goes to, from 1.
    """
    return f"callback-{request.id}-{request.tries}{f'.{server}' if server > 1 else ''}"


def server_of(channel: str) -> int:
    """Return which of the carrier's servers the channel with this id goes to."""
    number = channel.partition(".")[2]
    return int(number) if number.isdecimal() else 1
