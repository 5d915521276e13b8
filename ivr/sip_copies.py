"""Copies of the SIP messages of Asterisk (HEP 3, from its module res_hep_pjsip): whether a request was answered, and
which requests were registrations.

Asterisk reports to nobody how a session refresh of its own was answered, whether a caller has confirmed an answer, nor
a registration that is only refreshed. The copies come to the guard by UDP on the loopback; it looks for unconfirmed
answers (`ivr/half_calls.py`) and hands them on to the controller. They have no password: whoever forges one can make a
silent caller count as there.
"""

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import structlog

log = structlog.get_logger()

_CHUNK = struct.Struct("!HHH")
_SENDERS, _FROM_PORT, _TO_PORT, _PAYLOAD, _CALL_ID = (0x03, 0x05), 0x07, 0x08, 0x0F, 0x11
_BRANCH = re.compile(rb"^(?:Via|v)[ \t]*:[^\r\n]*?;[ \t]*branch=([^\s;,]+)", re.IGNORECASE | re.MULTILINE)
_INVITED = re.compile(rb"^CSeq[ \t]*:[ \t]*\d+[ \t]+INVITE\b", re.IGNORECASE | re.MULTILINE)

_REGISTERED = re.compile(rb"^CSeq[ \t]*:[ \t]*\d+[ \t]+REGISTER\b", re.IGNORECASE | re.MULTILINE)
_LIFETIME = re.compile(rb"^(?:Contact|m)[ \t]*:[^\r\n]*;[ \t]*expires=([0-9]{1,6})\b", re.IGNORECASE | re.MULTILINE)
_REGISTRATIONS = 1000
"""So many are remembered; they are asked for within a second."""
_IN_A_ROW = 200
"""Copies that are read before anything else has its turn."""

_PAUSE_S = 0.01
"""How long copies gather; nobody on the telephone waits for them."""

_GONE = (408, 481)
"""Answers by which there is no such call, or nobody who answers."""


class Copy(NamedTuple):
    """A SIP message as it went over the wire. `sender`: its address, 4 or 16 bytes."""

    call_id: bytes
    message: bytes
    sender: bytes
    from_port: int
    to_port: int


@dataclass(slots=True)
class _Asked:
    answered: Callable[[bool], None]
    branches: set[bytes] = field(default_factory=set)  # of the INVITEs since


class SipCopies:
    """What the copies tell the controller. `heard`: whether there was any; without them, nothing can be told."""

    def __init__(self) -> None:
        self.heard = False
        self._asked: dict[bytes, _Asked] = {}  # by Call-ID
        self._lifetimes: dict[bytes, float] = {}  # of registrations, by Call-ID, the newest last

    async def listen(self, path: Path) -> None:
        """Take what the guard hands on to this socket, until cancelled. Where there can be none, nothing is heard."""
        try:
            path.unlink(missing_ok=True)  # noqa: ASYNC240 - on the machine's own run directory
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
                one.bind(str(path))
                path.chmod(0o600)  # noqa: ASYNC240 - as above
                await each_datagram(one, self.datagram_received)
        except OSError as error:
            log.error(
                "Copies of SIP cannot be received; silent callers are offered as if they were there",
                path=str(path),
                error=str(error),
            )

    def expect(self, call_id: str, answered: Callable[[bool], None]) -> None:
        """`answered(alive)` is called once, at the first final answer to an INVITE of this call from now on; False also
        if Asterisk or the other side hangs up."""
        self._asked[call_id.encode()] = _Asked(answered)

    def lifetime(self, call_id: str) -> float | None:
        """Return for how many seconds the registration with this Call-ID was accepted; None if there was none of late,
        or it has ended."""
        return self._lifetimes.get(call_id.encode("utf-8", "replace"))

    def forget(self, call_id: str) -> None:
        self._asked.pop(call_id.encode(), None)

    def forget_all(self) -> None:
        self._asked.clear()

    def datagram_received(self, packet: bytes) -> None:
        self.heard = True
        registers = b" REGISTER\r\n" in packet
        if not (registers or self._asked):
            return
        copy = read(packet)
        call_id = copy.call_id
        if registers:
            self._note(call_id, copy.message)
        asked = self._asked.get(call_id)
        if asked is None:
            return
        head = copy.message.partition(b"\r\n\r\n")[0]
        branch = _BRANCH.search(head)
        alive: bool | None = None
        if head.startswith(b"INVITE ") and branch is not None:
            asked.branches.add(branch[1])
        elif head.startswith(b"BYE "):
            alive = False
        elif (
            head.startswith(b"SIP/2.0 ")
            and _INVITED.search(head)
            and branch is not None
            and branch[1] in asked.branches
        ):
            status = head[8:11]
            if status.isdigit() and int(status) >= 200:
                alive = int(status) not in _GONE
        if alive is not None:
            del self._asked[call_id]
            asked.answered(alive)

    def _note(self, call_id: bytes, message: bytes) -> None:
        """Asterisk's answer to a registration lists the contacts that it has then: none if the telephone has left."""
        head = message.partition(b"\r\n\r\n")[0]
        if not head.startswith(b"SIP/2.0 200 ") or _REGISTERED.search(head) is None:
            return
        self._lifetimes.pop(call_id, None)
        if (found := _LIFETIME.search(head)) is not None:
            self._lifetimes[call_id] = float(found[1])
            if len(self._lifetimes) > _REGISTRATIONS:
                del self._lifetimes[next(iter(self._lifetimes))]


async def each_datagram(one: socket.socket, take: Callable[[bytes], None]) -> None:
    """Give `take` each datagram, many in a row: it is cheaper than to wake for each. Until cancelled."""
    loop = asyncio.get_running_loop()
    one.setblocking(False)
    while True:
        take(await loop.sock_recv(one, 65535))
        with contextlib.suppress(BlockingIOError):
            for _ in range(_IN_A_ROW):
                take(one.recv(65535))
        await asyncio.sleep(_PAUSE_S)


def read(packet: bytes) -> Copy:
    """Return the copy in a packet; an empty one if there is none."""
    call_id = message = sender = b""
    ports = {_FROM_PORT: 0, _TO_PORT: 0}
    at = 6
    while packet.startswith(b"HEP3") and at + _CHUNK.size <= len(packet):
        _, kind, length = _CHUNK.unpack_from(packet, at)
        if length < _CHUNK.size:
            break
        content = packet[at + _CHUNK.size : at + length]
        if kind == _PAYLOAD:
            message = content
        elif kind == _CALL_ID:
            call_id = content
        elif kind in ports:
            ports[kind] = int.from_bytes(content)
        elif kind in _SENDERS:
            sender = content
        at += length
    return Copy(call_id, message, sender, ports[_FROM_PORT], ports[_TO_PORT])
