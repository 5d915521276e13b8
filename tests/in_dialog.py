"""Requests inside a call that the test telephones cannot send themselves, such as a digit by SIP INFO."""

import asyncio
import itertools
import re
import socket

from ivr.softphone.line import Address, Line
from ivr.softphone.telephone import Operator

_CSEQ = itertools.count(70_000)  # above the first number of any telephone


class Dialog:
    """Reads the SIP messages of an operator's telephone or of a caller, over UDP; create it before the call begins.

    The telephone's own later requests in that call (its BYE, say) have a lower number than those sent here, and
    Asterisk refuses them: let the other side hang up.
    """

    def __init__(self, phone: Operator | Line) -> None:
        self._line: Line = phone if isinstance(phone, Line) else phone._opened[0]
        self._invite, self._answer = b"", b""
        self._called = False  # whether the telephone made the call, rather than answered it
        self._waiting: dict[str, asyncio.Future[int]] = {}
        self.received: list[bytes] = []
        """All messages that Asterisk has sent to the telephone."""
        self.sent: list[bytes] = []
        """All messages that the telephone has sent to Asterisk."""
        self._receives, self._sends = self._line.incoming, self._line.outgoing
        self._line.incoming = self._incoming  # type: ignore[method-assign]
        self._line.outgoing = self._outgoing  # type: ignore[method-assign]

    async def request(self, method: str, kind: str = "", body: str = "", timeout_s: float = 4.0) -> int | None:
        """Return the status of the final response to a request in the latest call; None if there is none in time."""
        number = next(_CSEQ)
        host, port = self._line.address
        theirs = self._answer if self._called else self._invite
        ends = ("From", "To") if self._called else ("To", "From")
        lines = [
            f"{method} {_uri(theirs, 'Contact')} SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{port};rport;branch=z9hG4bK{number}{method}",
            "Max-Forwards: 70",
            f"From: {_header(self._answer, ends[0])}",
            f"To: {_header(self._answer, ends[1])}",
            f"Call-ID: {_header(self._answer, 'Call-ID')}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:{host}:{port}>",
            *([f"Content-Type: {kind}"] if kind else []),
            f"Content-Length: {len(body)}",
        ]
        return await self.exchange(method, number, "\r\n".join((*lines, "", body)).encode(), timeout_s)

    async def press(self, keys: str) -> None:
        """Press keys in the latest call by SIP INFO."""
        for key in keys:
            status = await self.request("INFO", "application/dtmf-relay", f"Signal={key}\r\nDuration=160\r\n")
            assert status == 200, (key, status)

    async def exchange(self, method: str, number: int, message: bytes, timeout_s: float = 4.0) -> int | None:
        """Send a request as it is, repeated as UDP requires."""
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[f"{number} {method}"] = answer
        peer = self._line._peer
        assert peer is not None
        try:
            async with asyncio.timeout(timeout_s):
                while not answer.done():
                    self._line._datagrams[0].sendto(message, peer)
                    await asyncio.wait({answer}, timeout=0.5)
                return answer.result()
        except TimeoutError:
            return None

    @property
    def address(self) -> Address:
        return self._line.address

    def _incoming(self, message: bytes) -> bytes:
        self.received.append(message)
        if message.startswith(b"INVITE "):
            self._invite = message
        elif message.startswith(b"SIP/2.0 200") and "INVITE" in _header(message, "CSeq"):
            self._answer, self._called = message, True
        elif message.startswith(b"SIP/2.0 ") and not message.startswith(b"SIP/2.0 1"):
            waits = self._waiting.get(_header(message, "CSeq"))
            if waits is not None and not waits.done():
                waits.set_result(int(message[8:11]))
        return self._receives(message)

    def _outgoing(self, message: bytes) -> bytes:
        message = self._sends(message)
        self.sent.append(message)
        if message.startswith(b"SIP/2.0 200") and "INVITE" in _header(message, "CSeq"):
            self._answer, self._called = message, False
        return message


def without_events(line: Line) -> None:
    """Remove RTP events (RFC 4733) from all that a telephone offers and is offered, from now on."""
    receives, sends = line.incoming, line.outgoing
    line.incoming = lambda message: _without_events(receives(message))  # type: ignore[method-assign]
    line.outgoing = lambda message: _without_events(sends(message))  # type: ignore[method-assign]


def _without_events(message: bytes) -> bytes:
    head, end, body = message.partition(b"\r\n\r\n")
    types = re.findall(rb"a=rtpmap:(\d+) telephone-event/", body)
    for item in types:
        body = re.sub(rb"a=(?:rtpmap|fmtp):" + item + rb" [^\r\n]*\r\n", b"", body)
        body = re.sub(rb"(m=audio [^\r\n]*?) " + item + rb"(?=[ \r])", rb"\1", body)
    if types:
        head = re.sub(rb"(?im)^(Content-Length[ \t]*:[ \t]*)\d+", rb"\g<1>%d" % len(body), head)
    return head + end + body


def _header(message: bytes, name: str) -> str:
    found = re.search(rb"(?im)^" + name.encode() + rb"[ \t]*:[ \t]*([^\r\n]+)", message)
    assert found is not None, message
    return found[1].decode()


def _uri(message: bytes, name: str) -> str:
    found = re.search(r"<([^>]+)>", _header(message, name))
    assert found is not None, message
    return found[1]


def message(server: str, user: str, sender: str, address: str) -> int:
    """Return the response to a MESSAGE outside any call, sent from `address` with `sender` in From.

    Raises TimeoutError if there is none.
    """
    host, _, port = server.partition(":")
    number = next(_CSEQ)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.bind((address, 0))
        wire.settimeout(5)
        here = f"{address}:{wire.getsockname()[1]}"
        lines = (
            f"MESSAGE sip:{user}@{server} SIP/2.0",
            f"Via: SIP/2.0/UDP {here};rport;branch=z9hG4bK{number}message",
            "Max-Forwards: 70",
            f"From: <sip:{sender}@{address}>;tag={number}",
            f"To: <sip:{user}@{server}>",
            f"Call-ID: {number}@{address}",
            f"CSeq: {number} MESSAGE",
            "Content-Type: text/plain",
            "Content-Length: 5",
            "",
            "hello",
        )
        wire.sendto("\r\n".join(lines).encode(), (host, int(port)))
        return int(wire.recv(65536)[8:11])
