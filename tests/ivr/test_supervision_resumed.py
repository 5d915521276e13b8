"""A starting controller goes on with the supervision that it finds: nobody is left outside the bridge."""

from types import SimpleNamespace
from typing import Any

import pytest
from snapshots import snapshot
from trial_stage import nobody_keeps

from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.link import Response
from ivr.asterisk.ari.operations import Request
from ivr.audio.audible import Media
from ivr.codes import spy_channel as spies
from ivr.codes import supervise
from ivr.codes.code_call import CodeCall, OperatorGone
from ivr.codes.spy_channel import Mode, bridge_of
from ivr.site.operators import OperatorEntry

SUPERVISOR, OTHER = "node1-1795661959.4", "node1-1795661959.7"
MINE = spies.new_spy(Mode.WHISPER, "019ab5d2-0000-7000-8000-000000000001", SUPERVISOR)
ANOTHERS = spies.new_spy(Mode.LISTEN, "019ab5d2-0000-7000-8000-000000000002", OTHER)


class Asterisk:
    """A link to an Asterisk that has two spying channels, and these in the supervisor's bridge.

    `routes`: who gets the events of a channel; a spying channel that is asked for is there at once if it has one.
    """

    def __init__(self, inside: tuple[str, ...]) -> None:
        self.inside = inside
        self.routes: dict[str, Any] = {}
        self.sent: list[Request] = []
        self.asked: list[Request] = []

    async def ask(self, *requests: Request) -> list[Response]:
        self.asked += requests
        for request in requests:
            if "/snoop/" in request.uri:
                spy = request.uri.rpartition("/")[2]
                self.routes[spy].deliver(events.StasisStart(snapshot(spy)))
        known = {
            operations.CHANNELS(): [{"id": channel} for channel in (SUPERVISOR, OTHER, MINE.id, ANOTHERS.id)],
            operations.BRIDGES(): [{"id": bridge_of(SUPERVISOR), "channels": list(self.inside)}],
        }
        return [Response(200, known.get(request)) for request in requests]

    async def send(self, *requests: Request, refused: object = None) -> None:
        self.sent += requests


async def goes_on(link: Asterisk, keys: str = "") -> None:
    """Go on with the supervision of SUPERVISOR, who presses these keys and hangs up."""
    services = SimpleNamespace(
        link=link, recorder=nobody_keeps(), route=link.routes.__setitem__, unroute=lambda _: None,
        operators=(), take_notice=lambda _: None, audible=SimpleNamespace(media=lambda *_: Media((), 0.0, ())),
    )  # fmt: skip
    connection: Any = SimpleNamespace(
        services=services, floor=SimpleNamespace(operators={}), call_on=lambda _: None,
        version=SimpleNamespace(sounds=None),
    )  # fmt: skip
    supervisor = OperatorEntry("1901", "Sample", {"fr": 5}, frozenset(), True)
    call = CodeCall(connection, SUPERVISOR, "whisper", supervisor, "1001", resumed=True)
    for key in keys:
        call.deliver(events.ChannelDtmfReceived(events.ChannelRef(SUPERVISOR), key))
    call.deliver(events.ChannelDestroyed(events.ChannelRef(SUPERVISOR), 16))
    with pytest.raises(OperatorGone):
        await supervise.whisper(call)


@pytest.mark.parametrize("inside", [(), (SUPERVISOR,), (MINE.id,), (SUPERVISOR, MINE.id)])
async def test_whoever_is_missing_in_the_supervisors_bridge_is_put_into_it(inside: tuple[str, ...]) -> None:
    link = Asterisk(inside)
    await goes_on(link)
    bridge = bridge_of(SUPERVISOR)
    added = {
        SUPERVISOR: operations.ADD_CHANNEL(bridge, channel=SUPERVISOR, absorbDTMF="true"),
        MINE.id: operations.ADD_CHANNEL(bridge, channel=MINE.id),
    }
    assert [request for request in link.sent if "addChannel" in request.uri] == [
        request for channel, request in added.items() if channel not in inside
    ]
    # They hang up: the spying channel and the bridge end, and another supervisor's go on.
    assert link.sent[-2:] == [operations.HANG_UP(MINE.id), operations.DELETE_BRIDGE(bridge)]
    assert operations.HANG_UP(ANOTHERS.id) not in link.sent


@pytest.mark.parametrize(("key", "modes"), [("1", [Mode.LISTEN]), ("2", []), ("9", []), ("92*1", [Mode.LISTEN])])
async def test_a_key_changes_who_hears_the_supervisor_unless_it_is_no_mode_or_the_present_one(
    key: str, modes: list[Mode]
) -> None:
    link = Asterisk((SUPERVISOR, MINE.id))
    await goes_on(link, key)
    begun = [spies.spy_of(request.uri.rpartition("/")[2]) for request in link.asked if "/snoop/" in request.uri]
    assert [(spy.mode, spy.leg, spy.supervisor) for spy in begun if spy is not None] == [
        (mode.value, MINE.leg, SUPERVISOR) for mode in modes
    ]
    # The new spying channel is put into the supervisor's bridge before the former one ends.
    heard = [request for request in link.sent if "addChannel" in request.uri or request == operations.HANG_UP(MINE.id)]
    added = [operations.ADD_CHANNEL(bridge_of(SUPERVISOR), channel=spy.id) for spy in begun if spy is not None]
    assert heard[: len(added) + 1] == [*added, operations.HANG_UP(MINE.id)]
