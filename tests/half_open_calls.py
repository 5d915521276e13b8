"""Half-open calls: an INVITE each, and no ACK."""

import re
import socket
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

_REPEAT_S = 0.5
"""After this an INVITE that nothing has answered is sent again (RFC 3261, T1): the kernel keeps some ninety packets for
an Asterisk that is busy, and drops the others."""

_CALL_ID = re.compile(rb"(?im)^Call-ID:[ \t]*(\S+)")


class HalfOpenCalls:
    """Calls from a carrier's `address` to Asterisk's `port`, one from each caller, sent 400 a second.

    They get Asterisk's answers and never confirm one.
    """

    def __init__(self, address: str, port: int, number: str, callers: Sequence[str]) -> None:
        self._port = port
        self._signalling, self._audio = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for bound in (self._signalling, self._audio):
            bound.bind((address, 0))
        self._signalling.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
        self._invites = dict[str, bytes]()
        for count, caller in enumerate(callers):
            call_id = f"half{count}.{time.monotonic_ns()}"
            self._invites[call_id] = self._invite(address, number, caller, call_id)
        for invite in self._invites.values():
            self._send(invite)
            time.sleep(0.0025)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._signalling.close()
        self._audio.close()

    def statuses(self, within_s: float = 15) -> Counter[int]:
        """Wait until each call has its final answer; return how many have which status."""
        statuses, answered = dict[str, int](), set[str]()
        repeat_at, until = time.monotonic() + _REPEAT_S, time.monotonic() + within_s
        while len(statuses) < len(self._invites):
            if (now := time.monotonic()) > repeat_at:
                assert now < until, f"{len(self._invites) - len(statuses)} calls got no final answer"
                repeat_at = now + _REPEAT_S
                for call_id in self._invites.keys() - answered:
                    self._send(self._invites[call_id])
            self._signalling.settimeout(max(0.001, repeat_at - now))
            with suppress(TimeoutError):
                message = self._signalling.recv(65535)
                found = _CALL_ID.search(message)
                if found is not None and message.startswith(b"SIP/2.0 "):
                    call_id, status = found[1].decode(), int(message[8:11])
                    answered.add(call_id)
                    if status >= 200:
                        statuses.setdefault(call_id, status)
        return Counter(statuses.values())

    def _send(self, invite: bytes) -> None:
        self._signalling.sendto(invite, ("127.0.0.1", self._port))

    def _invite(self, address: str, number: str, caller: str, call_id: str) -> bytes:
        here, media = self._signalling.getsockname()[1], self._audio.getsockname()[1]
        body = (
            f"v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
            f"m=audio {media} RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
        )
        return (
            f"INVITE sip:{number}@127.0.0.1:{self._port} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {address}:{here};branch=z9hG4bK{call_id};rport\r\nMax-Forwards: 70\r\n"
            f"From: <sip:{caller}@{address}>;tag=t\r\nTo: <sip:{number}@127.0.0.1>\r\nCall-ID: {call_id}\r\n"
            f"Contact: <sip:{caller}@{address}:{here}>\r\nCSeq: 1 INVITE\r\n"
            f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()
