"""The requests that move everybody from one bridge layout to the next, in order. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from ivr.asterisk.ari import operations
from ivr.asterisk.ari.operations import Request
from ivr.model.talk_table import BRIDGE_PREFIX, BridgeLayout

MUSIC = "hatif"


def bridge_requests(before: BridgeLayout, now: BridgeLayout, caller: str) -> list[Request]:
    """Return the requests that lead from one layout to another.

    A channel is moved by adding it to its new bridge. Removing it from the old one by a separate request would hold up
    the requests of all calls until it is out. Music and silence are started last, since a channel that changes its
    bridge would lose them, and stopped first. They are stopped again after the move: by its source (main/channel.c),
    Asterisk misses a stop that comes while another of its threads makes a packet of them, and from then on the channel
    would hear nothing else.
    """
    requests = [operations.STOP_MUSIC(channel) for channel in sorted(before.music - now.music)]
    was_alone, alone = _alone(before) - {caller}, _alone(now) - {caller}
    placed = frozenset().union(*now.bridges.values())
    no_silence = (was_alone - alone) & placed
    requests += [operations.STOP_SILENCE(channel) for channel in sorted(no_silence)]
    requests += [create_bridge(bridge) for bridge in now.bridges.keys() - before.bridges]
    moved = set()
    for bridge, inside in now.bridges.items():
        for channel in sorted(inside - before.bridges.get(bridge, frozenset())):
            moved.add(channel)
            requests.append(add_to_bridge(bridge, channel, caller))
    requests += [operations.DELETE_BRIDGE(bridge) for bridge in before.bridges.keys() - now.bridges]
    # Of whatever kind: a second stop of a silence would have no effect.
    requests += [operations.STOP_MUSIC(channel) for channel in sorted(no_silence | (before.music - now.music) & placed)]
    music = now.music - (before.music - moved)
    requests += [operations.SILENCE(channel) for channel in sorted(alone - (was_alone - moved))]
    return requests + [operations.MUSIC(channel, mohClass=MUSIC) for channel in sorted(music)]


def _alone(layout: BridgeLayout) -> frozenset[str]:
    """Return the channels that are alone in a bridge without music.

    They are sent silence: a supervisor could not whisper into a channel without audio.
    """
    alone = (inside for inside in layout.bridges.values() if len(inside) == 1)
    return frozenset().union(*alone) - layout.music


def create_bridge(bridge: str) -> Request:
    """Return the request that creates a bridge.

    With `dtmf_events` Asterisk examines each packet. Without it, packets pass between the telephones unchanged, even
    the operator's keys, and Asterisk does not report them.
    """
    return operations.CREATE_BRIDGE(bridge, type="mixing,dtmf_events", name="hatif")


def add_to_bridge(bridge: str, channel: str, caller: str) -> Request:
    """Return the request that adds a channel. An operator's keys are for the controller: nobody else hears them."""
    if channel == caller:
        return operations.ADD_CHANNEL(bridge, channel=channel)
    return operations.ADD_CHANNEL(bridge, channel=channel, absorbDTMF="true")


def read_layout(bridges: Iterable[Mapping[str, Any]], channels: Iterable[str]) -> BridgeLayout:
    """Return where Asterisk has these channels by its list of bridges; other channels are left out.

    The list does not tell whether anybody hears music.
    """
    ours = frozenset(channels)
    there = {str(listed["id"]): ours & frozenset(listed["channels"]) for listed in bridges}
    return BridgeLayout(
        {name: inside for name, inside in there.items() if inside and name.startswith(BRIDGE_PREFIX)}, frozenset()
    )
