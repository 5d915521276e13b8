"""A telephone whose machine refuses packets is gone, one that does not answer is not.

Tested with real ports, and with a network that reports refusals at a limited rate.
"""

import errno
import itertools
import socket
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

import pytest
from every import every
from test_reconcile import call as state_of
from test_reconcile import uuid

from ivr.call.call import Call
from ivr.callbacks.attempt import Attempt
from ivr.controller.connection import Connection
from ivr.controller.telephone_signals import TelephoneSignals
from ivr.model import floor_protocol
from ivr.telephones.udp_probe import UdpProbe, connected, probed_address
from routing.states import Operator, OperatorState, Trigger

OFFERED, TALKING = OperatorState.OFFERED, OperatorState.TALKING


@every(
    ("contact", "address"),
    [
        ("sip:1002@127.0.0.3:49593", ("127.0.0.3", 49593)),
        ("sip:1002@127.0.0.3", ("127.0.0.3", 5060)),
        ("sip:127.0.0.3:5070;ob", ("127.0.0.3", 5070)),
        ("sip:1002@192.0.2.7:5070;transport=UDP", ("192.0.2.7", 5070)),
        # Its own address is another one: a router refuses there, on behalf of all telephones behind it.
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
def test_only_a_udp_contact_at_a_telephones_own_address_is_probed(
    contact: str, address: tuple[str, int] | None
) -> None:
    assert probed_address(contact) == address


@pytest.fixture
def telephone() -> Iterator[socket.socket]:
    """A port that accepts packets and answers nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        yield made


class Network:
    """A network that accepts a packet (`.`), refuses it, as the next one reports (`x`), or does not send it (`!`)."""

    def __init__(self, packets: Iterable[str]) -> None:
        self._packets = iter(packets)
        self._refused = False

    def __call__(self, host: str, port: int) -> "Network":
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


class Probed:
    """The telephone of one operator, whose offer is `one`, under a probe."""

    def __init__(self, telephone: socket.socket | Network, *, rings: bool) -> None:
        self.gone: list[str] = []
        port = telephone.getsockname()[1] if isinstance(telephone, socket.socket) else 5060
        self.contact: str | None = f"sip:1001@127.0.0.1:{port}"
        self._rings = rings
        connect = telephone if isinstance(telephone, Network) else connected
        self._probe = UdpProbe(lambda _: self.contact, self._has_rung, self.gone.append, connect)

    async def _has_rung(self, _: str) -> bool:
        return self._rings

    async def times(self, count: int, state: OperatorState) -> bool:
        """Return whether the telephone is gone after `count` probes."""
        for _ in range(count):
            await self._probe.look({"one": Operator("1001", {"fr": 5}, state=state, offer="one", present=True)})
        return bool(self.gone)

    async def over(self) -> None:
        await self._probe.look({})


@pytest.mark.parametrize("state", [OFFERED, TALKING])
async def test_a_telephone_that_answers_nothing_is_there_until_its_port_refuses(
    telephone: socket.socket, state: OperatorState
) -> None:
    probed = Probed(telephone, rings=True)
    assert not await probed.times(20, state)
    assert telephone.recv(100) == b"\r\n\r\n"
    telephone.close()
    assert await probed.times(2, state)
    assert set(probed.gone) == {"1001"}
    # In the next call this is known from the beginning, until the telephone has another address.
    await probed.over()
    probed.gone.clear()
    assert await probed.times(2, state)
    probed.gone.clear()
    probed.contact = f"{probed.contact};ob"
    assert not await probed.times(3, state)
    await probed.over()


async def test_a_telephone_that_refuses_from_the_start_is_gone_only_if_it_does_not_ring(
    telephone: socket.socket,
) -> None:
    rings, silent, talks = (Probed(telephone, rings=value) for value in (True, False, False))
    telephone.close()
    assert not await rings.times(20, OFFERED), "a router on the way may refuse what is not from Asterisk"
    assert not await talks.times(20, TALKING)
    assert not await silent.times(3, OFFERED), "it may need a moment"
    assert await silent.times(1, OFFERED)
    for telephone_probed in (rings, silent, talks):
        await telephone_probed.over()


async def test_a_telephone_without_a_reachable_address_is_not_probed(telephone: socket.socket) -> None:
    probed = Probed(telephone, rings=False)
    for contact in (
        None,
        "sip:1001@255.255.255.255:5060",
        "sip:1001@127.0.0.1:99999",
        "sip:1001@1.2.3:1",
        "sip:1001@::1",
    ):
        probed.contact = contact
        assert not await probed.times(6, OFFERED), contact
        await probed.over()


@pytest.mark.parametrize("state", [OFFERED, TALKING])
@pytest.mark.parametrize(
    "packets",
    [
        "xxxxxx",
        "....x",
        # Once is enough, also in later conversations, however long no more refusals are reported.
        "x" + "." * 60 + "xxxxxx",
        # A packet that was not sent was not accepted.
        "!" * 20 + "xxxxxx",
        "..!" * 10 + "xxxxxx",
    ],
    ids=["from the beginning", "after four", "once", "not sent", "sent now and then"],
)
async def test_a_telephone_behind_a_router_that_refuses_at_a_limited_rate_is_never_gone(
    packets: str, state: OperatorState
) -> None:
    """Linux reports six refusals at once, then one a second."""
    probed = Probed(Network(itertools.chain(packets, itertools.cycle("..x"))), rings=True)
    for _ in range(4):  # conversations
        assert not await probed.times(40, state)
        await probed.over()


async def test_a_telephone_that_accepted_five_packets_in_a_row_and_then_refuses_is_gone() -> None:
    probed = Probed(Network("x" + "." * 30 + ".....x."), rings=True)
    assert not await probed.times(31, TALKING), "its port refused before it was seen open"
    probed.contact = f"{probed.contact};ob"
    assert not await probed.times(6, TALKING)
    assert await probed.times(1, TALKING)
    await probed.over()


@pytest.mark.parametrize("state", [OFFERED, TALKING])
@pytest.mark.parametrize("calls_back", [False, True])
async def test_a_refusing_telephone_is_reported_to_its_call_and_to_the_floor_only_while_it_rings(
    state: OperatorState, calls_back: bool
) -> None:
    messages = list[floor_protocol.ToFloor]()
    operator = Operator("1001", {"fr": 5}, state=state, offer=uuid(11), present=True)
    call = Call(cast(Any, Mock()), "1795600000.7", state_of(1, offer=11), cast(Any, None), answered=True)
    progress = cast(Any, SimpleNamespace(call=call.state.id))
    attempt = Attempt(cast(Any, Mock()), cast(Any, None), progress, None)
    counts = SimpleNamespace(refusals=0)
    signals = TelephoneSignals(
        cast(Any, SimpleNamespace(recorder=SimpleNamespace(counts=counts), to_floor=messages.append)),
        cast(Any, Mock()),
        lambda: {"1001": operator},
        {uuid(11): attempt if calls_back else call},
        cast(Any, Mock()),
        cast(Any, Mock()),
    )
    signals.refused("1001")
    gone = floor_protocol.TelephoneGone(call.state.id, "1001", refused=state is TALKING)
    assert await (attempt.legs if calls_back else call).next() == gone
    assert messages == ([floor_protocol.OperatorEvent("1001", Trigger.PHONE_ABSENT)] if state is OFFERED else [])
    assert counts.refusals == 1


def test_an_offer_of_an_older_epoch_is_refused_by_the_connection() -> None:
    connection, delivered = Connection.__new__(Connection), list[floor_protocol.ToCall]()
    connection._epoch = 0
    connection.registry = cast(Any, SimpleNamespace(get=lambda _: SimpleNamespace(deliver=delivered.append)))
    newer, older = (floor_protocol.Offer(uuid(number), epoch, "call", "1001", 15.0, None)
                    for number, epoch in ((1, 2), (2, 1)))  # fmt: skip
    for offer in (newer, older, newer):
        connection.from_floor(offer)
    assert delivered == [newer, newer]
