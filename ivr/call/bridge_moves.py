"""How everybody comes to where the table says that he must be: the requests, in their order. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from ivr.asterisk.ari import operations
from ivr.asterisk.ari.operations import Request
from ivr.model.talk_table import BRIDGE_PREFIX, BridgeLayout

MUSIC = "hatif"


def bridge_requests(before: BridgeLayout, now: BridgeLayout, caller: str) -> list[Request]:
    """From one seating to another. A channel is moved by adding it to its new bridge: taking it out of the old one by a
    request of its own would hold up all calls' requests until it is out.

    Music and silence are started last, since a channel that changes its bridge would lose them, and stopped first.
    """
    requests = [operations.STOP_MUSIC(channel) for channel in sorted(before.music - now.music)]
    was_alone, alone = _alone(before) - {caller}, _alone(now) - {caller}
    seated = frozenset().union(*now.bridges.values())
    requests += [operations.STOP_SILENCE(channel) for channel in sorted((was_alone - alone) & seated)]
    requests += [create_bridge(bridge) for bridge in now.bridges.keys() - before.bridges]
    moved = set()
    for bridge, inside in now.bridges.items():
        for channel in sorted(inside - before.bridges.get(bridge, frozenset())):
            moved.add(channel)
            requests.append(add_to_bridge(bridge, channel, caller))
    requests += [operations.DELETE_BRIDGE(bridge) for bridge in before.bridges.keys() - now.bridges]
    music = now.music - (before.music - moved)
    requests += [operations.SILENCE(channel) for channel in sorted(alone - (was_alone - moved))]
    return requests + [operations.MUSIC(channel, mohClass=MUSIC) for channel in sorted(music)]


def _alone(seats: BridgeLayout) -> frozenset[str]:
    """Who has nobody with him, and no music. He is sent silence: into nothing a supervisor could not whisper."""
    alone = (inside for inside in seats.bridges.values() if len(inside) == 1)
    return frozenset().union(*alone) - seats.music


def create_bridge(bridge: str) -> Request:
    """With `dtmf_events` Asterisk looks at each packet. Without, it passes them from one telephone to the other as they
    are, the operator's keys too, and nobody tells us of them."""
    return operations.CREATE_BRIDGE(bridge, type="mixing,dtmf_events", name="hatif")


def add_to_bridge(bridge: str, channel: str, caller: str) -> Request:
    """An operator's keys are for us: nobody else in the bridge hears them."""
    if channel == caller:
        return operations.ADD_CHANNEL(bridge, channel=channel)
    return operations.ADD_CHANNEL(bridge, channel=channel, absorbDTMF="true")


def read_layout(bridges: Iterable[Mapping[str, Any]], channels: Iterable[str]) -> BridgeLayout:
    """Where Asterisk has these channels, by its own list; who else is there is left out. Whether anybody hears music it
    does not tell."""
    ours = frozenset(channels)
    there = {str(each["id"]): ours & frozenset(each["channels"]) for each in bridges}
    return BridgeLayout(
        {name: inside for name, inside in there.items() if inside and name.startswith(BRIDGE_PREFIX)}, frozenset()
    )
