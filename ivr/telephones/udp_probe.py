"""A probe for telephones that ring or talk: a machine that refuses packets has lost its telephone's program.

Nothing else would show it. Asterisk sends to all telephones over UDP from one socket that is connected to none of them,
and Linux reports no refusals (ICMP port unreachable) on such a socket. A socket that is connected to the telephone gets
the report with its next packet. So each busy telephone is sent an empty line again and again, which SIP takes for a
keep-alive (RFC 5626, 3.5.1).

A router or a firewall on the way may refuse packets that do not come from Asterisk's own port. So a refusal counts only
from a port that accepted several packets in a row before. One is not enough, since refusals are reported at a limited
rate (Linux: six at once, then one a second). A port that refuses before that never counts, unless its telephone does
not report that it rings.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Protocol

from routing.states import Operator, OperatorState

EVERY_S = 0.4

_RINGS_AFTER = 4
"""Within this many probes a telephone must report that it rings."""

_OPEN_AFTER = 5
"""A port that accepts this many packets in a row is open: two seconds, twice as long as Linux withholds a report."""

_KEEP_ALIVE = b"\r\n\r\n"
_CONTACT = re.compile(r"sip:(?:[^@;?]*@)?(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::([0-9]{1,5}))?(;[^?]*)?(?:\?.*)?")
_ELSEWHERE = re.compile(r";transport=(?!udp(?:;|$))|;x-ast-orig-host=", re.IGNORECASE)
"""A contact that is not over UDP, or is behind a router that translates addresses: `rewrite_contact` adds the
telephone's own address only if it differs from the one from which it sends."""


def probed_address(contact: str) -> tuple[str, int] | None:
    """Return host and port of a contact over UDP whose host is an IP address.

    None for any other contact, and for one whose port is a router's.
    """
    found = _CONTACT.fullmatch(contact)
    if found is None or _ELSEWHERE.search(found[4] or ""):
        return None
    return found[1] or found[2], int(found[3] or 5060)


class Connection(Protocol):
    """The part of a connected, non-blocking UDP socket that is used here."""

    def send(self, data: bytes, /) -> int: ...
    def close(self) -> None: ...


def connected(host: str, port: int) -> Connection:
    """Return a UDP socket that is connected to an address.

    Raises:
        OSError: There is no route to the address.
        OverflowError: The port is out of range.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        made.connect((host, port))
    except (OSError, OverflowError):
        made.close()
        raise
    return made


class Port:
    """The port of one offer's telephone. `open`: whether it accepts packets, once that is known; None before."""

    def __init__(self, connection: Connection, *, is_open: bool | None) -> None:
        self.open = is_open
        self.probes = 0
        self._connection = connection
        self._accepted = 0  # packets accepted in a row
        self._sent = False  # whether the last packet was sent

    def refuses(self) -> bool:
        """Send a packet, and return whether the one before was refused. Other errors say nothing of the telephone."""
        self.probes += 1
        refused, before, self._sent = False, self._sent, False
        for _ in range(2):  # the send that reports a refusal sends nothing
            try:
                self._connection.send(_KEEP_ALIVE)
                self._sent = True
                break
            except ConnectionRefusedError:
                refused = True
            except OSError:
                break
        self._accepted = self._accepted + 1 if before and self._sent and not refused else 0
        if self.open is None and (refused or self._accepted >= _OPEN_AFTER):
            self.open = not refused
        return refused

    def close(self) -> None:
        """Close the socket."""
        self._connection.close()


class UdpProbe:
    """Probes the telephones of operators who are rung or talk.

    Args:
        contact: Returns the SIP address of an operator's telephone.
        rings: Returns whether an offer's telephone has reported that it rings, or was answered.
        gone: Called with each operator whose telephone refuses packets, more than once.
    """

    def __init__(
        self,
        contact: Callable[[str], str | None],
        rings: Callable[[str], Awaitable[bool]],
        gone: Callable[[str], None],
        connect: Callable[[str, int], Connection] = connected,
    ) -> None:
        self._contact, self._rings, self._gone, self._connect = contact, rings, gone, connect
        self._ports: dict[str, Port | None] = {}  # by offer; None: cannot be probed
        self._contacts: dict[str, str | None] = {}  # by offer: the contact it was made for
        self._known: dict[str, tuple[str | None, bool]] = {}  # by operator: contact, and whether its port is open

    async def run(self, operators: Callable[[], Mapping[str, Operator]]) -> None:
        """Probe every `EVERY_S` seconds until cancelled."""
        try:
            while True:
                await self.look(
                    {operator.offer: operator for operator in operators().values() if operator.offer is not None}
                )
                await asyncio.sleep(EVERY_S)
        finally:
            self._keep_only(())

    async def look(self, busy: Mapping[str, Operator]) -> None:
        """Probe once. `busy`: by offer, the operator who is rung or talks."""
        self._keep_only(busy)
        for offer, operator in busy.items():
            contact = self._contact(operator.id)
            if offer not in self._ports or self._contacts.get(offer) != contact:
                self._keep_only(busy.keys() - {offer})
                self._ports[offer], self._contacts[offer] = self._make_port(operator.id, contact), contact
            port = self._ports[offer]
            if port is None:
                continue
            refused = port.refuses()
            if port.open is not None:
                self._known[operator.id] = contact, port.open
            if not refused:
                continue
            silent = operator.state is OperatorState.OFFERED and port.probes >= _RINGS_AFTER
            if port.open or (silent and not await self._rings(offer)):
                self._gone(operator.id)

    def _make_port(self, operator: str, contact: str | None) -> Port | None:
        where = probed_address(contact) if contact is not None else None
        known, is_open = self._known.get(operator, (None, False))
        try:
            return Port(self._connect(*where), is_open=is_open if known == contact else None) if where else None
        except (OSError, OverflowError):
            return None

    def _keep_only(self, offers: Collection[str]) -> None:
        for offer in [offer for offer in self._ports if offer not in offers]:
            port, _ = self._ports.pop(offer), self._contacts.pop(offer)
            if port is not None:
                port.close()
