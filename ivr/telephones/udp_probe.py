"""Whether the machine of a telephone that rings or talks refuses packets: its program is gone, and nothing tells.

Asterisk sends to all telephones over UDP from one socket that is connected to none, and Linux tells such a socket of no
refusal (ICMP port unreachable). One of ours, connected to the telephone, is told with the next packet. So each busy
telephone gets an empty line again and again, which SIP takes for a sign of life (RFC 5626, 3.5.1).

A router or a firewall on the way may refuse what is not from Asterisk's own port. So a refusal counts only from a door
that took several packets in a row before; one is not enough, since refusals are told at a limited rate (Linux: six at
once, then one a second). A door that refuses before that never counts, unless its telephone does not say that it rings.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Protocol

from routing.states import Operator, OperatorState

EVERY_S = 0.4

_RINGS_AFTER = 4
"""So many looks a telephone has to say that it rings."""

_OPEN_AFTER = 5
"""So many packets in a row that are taken make a door open: two seconds, twice as long as Linux is silent at most."""

_SIGN_OF_LIFE = b"\r\n\r\n"
_CONTACT = re.compile(r"sip:(?:[^@;?]*@)?(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::([0-9]{1,5}))?(;[^?]*)?(?:\?.*)?")
_ELSEWHERE = re.compile(r";transport=(?!udp(?:;|$))|;x-ast-orig-host=", re.IGNORECASE)
"""Not over UDP, or behind a router that translates addresses: `rewrite_contact` adds the telephone's own one only where
it is another than that from which it sends."""


def door_of(contact: str) -> tuple[str, int] | None:
    """Host and port of a contact over UDP with a number as its host, as the registrar has it; None for any other, and
    for one whose port is a router's."""
    found = _CONTACT.fullmatch(contact)
    if found is None or _ELSEWHERE.search(found[4] or ""):
        return None
    return found[1] or found[2], int(found[3] or 5060)


class Connection(Protocol):
    """What is used of a UDP socket that is connected and does not block."""

    def send(self, data: bytes, /) -> int: ...
    def close(self) -> None: ...


def connected(host: str, port: int) -> Connection:
    """OSError or OverflowError if there is no way to that address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        made.connect((host, port))
    except (OSError, OverflowError):
        made.close()
        raise
    return made


class Door:
    """Of one offer's telephone. `open`: whether it takes packets; None: not known yet. Once known it stays so."""

    def __init__(self, connection: Connection, *, is_open: bool | None) -> None:
        self.open = is_open
        self.looks = 0
        self._connection = connection
        self._taken = 0  # packets in a row
        self._sent = False  # the packet before

    def refuses(self) -> bool:
        """Whether the packet before was refused; sends another. What else goes wrong tells nothing of the telephone."""
        self.looks += 1
        refused, before, self._sent = False, self._sent, False
        for _ in range(2):  # what says that one was refused sends none
            try:
                self._connection.send(_SIGN_OF_LIFE)
                self._sent = True
                break
            except ConnectionRefusedError:
                refused = True
            except OSError:
                break
        self._taken = self._taken + 1 if before and self._sent and not refused else 0
        if self.open is None and (refused or self._taken >= _OPEN_AFTER):
            self.open = not refused
        return refused

    def close(self) -> None:
        self._connection.close()


class UdpProbe:
    """`contact(operator)`: where his telephone is, as a SIP address; `rings(offer)`: whether it has said that it rings,
    or was answered; `gone(operator)` is told, more than once."""

    def __init__(
        self,
        contact: Callable[[str], str | None],
        rings: Callable[[str], Awaitable[bool]],
        gone: Callable[[str], None],
        connect: Callable[[str, int], Connection] = connected,
    ) -> None:
        self._contact, self._rings, self._gone, self._connect = contact, rings, gone, connect
        self._doors: dict[str, Door | None] = {}  # by offer; None: it cannot be told
        self._contacts: dict[str, str | None] = {}  # the same, where that is
        self._known: dict[str, tuple[str | None, bool]] = {}  # by operator: his contact, and whether its door is open

    async def run(self, operators: Callable[[], Mapping[str, Operator]]) -> None:
        """For as long as there are any; looks every `EVERY_S`."""
        try:
            while True:
                await self.look({each.offer: each for each in operators().values() if each.offer is not None})
                await asyncio.sleep(EVERY_S)
        finally:
            self._only(())

    async def look(self, busy: Mapping[str, Operator]) -> None:
        """`busy`: by offer, who is rung or talks."""
        self._only(busy)
        for offer, operator in busy.items():
            contact = self._contact(operator.id)
            if offer not in self._doors or self._contacts.get(offer) != contact:
                self._only(busy.keys() - {offer})
                self._doors[offer], self._contacts[offer] = self._door(operator.id, contact), contact
            door = self._doors[offer]
            if door is None:
                continue
            refused = door.refuses()
            if door.open is not None:
                self._known[operator.id] = contact, door.open
            if not refused:
                continue
            silent = operator.state is OperatorState.OFFERED and door.looks >= _RINGS_AFTER
            if door.open or (silent and not await self._rings(offer)):
                self._gone(operator.id)

    def _door(self, operator: str, contact: str | None) -> Door | None:
        where = door_of(contact) if contact is not None else None
        known, is_open = self._known.get(operator, (None, False))
        try:
            return Door(self._connect(*where), is_open=is_open if known == contact else None) if where else None
        except (OSError, OverflowError):
            return None

    def _only(self, offers: Collection[str]) -> None:
        for offer in [each for each in self._doors if each not in offers]:
            door, _ = self._doors.pop(offer), self._contacts.pop(offer)
            if door is not None:
                door.close()
