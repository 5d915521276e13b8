"""Copies of the SIP messages of Asterisk (HEP 3, from its module res_hep_pjsip): whether a request was answered, and
which requests were registrations.

Asterisk reports neither how a session refresh of its own was answered, nor a registration that is only refreshed.
Everything else is dropped unread. The copies come over UDP on the loopback, without a password: whoever forges one can
make a silent caller count as there.
"""

import asyncio
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger()

_CHUNK = struct.Struct("!HHH")
_PAYLOAD, _CALL_ID = 0x0F, 0x11
_BRANCH = re.compile(rb"^(?:Via|v)[ \t]*:[^\r\n]*?;[ \t]*branch=([^\s;,]+)", re.IGNORECASE | re.MULTILINE)
_INVITED = re.compile(rb"^CSeq[ \t]*:[ \t]*\d+[ \t]+INVITE\b", re.IGNORECASE | re.MULTILINE)

_REGISTERED = re.compile(rb"^CSeq[ \t]*:[ \t]*\d+[ \t]+REGISTER\b", re.IGNORECASE | re.MULTILINE)
_LIFETIME = re.compile(rb"^(?:Contact|m)[ \t]*:[^\r\n]*;[ \t]*expires=([0-9]{1,6})\b", re.IGNORECASE | re.MULTILINE)
_REGISTRATIONS = 1000
"""So many are remembered; they are asked for within a second."""

_GONE = (408, 481)
"""Answers by which there is no such call, or nobody who answers."""


@dataclass(slots=True)
class _Asked:
    answered: Callable[[bool], None]
    branches: set[bytes] = field(default_factory=set)  # of the INVITEs since


class SipCopies(asyncio.DatagramProtocol):
    """`heard`: whether there was any copy; where there never is one, nothing can be told."""

    def __init__(self) -> None:
        self.heard = False
        self._asked: dict[bytes, _Asked] = {}  # by Call-ID
        self._lifetimes: dict[bytes, float] = {}  # of registrations, by Call-ID, the newest last

    async def listen(self, port: int) -> None:
        """Until cancelled. Where the port cannot be had, nothing is heard."""
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.create_datagram_endpoint(lambda: self, ("127.0.0.1", port))
        except OSError as error:
            log.error(
                "UDP port cannot be had; silent callers are offered as if they were there", port=port, error=str(error)
            )
            return
        try:
            await asyncio.Event().wait()
        finally:
            transport.close()

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

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        self.heard = True
        if b" REGISTER\r\n" in data:
            self._note(*_parts(data))
        if not self._asked:
            return
        call_id, message = _parts(data)
        asked = self._asked.get(call_id)
        if asked is None:
            return
        head = message.partition(b"\r\n\r\n")[0]
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


def _parts(packet: bytes) -> tuple[bytes, bytes]:
    """Call-ID and message of a copy; nothing of what is none."""
    call_id = message = b""
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
        at += length
    return call_id, message
