"""A telephone whose machine refuses packets is gone, one that answers nothing is not; with real ports, and with a way
on which refusals are told at a limited rate."""

import errno
import itertools
import socket
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

import pytest
from test_reconcile import call as state_of
from test_reconcile import uuid

from ivr.call.call import Call
from ivr.callbacks.attempt import Attempt
from ivr.controller.session import Session
from ivr.model import floor_protocol
from ivr.telephones.udp_probe import UdpProbe, connected, door_of
from routing.states import Operator, OperatorState, Trigger

OFFERED, TALKING = OperatorState.OFFERED, OperatorState.TALKING


@pytest.mark.parametrize(
    ("contact", "door"),
    [
        ("sip:1002@127.0.0.3:49593", ("127.0.0.3", 49593)),
        ("sip:1002@127.0.0.3", ("127.0.0.3", 5060)),
        ("sip:127.0.0.3:5070;ob", ("127.0.0.3", 5070)),
        ("sip:1002@192.0.2.7:5070;transport=UDP", ("192.0.2.7", 5070)),
        # Its own address is another one: what refuses there is a router, on behalf of all that are behind it.
        ("sip:1002@192.0.2.7:5070;transport=UDP;x-ast-orig-host=10.0.0.5:5060", None),
        ("sip:1002@192.0.2.7:5070;x-ast-orig-host=10.0.0.5:5060;ob", None),
        ("sip:1002@[2001:db8::7]:5070", ("2001:db8::7", 5070)),
        ("sip:1002@127.0.0.3:49593;transport=tcp", None),
        ("sip:1002@127.0.0.3:49593;ob;transport=ws", None),
        ("sips:1002@127.0.0.3:49593", None),
        ("sip:1002@phone.example.org:5060", None),
        ("", None),
    ],
)
def test_where_a_packet_can_be_refused(contact: str, door: tuple[str, int] | None) -> None:
    assert door_of(contact) == door


