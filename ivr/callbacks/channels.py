"""What the channels of a call back carry: an operator's leg, and whoever is called. So a controller that starts finds
them, and what they are for.

The leg's variable is read as that of any operator's leg; once it talks, it is one. That of the called is replaced by a
call's state when the conversation begins.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import orjson

from ivr.asterisk.ari.events import Channel
from ivr.model.call_state import LegState
from ivr.model.floor_protocol import OpenOffer


@dataclass(frozen=True, slots=True)
class Part:
    """A channel of a call back. `wish`: its id; `call`: the id of the call that it is to become; `leg`: the state of an
    operator's leg, None for the called."""

    wish: str
    call: str
    leg: LegState | None = None

    def encode(self) -> str:
        if self.leg is not None:
            return orjson.dumps({**orjson.loads(self.leg.encode()), "cb": self.wish}).decode()
        return orjson.dumps({"cb": self.wish, "call": self.call}).decode()


@dataclass(frozen=True, slots=True)
class Found:
    """What is up of one call back: its operator's leg, and the called."""

    wish: str
    call: str
    leg: tuple[Channel, LegState] | None = None
    called: Channel | None = None

    @property
    def channels(self) -> list[str]:
        """Their ids."""
        return [each.id for each in (self.leg[0] if self.leg else None, self.called) if each is not None]


def parse(text: str) -> Part | None:
    """None for a variable that is nothing of a call back."""
    try:
        data = orjson.loads(text) if '"cb"' in text else None
        if not isinstance(data, dict):
            return None
        wish, call = str(UUID(data["cb"])), str(UUID(data["call"]))
        leg = LegState(str(UUID(data["leg"])), call, str(data["op"]), float(data["at"])) if "leg" in data else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return Part(wish, call, leg)


def standing(channels: Iterable[Channel]) -> tuple[list[Found], set[str]]:
    """The call backs that are up and no conversation yet, and the ids of their channels."""
    channels = list(channels)
    talking = {offer for each in channels if (offer := _talks_to(each)) is not None}
    found: dict[str, Found] = {}
    mine: set[str] = set()
    for channel in channels:
        part = parse(channel.variables.get("HATIF") or "")
        if part is None or (part.leg is not None and part.leg.offer in talking):
            continue
        mine.add(channel.id)
        known = found.get(part.wish, Found(part.wish, part.call))
        if part.leg is not None:
            found[part.wish] = Found(known.wish, known.call, (channel, part.leg), known.called)
        else:
            found[part.wish] = Found(known.wish, known.call, known.leg, channel)
    return list(found.values()), mine


def _talks_to(channel: Channel) -> str | None:
    """The offer that a caller's own state names."""
    text = channel.variables.get("HATIF") or ""
    try:
        data = orjson.loads(text) if '"o"' in text else {}
    except ValueError:
        return None
    offer = data.get("o") if isinstance(data, dict) else None
    return offer if isinstance(offer, str) else None


def offers(found: Iterable[Found]) -> tuple[OpenOffer, ...]:
    """What the floor must know before anybody waits: these operators are being rung, or wait for the called."""
    legs = [each.leg[1] for each in found if each.leg is not None]
    return tuple(OpenOffer(leg.offer, leg.call, leg.operator, False) for leg in legs)
