"""A router between an operator's telephone and Asterisk, for sound only."""

import asyncio
import re
from collections.abc import Callable

from ivr.softphone.line import Address
from ivr.softphone.telephone import Operator

_PRIVATE = b"127.0.0.77"
"""The address that the telephone announces; packets to it never arrive."""


class Router:
    """Sends the telephone's sound to Asterisk from a port of 127.0.0.3, and from another one after `moves`. Create it
    before calls ring."""

    def __init__(self, phone: Operator) -> None:
        line = phone._opened[0]
        self._asterisk: Address | None = None
        self._phone: Address | None = None
        self._receives, self._sends = line.incoming, line.outgoing
        line.incoming = self._incoming  # type: ignore[method-assign]
        line.outgoing = self._outgoing  # type: ignore[method-assign]

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._inside, _ = await loop.create_datagram_endpoint(lambda: _Ear(self._from_phone), ("127.0.0.1", 0))
        await self.moves()

    async def moves(self) -> None:
        """Send sound from another port from now on."""
        before = getattr(self, "_outside", None)
        loop = asyncio.get_running_loop()
        self._outside, _ = await loop.create_datagram_endpoint(lambda: _Ear(self._from_asterisk), ("127.0.0.3", 0))
        if before is not None:
            before.close()

    def close(self) -> None:
        self._inside.close()
        self._outside.close()

    def _from_phone(self, data: bytes, sender: Address) -> None:
        self._phone = sender
        if self._asterisk is not None:
            self._outside.sendto(data, self._asterisk)

    def _from_asterisk(self, data: bytes, _: Address) -> None:
        if self._phone is not None:
            self._inside.sendto(data, self._phone)

    def _incoming(self, message: bytes) -> bytes:
        message = self._receives(message)
        if (found := re.search(rb"\nm=audio (\d+) ", message)) is None:
            return message
        self._asterisk = ("127.0.0.1", int(found[1]))
        port = b"%d" % self._inside.get_extra_info("sockname")[1]
        return _changed(message, found[0], b"\nm=audio " + port + b" ")

    def _outgoing(self, message: bytes) -> bytes:
        return _changed(self._sends(message), b"\nc=IN IP4 127.0.0.1", b"\nc=IN IP4 " + _PRIVATE)


def _changed(message: bytes, old: bytes, new: bytes) -> bytes:
    head, end, body = message.partition(b"\r\n\r\n")
    body = body.replace(old, new)
    head = re.sub(rb"(?im)^(Content-Length[ \t]*:[ \t]*)\d+", rb"\g<1>%d" % len(body), head)
    return head + end + body


class _Ear(asyncio.DatagramProtocol):
    def __init__(self, received: Callable[[bytes, Address], None]) -> None:
        self._received = received

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._received(data, addr)
