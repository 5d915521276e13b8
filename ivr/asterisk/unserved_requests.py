"""Requests within a call that Asterisk does not answer: SUBSCRIBE, NOTIFY, INFO with a body that is not a digit, and
every method that it does not know.

Asterisk takes each request within a call for one that it serves, and no module or setting changes that
(docs/decisions/0053-unserved-requests.md). Their sender repeats them for half a minute, and may then count the call as
lost. The copies of SIP messages show such a request: it comes again, and nothing has answered it. Then it is refused in
Asterisk's name.
"""

import re
import socket
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address

from ivr.asterisk.sip_copies import Copy

_SERVED = frozenset(
    (b"ACK", b"BYE", b"CANCEL", b"INVITE", b"MESSAGE", b"OPTIONS", b"PRACK", b"REFER", b"REGISTER", b"UPDATE")
)
"""What Asterisk answers, even if late."""

_BAD_EVENT = (b"489 Bad Event", b"Allow-Events: refer")  # RFC 6665
_REFUSALS = {
    b"NOTIFY": _BAD_EVENT,
    b"SUBSCRIBE": _BAD_EVENT,
    b"INFO": (b"415 Unsupported Media Type", b"Accept: application/dtmf-relay"),
}
"""The status of a response, and a header; 501 for other methods."""

_MOST = 1000
"""How many requests that were not answered yet are remembered."""

_KEPT = re.compile(rb"^(?:Via|v|From|f|To|t|Call-ID|i|CSeq)[ \t]*:[^\r\n]*", re.IGNORECASE | re.MULTILINE)
_SERVED_BODY = re.compile(
    rb"^(?:Content-Length|l)[ \t]*:[ \t]*0+[ \t]*\r?$"
    rb"|^(?:Content-Type|c)[ \t]*:[ \t]*application/(?:dtmf|hook-flash|media_control)",
    re.IGNORECASE | re.MULTILINE,
)
"""Of an INFO: none, a digit, or what Asterisk answers although it does nothing with it."""

_WITHIN = re.compile(rb"^(?:To|t)[ \t]*:[^\r\n]*;[ \t]*tag=", re.IGNORECASE | re.MULTILINE)
_NUMBER = re.compile(rb"^CSeq[ \t]*:[ \t]*(\d+)[ \t]+(\S+)", re.IGNORECASE | re.MULTILINE)

_Key = tuple[bytes, bytes, bytes]  # Call-ID, number and method


class UnservedRequests:
    """The requests within calls that wait for an answer.

    Args:
        sip_port: Asterisk's.
        send: Sends a response to the sender of the request.
    """

    def __init__(self, sip_port: int, send: Callable[[bytes, Copy], None]) -> None:
        self._port, self._send = sip_port, send
        self._open: dict[_Key, None] = {}  # the oldest first

    def copied(self, copy: Copy) -> None:
        """Take the copy of a SIP message into account."""
        if copy.message.startswith(b"SIP/2.0 "):
            if self._open and copy.from_port == self._port:
                self._open.pop(_key(copy, _head(copy)), None)
            return
        method = copy.message.partition(b" ")[0]
        if copy.to_port != self._port or method in _SERVED:
            return
        head = _head(copy)
        if _WITHIN.search(head) is None or (method == b"INFO" and _SERVED_BODY.search(head)):
            return
        key = _key(copy, head)
        if key in self._open:
            self._send(_refusal(method, head), copy)
            return
        self._open[key] = None
        if len(self._open) > _MOST:
            del self._open[next(iter(self._open))]


def _head(copy: Copy) -> bytes:
    return copy.message.partition(b"\r\n\r\n")[0]


def _key(copy: Copy, head: bytes) -> _Key:
    found = _NUMBER.search(head)
    return (copy.call_id, found[1], found[2]) if found is not None else (copy.call_id, b"", b"")


def _refusal(method: bytes, head: bytes) -> bytes:
    status, *why = _REFUSALS.get(method, (b"501 Not Implemented",))
    lines = (b"SIP/2.0 " + status, *_KEPT.findall(head), *why, b"Content-Length: 0")
    return b"\r\n".join(lines) + b"\r\n\r\n"


def send_to_sender(response: bytes, request: Copy) -> None:
    """Send a response over UDP to where a request came from, and from the address that it came to."""
    with suppress(OSError, ValueError):  # not over UDP, or the sender is gone
        sender, receiver = ip_address(request.sender), ip_address(request.receiver)
        with socket.socket(socket.AF_INET6 if sender.version == 6 else socket.AF_INET, socket.SOCK_DGRAM) as wire:
            wire.bind((str(receiver), 0))
            wire.sendto(response, (str(sender), request.from_port))