@pytest.fixture
def telephone() -> Iterator[socket.socket]:
    """A port that takes what comes and answers nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        yield made


class Way:
    """Each packet on it is taken (`.`), refused, which the next one is told (`x`), or not sent at all (`!`)."""

    def __init__(self, packets: Iterable[str]) -> None:
        self._packets = iter(packets)
        self._refused = False

    def __call__(self, host: str, port: int) -> "Way":
        return self

    def send(self, data: bytes) -> int:
        if self._refused:
            self._refused = False
            raise ConnectionRefusedError
        if (packet := next(self._packets)) == "!":
            raise PermissionError(errno.EPERM, "a firewall on our own machine")
        self._refused = packet == "x"
        return len(data)

    def close(self) -> None:
        self._refused = False


class Looked:
    """Looks at the telephone of one operator, whose offer is `one`."""

    def __init__(self, telephone: socket.socket | Way, *, rings: bool) -> None:
        self.gone: list[str] = []
        port = telephone.getsockname()[1] if isinstance(telephone, socket.socket) else 5060
        self.contact: str | None = f"sip:1001@127.0.0.1:{port}"
        self._rings = rings
        connect = telephone if isinstance(telephone, Way) else connected
        self._refusing = UdpProbe(lambda _: self.contact, self._has_rung, self.gone.append, connect)

    async def _has_rung(self, _: str) -> bool:
        return self._rings

    async def times(self, count: int, state: OperatorState) -> bool:
        """Whether he is gone after so many looks."""
        for _ in range(count):
            await self._refusing.look({"one": Operator("1001", {"fr": 5}, state=state, offer="one", present=True)})
        return bool(self.gone)

    async def over(self) -> None:
        await self._refusing.look({})


@pytest.mark.parametrize("state", [OFFERED, TALKING])
async def test_one_that_answers_nothing_is_there_until_its_port_refuses(
    telephone: socket.socket, state: OperatorState
) -> None:
    looked = Looked(telephone, rings=True)
    assert not await looked.times(20, state)
    assert telephone.recv(100) == b"\r\n\r\n"
    telephone.close()
    assert await looked.times(2, state)
    assert set(looked.gone) == {"1001"}
    # The next time it is known from the beginning, until it is somewhere else.
    await looked.over()
    looked.gone.clear()
    assert await looked.times(2, state)
    looked.gone.clear()
    looked.contact = f"{looked.contact};ob"
    assert not await looked.times(3, state)
    await looked.over()


async def test_one_that_refuses_from_the_beginning_is_gone_only_if_it_does_not_ring(telephone: socket.socket) -> None:
    rings, silent, talks = (Looked(telephone, rings=each) for each in (True, False, False))
    telephone.close()
    assert not await rings.times(20, OFFERED), "a router on the way may refuse what is not from Asterisk"
    assert not await talks.times(20, TALKING)
    assert not await silent.times(3, OFFERED), "it may need a moment"
    assert await silent.times(1, OFFERED)
    for each in (rings, silent, talks):
        await each.over()


async def test_a_telephone_that_is_nowhere_or_has_no_way_to_it_is_left_alone(telephone: socket.socket) -> None:
    looked = Looked(telephone, rings=False)
    for contact in (
        None,
        "sip:1001@255.255.255.255:5060",
        "sip:1001@127.0.0.1:99999",
        "sip:1001@1.2.3:1",
        "sip:1001@::1",
    ):
        looked.contact = contact
        assert not await looked.times(6, OFFERED), contact
        await looked.over()


@pytest.mark.parametrize("state", [OFFERED, TALKING])
@pytest.mark.parametrize(
    "packets",
    [
        "xxxxxx",
        "....x",
        # Once is enough, also in later conversations, however long nothing more is told.
        "x" + "." * 60 + "xxxxxx",
        # What was not sent was not taken.
        "!" * 20 + "xxxxxx",
        "..!" * 10 + "xxxxxx",
    ],
    ids=["from the beginning", "after four", "once", "not sent", "sent now and then"],
)
async def test_one_behind_a_router_that_refuses_at_a_limited_rate_is_never_gone(
    packets: str, state: OperatorState
) -> None:
    """Linux tells six refusals at once, then one a second."""
    looked = Looked(Way(itertools.chain(packets, itertools.cycle("..x"))), rings=True)
    for _ in range(4):  # conversations
        assert not await looked.times(40, state)
        await looked.over()


async def test_one_that_took_five_packets_in_a_row_and_refuses_is_gone() -> None:
    looked = Looked(Way("x" + "." * 30 + ".....x."), rings=True)
    assert not await looked.times(31, TALKING), "its port refused before it was seen open"
    looked.contact = f"{looked.contact};ob"
    assert not await looked.times(6, TALKING)
    assert await looked.times(1, TALKING)
    await looked.over()


@pytest.mark.parametrize("state", [OFFERED, TALKING])
@pytest.mark.parametrize("calls_back", [False, True])
async def test_that_his_telephone_refuses_is_told_to_who_rings_or_has_him_and_to_the_floor_only_while_it_rings(
    state: OperatorState, calls_back: bool
) -> None:
    session, told = Session.__new__(Session), list[floor_protocol.ToFloor]()
    operator = Operator("1001", {"fr": 5}, state=state, offer=uuid(11), present=True)
    session.floor = cast(Any, SimpleNamespace(operators={"1001": operator}, tell=told.append))
    call = Call(cast(Any, Mock()), "1795600000.7", state_of(1, offer=11), cast(Any, None), answered=True)
    progress = cast(Any, SimpleNamespace(call=call.state.id))
    attempt = Attempt(cast(Any, Mock()), cast(Any, None), progress, None)
    session._refused_at = {}
    session._routes = {uuid(11): attempt if calls_back else call}
    session._refused("1001")
    gone = floor_protocol.TelephoneGone(call.state.id, "1001", refused=state is TALKING)
    assert await (attempt.legs if calls_back else call).next() == gone
    assert told == ([floor_protocol.OperatorEvent("1001", Trigger.PHONE_ABSENT)] if state is OFFERED else [])


def test_an_offer_of_an_older_epoch_is_refused_by_the_connection() -> None:
    connection, delivered = Session.__new__(Session), list[floor_protocol.ToCall]()
    connection._epoch = 0
    connection.running = cast(Any, SimpleNamespace(get=lambda _: SimpleNamespace(deliver=delivered.append)))
    newer, older = (floor_protocol.Offer(uuid(number), epoch, "call", "1001", 15.0, None)
                    for number, epoch in ((1, 2), (2, 1)))  # fmt: skip
    for offer in (newer, older, newer):
        connection.from_floor(offer)
    assert delivered == [newer, newer]
