"""Copies of Asterisk's SIP messages (HEP 3, from its module res_hep_pjsip).

They show what Asterisk does not report: how its own session refresh was answered, whether a caller has confirmed an
answer, and that a registration was refreshed. The copies come to the guard by UDP on the loopback; it looks for
unconfirmed answers and requests without an answer (`ivr/asterisk/sip_watch.py`), and passes on to the controller what
that may learn from. They have no password: the guard asks the kernel who sends them.
"""

import asyncio
import re
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import structlog

log = structlog.get_logger()

_CHUNK = struct.Struct("!HHH")
_SENDERS, _RECEIVERS = (0x03, 0x05), (0x04, 0x06)
_FROM_PORT, _TO_PORT, _PAYLOAD, _CALL_ID = 0x07, 0x08, 0x0F, 0x11
_BRANCH = re.compile(rb"^(?:Via|v)[ \t]*:[^\r\n]*?;[ \t]*branch=([^\s;,]+)", re.IGNORECASE | re.MULTILINE)
_INVITED = re.compile(rb"^CSeq[ \t]*:[ \t]*\d+[ \t]+INVITE\b", re.IGNORECASE | re.MULTILINE)

_REGISTERED = re.compile(rb"^CSeq[ \t]*:[ \t]*\d+[ \t]+REGISTER\b", re.IGNORECASE | re.MULTILINE)
_REGISTERS = b" REGISTER\r\n"
_FROM_ASTERISK = b"branch=z9hG4bKPj"
"""In each request of Asterisk, and in the responses to it; others with the same SIP library write it as well."""

_LIFETIME = re.compile(rb"^(?:Contact|m)[ \t]*:[^\r\n]*;[ \t]*expires=([0-9]{1,6})\b", re.IGNORECASE | re.MULTILINE)
_REGISTRATIONS = 1000
"""How many are remembered; they are asked for within a second."""

_IN_A_ROW = 200
"""How many copies are read before other tasks get their turn."""

_PAUSE_S = 0.03
"""How long copies are gathered: waking up costs as much as reading twenty of them. Nobody on the telephone waits for
them."""

_MANY = 30
"""After so many copies at once, or more, the next ones are gathered for `_PAUSE_S` only: it may be a flood."""

_GONE = (408, 481)
"""Responses that mean that the call does not exist, or that nobody answers."""


class Copy(NamedTuple):
    """A SIP message as it went over the wire. `sender`, `receiver`: their addresses, 4 or 16 bytes."""

    call_id: bytes
    message: bytes
    sender: bytes
    from_port: int
    to_port: int
    receiver: bytes


@dataclass(slots=True)
class _Asked:
    answered: Callable[[bool], None]
    branches: set[bytes] = field(default_factory=set)  # of the INVITEs since


class SipCopies:
    """The findings from the copies. `heard`: whether any has come; without them nothing is known."""

    def __init__(self) -> None:
        self.heard = False
        self._asked: dict[bytes, _Asked] = {}  # by Call-ID
        self._lifetimes: dict[bytes, float] = {}  # of registrations, by Call-ID, the newest last

    async def listen(self, path: Path) -> None:
        """Take the copies that the guard passes on to this socket, until cancelled. A failure is logged."""
        try:
            path.unlink(missing_ok=True)  # noqa: ASYNC240 - in the local run directory
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
                receiver.bind(str(path))
                path.chmod(0o600)  # noqa: ASYNC240 - as above
                await receive_datagrams(receiver, lambda packet, _: self.datagram_received(packet))
        except OSError as error:
            log.error(
                "Copies of SIP cannot be received; silent callers are offered as if they were present",
                path=str(path),
                error=str(error),
            )

    def expect(self, call_id: str, answered: Callable[[bool], None]) -> None:
        """Call `answered(alive)` once, at the first final response to an INVITE of this call from now on.

        `alive` is False also if Asterisk or the other side hangs up.
        """
        self._asked[call_id.encode()] = _Asked(answered)

    def lifetime(self, call_id: str) -> float | None:
        """Return for how many seconds the registration with this Call-ID was accepted.

        None if there was none lately, or if it has ended.
        """
        return self._lifetimes.get(call_id.encode("utf-8", "replace"))

    def forget(self, call_id: str) -> None:
        """Expect no answer in this call any more."""
        self._asked.pop(call_id.encode(), None)

    def forget_all(self) -> None:
        """Expect no answer in any call."""
        self._asked.clear()

    def datagram_received(self, packet: bytes) -> None:
        """Take one copy into account."""
        self.heard = True
        registers = _REGISTERS in packet
        if not (registers or self._asked):
            return
        copy = read(packet)
        call_id = copy.call_id
        if registers:
            self._registered(call_id, copy.message)
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

    def _registered(self, call_id: bytes, message: bytes) -> None:
        """Handle Asterisk's response to a registration. It lists the contacts: none once the telephone has left."""
        head = message.partition(b"\r\n\r\n")[0]
        if not head.startswith(b"SIP/2.0 200 ") or _REGISTERED.search(head) is None:
            return
        self._lifetimes.pop(call_id, None)
        if (found := _LIFETIME.search(head)) is not None:
            self._lifetimes[call_id] = float(found[1])
            if len(self._lifetimes) > _REGISTRATIONS:
                del self._lifetimes[next(iter(self._lifetimes))]


def concerns_controller(message: bytes) -> bool:
    """Return whether `SipCopies` needs a message: Asterisk's own requests, their responses, registrations, hang-ups.

    Callers' INVITEs show that copies come. The responses to them, and ACKs, are most of a call's messages.
    """
    return message.startswith((b"INVITE ", b"BYE ")) or _FROM_ASTERISK in message or _REGISTERS in message


async def receive_datagrams(
    receiver: socket.socket, take: Callable[[bytes, Any], None], calm_s: float = _PAUSE_S
) -> None:
    """Pass each datagram and its sender to `take` until cancelled: many in a row, which is cheaper than waking up for
    each.

    Args:
        calm_s: How long datagrams are gathered while there are few.
    """
    receiver.setblocking(False)
    while True:
        await _readable(receiver)
        pause_s, taken = 0.0, 0
        try:
            while taken < _IN_A_ROW:
                take(*receiver.recvfrom(65535))
                taken += 1
        except BlockingIOError:  # there are no more
            pause_s = calm_s if taken < _MANY else _PAUSE_S
        await asyncio.sleep(pause_s)


async def _readable(receiver: socket.socket) -> None:
    """Wait until there is something to read: uvloop has no `sock_recvfrom`."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(receiver, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(receiver)


def read(packet: bytes) -> Copy:
    """Return the copy that a packet contains; an empty one if there is none."""
    call_id = message = sender = receiver = b""
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
        elif kind in _RECEIVERS:
            receiver = content
        at += length
    return Copy(call_id, message, sender, ports[_FROM_PORT], ports[_TO_PORT], receiver)
