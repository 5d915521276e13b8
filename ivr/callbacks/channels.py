"""The state carried by the channels of a call-back: the operator's leg and the caller's channel.

With it a starting controller finds them, and knows what they are for. The leg's variable is read like that of any
operator's leg, which it is once the two are connected. The caller's is replaced by a call's state at that point.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import orjson

from ivr.asterisk.ari.events import Channel
from ivr.model.call_state import LegState
from ivr.model.floor_protocol import OpenOffer


@dataclass(frozen=True, slots=True)
class CallbackLegState:
    """The state of one channel of a call-back.

    `request` is the request's id and `call` the id of the call that it will become; `leg` is the state of an
    operator's leg, None for the caller's channel.
    """

    request: str
    call: str
    leg: LegState | None = None

    def encode(self) -> str:
        if self.leg is not None:
            return orjson.dumps({**orjson.loads(self.leg.encode()), "cb": self.request}).decode()
        return orjson.dumps({"cb": self.request, "call": self.call}).decode()


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


def parse(text: str) -> CallbackLegState | None:
    """Return the state in a channel variable; None if it is not that of a call-back."""
    try:
        data = orjson.loads(text) if '"cb"' in text else None
        if not isinstance(data, dict):
            return None
        request, call = str(UUID(data["cb"])), str(UUID(data["call"]))
        leg = LegState(str(UUID(data["leg"])), call, str(data["op"]), float(data["at"])) if "leg" in data else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return CallbackLegState(request, call, leg)


def find_running(channels: Iterable[Channel]) -> tuple[list[RunningCallback], set[str]]:
    """Return the call-backs that are up but not connected yet, and the ids of their channels."""
    channels = list(channels)
    connected = {offer for channel in channels if (offer := _offer_of(channel)) is not None}
    found: dict[str, RunningCallback] = {}
    mine: set[str] = set()
    for channel in channels:
        part = parse(channel.variables.get("HATIF") or "")
        if part is None or (part.leg is not None and part.leg.offer in connected):
            continue
        mine.add(channel.id)
        known = found.get(part.request, RunningCallback(part.request, part.call))
        if part.leg is not None:
            found[part.request] = RunningCallback(known.request, known.call, (channel, part.leg), known.called)
        else:
            found[part.request] = RunningCallback(known.request, known.call, known.leg, channel)
    return list(found.values()), mine


def _offer_of(channel: Channel) -> str | None:
    """Return the offer named by the state of a caller's call."""
    text = channel.variables.get("HATIF") or ""
    try:
        data = orjson.loads(text) if '"o"' in text else {}
    except ValueError:
        return None
    offer = data.get("o") if isinstance(data, dict) else None
    return offer if isinstance(offer, str) else None


def open_offers(found: Iterable[RunningCallback]) -> tuple[OpenOffer, ...]:
    """Return the offers the floor must know before any caller waits.

    Their operators are being rung, or wait for the caller to answer.
    """
    legs = [callback.leg[1] for callback in found if callback.leg is not None]
    return tuple(OpenOffer(leg.offer, leg.call, leg.operator, False) for leg in legs)
