"""The line between one telephone and an exchange.

The SIP stack of the test telephones can only be at 127.0.0.1, and all telephones of a process share one port there.
An exchange, however, tells a carrier from an operator by the address that a call comes from. So each telephone gets a
line: two sockets, one towards the stack, one with an address of its own (such as 127.0.0.2) towards the exchange.
Only SIP passes through it, with the addresses in the headers replaced as by a NAT router with a SIP gateway.
Sound does not; it goes between the exchange and 127.0.0.1 directly.

A line can be cut, which looks to an exchange like a power failure of the telephone.
"""

import asyncio
import contextlib
import re
import socket
from collections.abc import Callable, Mapping
from typing import Literal

Address = tuple[str, int]
Transport = Literal["udp", "tcp"]

LOOPBACK = "127.0.0.1"
_FROM = re.compile(rb"^(?:From|f)[ \t]*:[^\r\n]*?sip:([^@>;\r\n]+)@[^\r\n]*?(;[ \t]*tag=[^\r\n]*)?$", re.IGNORECASE)
_DIALLED = re.compile(rb"([A-Z]+) sip:(\+[0-9]+)@")
_CALL = re.compile(rb"^(?:Call-ID|i)[ \t]*:[ \t]*([^\r\n]+)", re.IGNORECASE | re.MULTILINE)
_CONTENT_LENGTH = re.compile(rb"^(?:Content-Length|l)[ \t]*:[ \t]*(\d+)", re.IGNORECASE | re.MULTILINE)
# The digest of a password covers the address as the stack wrote it; a changed one would be wrong.
_KEPT = (b"authorization:", b"proxy-authorization:")
_MAX_MESSAGE = 65536  # bytes of a SIP message over TCP


def format_address(address: Address) -> str:
    return f"{address[0]}:{address[1]}"


def parse_address(text: str, default_port: int = 5060) -> Address:
    """Return `"127.0.0.1:5060"` or `"127.0.0.1"` as (host, port). Raises ValueError if the port is not a number."""
    host, _, port = text.partition(":")
    if port and not port.isdigit():
        raise ValueError(f"{text!r} is not an address: expected host or host:port, such as 127.0.0.1:5060")
    return host, int(port or default_port)


def translate(message: bytes, names: Mapping[bytes, bytes]) -> bytes:
    """Return `message` with each `host:port` of its headers that is a key of `names` replaced, and the same body."""
    if not names:
        return message
    head, end, body = message.partition(b"\r\n\r\n")
    pattern = re.compile(rb"(?<![\d.])(?:" + b"|".join(re.escape(name) for name in names) + rb")(?!\d)")
    lines = [
        line if line.lower().startswith(_KEPT) else pattern.sub(lambda found: names[found[0]], line)
        for line in head.split(b"\r\n")
    ]
    return b"\r\n".join(lines) + end + body


def from_header(number: str | None, name: str, host: str) -> bytes:
    """Return the value of a `From` header, without its tag; `number` is None for an anonymous caller."""
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    if number is None:
        return f'"{quoted or "Anonymous"}" <sip:anonymous@anonymous.invalid>'.encode()
    return ((f'"{quoted}" ' if name else "") + f"<sip:{number}@{host}>").encode()


