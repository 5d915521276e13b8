"""A telephone whose machine refuses packets is gone, one that answers nothing is not; with real ports."""

import socket
from collections.abc import Iterator

import pytest

from ivr.refusing import Refusing, door_of
from routing.states import Operator, OperatorState

OFFERED, TALKING = OperatorState.OFFERED, OperatorState.TALKING


@pytest.mark.parametrize(
    ("contact", "door"),
    [
        ("sip:1002@127.0.0.3:49593", ("127.0.0.3", 49593)),
        ("sip:1002@127.0.0.3", ("127.0.0.3", 5060)),
        ("sip:127.0.0.3:5070;ob", ("127.0.0.3", 5070)),
        ("sip:1002@192.0.2.7:5070;transport=UDP;x-ast-orig-host=10.0.0.5:5060", ("192.0.2.7", 5070)),
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


class Looked:
    """Looks at the telephone of one operator, whose offer is `one`."""

    def __init__(self, telephone: socket.socket, *, rings: bool) -> None:
        self.gone: list[str] = []
        self.contact: str | None = f"sip:1001@127.0.0.1:{telephone.getsockname()[1]}"
        self._rings = rings
        self._refusing = Refusing(lambda _: self.contact, self._has_rung, self.gone.append)

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