class Line:
    """One telephone's line. Open it, then give the stack `inside` as the address of its exchange.

    `identities` maps the user name of an account of the stack to the whole value (without tag) of the `From` header
    that the exchange gets instead: a carrier's line sends any number and name, also those that no stack would send.
    `refusal` is the end of a status line (`b"603 Decline"`) that replaces a 486. `everybody` is the user name of the
    account that is called whatever number is dialled, as at a carrier; `dialled` has these numbers, by Call-ID.
    """

    def __init__(self, address: str, server: Address | None, stack: Address, transport: Transport = "udp") -> None:
        """Create a line, not open yet.

        Args:
            address: The telephone's own address; without a port, `open` chooses one.
            server: The exchange; None for the first sender.
            stack: Where the SIP stack listens.
            transport: For both ends.
        """
        self.address: Address = parse_address(address, 0)
        self.inside: Address = (LOOPBACK, 0)
        self.identities: dict[bytes, bytes] = {}
        self.refusal: bytes | None = None
        self.everybody: bytes | None = None
        self.dialled: dict[bytes, str] = {}
        self.is_cut = False
        self._is_closed = False
        self._peer = server
        self._learns = server is None
        self._stack = stack
        self._alias = stack  # over TCP the stack calls itself by the port that it connects from
        self._transport: Transport = transport
        self._datagrams: list[asyncio.DatagramTransport] = []
        self._servers: list[asyncio.Server] = []
        self._connections: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Bind both ends. Raises OSError if the address is not one of this machine."""
        loop = asyncio.get_running_loop()
        if self._transport == "udp":
            outside, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self._from_outside), self.address)
            inside, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self._from_inside), (LOOPBACK, 0))
            self._datagrams = [outside, inside]
            self.address = outside.get_extra_info("sockname")
            self.inside = inside.get_extra_info("sockname")
            return
        # The exchange calls a telephone over the connection that it registered with, or opens one to the same address.
        listener = _tcp_socket(self.address)
        self.address = listener.getsockname()
        self._servers = [
            await asyncio.start_server(self._accept_outside, sock=listener),
            await asyncio.start_server(self._accept_inside, LOOPBACK, 0),
        ]
        self.inside = self._servers[1].sockets[0].getsockname()

    async def close(self) -> None:
        """Close both ends. Messages in transit are lost."""
        for datagrams in self._datagrams:
            datagrams.close()
        for server in self._servers:
            server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await asyncio.sleep(0)  # lets the transports report that they are closed

    def cut(self, *, closes: bool) -> None:
        """Drop all messages until `mend`.

        `closes`: also close the TCP connections and take no others, or close the UDP port, which then refuses packets,
        as happens when the telephone's program dies.
        """
        self.is_cut, self._is_closed = True, closes
        for datagrams in self._datagrams[:1] if closes else ():
            datagrams.close()
        for connection in self._connections if closes else ():
            connection.cancel()

    async def mend(self) -> None:
        """Pass messages again, at the same address. Raises OSError if another socket has it by now."""
        if self._datagrams and self._datagrams[0].is_closing():
            loop = asyncio.get_running_loop()
            outside, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self._from_outside), self.address)
            self._datagrams[0] = outside
        self.is_cut = self._is_closed = False

    def outgoing(self, message: bytes) -> bytes:
        """Return a message of the stack as the exchange gets it."""
        names = {_name(self._stack): _name(self.address), _name(self._alias): _name(self.address)}
        if self._peer is not None:
            names[_name(self.inside)] = _name(self._peer)
        message = translate(message, names)
        if self.refusal is not None and message.startswith(b"SIP/2.0 486 "):
            message = b"SIP/2.0 " + self.refusal + b"\r\n" + message.partition(b"\r\n")[2]
        elif self.identities and not message.startswith(b"SIP/2.0"):
            message = self._with_identity(message)
        return message

    def incoming(self, message: bytes) -> bytes:
        """Return a message of the exchange as the stack gets it."""
        names = {_name(self.address): _name(self._alias)}
        if self._peer is not None:
            names[_name(self._peer)] = _name(self.inside)
        if self.everybody is not None and (number := _DIALLED.match(message)) is not None:
            if number[1] == b"INVITE" and (call := _CALL.search(message)) is not None:
                self.dialled[call[1]] = number[2].decode()
            message = message[: number.start(2)] + self.everybody + message[number.end(2) :]
        return translate(message, names)

    def _with_identity(self, message: bytes) -> bytes:
        head, end, body = message.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        for i, line in enumerate(lines):
            if (found := _FROM.match(line)) and (identity := self.identities.get(found[1])) is not None:
                lines[i] = b"From: " + identity + (found[2] or b"")
        return b"\r\n".join(lines) + end + body

    def _from_inside(self, data: bytes, _: Address) -> None:
        if not self.is_cut and self._peer is not None:
            self._datagrams[0].sendto(self.outgoing(data), self._peer)

    def _from_outside(self, data: bytes, sender: Address) -> None:
        if self.is_cut:
            return
        if self._learns:
            self._peer = sender
        self._datagrams[1].sendto(self.incoming(data), self._stack)

    async def _accept_inside(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._peer is None or self._is_closed:
            writer.close()
            return
        self._alias = writer.get_extra_info("peername")
        outside = _tcp_socket(self.address)
        try:
            await asyncio.get_running_loop().sock_connect(outside, self._peer)
        except OSError:
            outside.close()
            writer.close()
            return
        await self._join((reader, writer), await asyncio.open_connection(sock=outside))

    async def _accept_outside(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_closed:
            writer.transport.abort()
            return
        try:
            inside = await asyncio.open_connection(*self._stack)
        except OSError:
            writer.close()
            return
        await self._join(inside, (reader, writer))

    async def _join(
        self,
        inside: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        outside: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            if self._is_closed:  # since it was accepted
                return
            async with asyncio.TaskGroup() as group:
                group.create_task(self._copy(inside[0], outside[1], out=True))
                group.create_task(self._copy(outside[0], inside[1], out=False))
        except* (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # one side has closed, so close the other
        finally:
            self._connections.discard(task)
            for _, writer in (inside, outside):
                writer.close()  # both, before anything is waited for: the wait may be cancelled
            for _, writer in (inside, outside):
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, out: bool) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = _CONTENT_LENGTH.search(head)
            message = head + (await reader.readexactly(min(int(length[1]), _MAX_MESSAGE)) if length else b"")
            if not self.is_cut:
                writer.write(self.outgoing(message) if out else self.incoming(message))
                await writer.drain()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, received: Callable[[bytes, Address], None]) -> None:
        self._received = received

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._received(data, addr)


def _tcp_socket(address: Address) -> socket.socket:
    """Return a socket at a shared `address`, so that one port can both listen and connect."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.setblocking(False)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock


def _name(address: Address) -> bytes:
    return f"{address[0]}:{address[1]}".encode()
