"""Half-open calls: calls that Asterisk has answered and whose caller has not confirmed it (no ACK).

Each counts against its address's limit (`calls_by_source`) until Asterisk gives it up after 16 s, and somebody who
forges a carrier's address can make hundreds of them. Asterisk does not report ACKs, but the copies of its SIP messages
contain them. When half-open calls fill the limit of an address, the oldest are ended to make room. A confirmed call is
never ended here; nor is any other while an address has fewer than five calls whose answer Asterisk had to repeat. See
docs/decisions/0020-calls-at-once.md.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import count

import structlog

from ivr.asterisk.sip_copies import Copy

log = structlog.get_logger()

_SEVERAL = 5
"""Half-open calls of one address whose answer was repeated; this many at the same time are not an accident."""

_FLOOD_S = 10.0
"""How long an address counts as flooded after the last sign of it."""

_SETTLING_S = 0.5
"""A refusal this soon after `allowed` was lowered says nothing new: the calls that were ended are still closing."""

_REPEATED_S = 0.5
"""Asterisk repeats an answer that gets no ACK after a quarter of a second. A call whose answer it has not repeated by
now was confirmed, and the copy of the ACK is lost."""

_LOG_EVERY_S = 10.0
"""Pause between two log lines."""

_LONGEST_S = 60.0
"""A call is forgotten after this time in any case."""

_HEADER = re.compile(rb"^(From|To|Call-ID|CSeq|Contact)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_TAG = re.compile(rb";tag=([A-Za-z0-9.\-]+)")
_CONTACT = re.compile(rb"<([^>\r\n]+)>")
_NUMBER = re.compile(rb"(\d{1,10})[ \t]+INVITE\b")


@dataclass(slots=True)
class _Call:
    source: "_Source"
    invite: bytes
    since: float = 0.0  # when it was answered, on the monotonic clock; 0: not yet
    answer: bytes = b""
    tag: bytes = b""  # Asterisk's own; somebody who does not get its answers cannot know it
    repeated: bool = False
    ended: bool = False


@dataclass(slots=True)
class _Source:
    """An address.

    Attributes:
        most: How many calls it may have at once.
        allowed: How many half-open calls it may have while it is flooded.
    """

    address: str
    allowed: int
    most: int
    halves: dict[bytes, _Call] = field(default_factory=dict)  # by Call-ID, the oldest first
    flooded_until: float = 0.0
    changed: float = 0.0
    refused: float = 0.0  # the last 503 that has not lowered `allowed` yet; 0: none


class HalfOpenCalls:
    """The half-open calls of each address. `ended` counts those that were ended.

    Args:
        sip_port: Asterisk's.
        limit: Returns how many calls an address may have at once.
        send: Sends a SIP request to Asterisk.
        one_ended: Called for each call that was ended.
    """

    def __init__(
        self,
        sip_port: int,
        limit: Callable[[str], int],
        send: Callable[[bytes], None],
        one_ended: Callable[[], None] = lambda: None,
    ) -> None:
        self._port, self._limit, self._send, self._one_ended = sip_port, limit, send, one_ended
        self._calls: dict[bytes, _Call] = {}  # by Call-ID, the oldest first; without confirmed calls
        self._sources: dict[bytes, _Source] = {}
        self._logged = 0.0
        self._branch = count(time.time_ns())
        self.ended = 0

    def copied(self, copy: Copy) -> None:
        """Take the copy of a SIP message into account."""
        message = copy.message
        if message.startswith(b"INVITE "):
            if copy.to_port == self._port and copy.call_id not in self._calls:
                self._invited(copy)
            return
        call = self._calls.get(copy.call_id)
        if call is None:
            return
        head = message.partition(b"\r\n\r\n")[0]
        if message.startswith(b"SIP/2.0 "):
            if copy.from_port == self._port and message[8:9] >= b"2":
                self._answered(copy.call_id, call, head, time.monotonic())
        elif message.startswith((b"ACK ", b"BYE ")) and call.tag and call.tag in head:
            self._forget(copy.call_id)

    def _invited(self, copy: Copy) -> None:
        source = self._sources.get(copy.sender)
        if source is None:
            try:
                address = str(ip_address(copy.sender))
            except ValueError:
                return
            if len(self._sources) > 10_000:  # strangers, each refused
                self._sources = {sender: source for sender, source in self._sources.items() if source.halves}
            most = self._limit(address)
            source = self._sources[copy.sender] = _Source(address, max(1, most // 2), most)
        self._calls[copy.call_id] = _Call(source, copy.message.partition(b"\r\n\r\n")[0], time.monotonic())
        self._clear_out()

    def _clear_out(self) -> None:
        now = time.monotonic()
        while (oldest := next(iter(self._calls))) and now - self._calls[oldest].since > _LONGEST_S:
            self._forget(oldest)

    def _answered(self, call_id: bytes, call: _Call, head: bytes, now: float) -> None:
        """Handle Asterisk's answer to an INVITE, or its repetition."""
        headers = _headers(head)
        if not _NUMBER.match(headers.get(b"cseq", b"")):
            return
        source = call.source
        if head[8:9] != b"2":
            self._forget(call_id)
            if head[8:11] == b"503":
                source.refused = now
                self._make_room(source, now)
        elif not call.answer:
            tags = [tag for tag in _TAG.findall(headers.get(b"to", b"")) if tag not in call.invite]
            if not tags:  # within an existing call
                self._forget(call_id)
                return
            call.answer, call.tag, call.since = head, tags[0], now
            source.halves[call_id] = call
            self._make_room(source, now)
        elif call.ended:
            self._end(call)  # the first request was lost
        else:
            call.repeated = True
            self._make_room(source, now)

    def _make_room(self, source: _Source, now: float) -> None:
        flooded = now < source.flooded_until
        if sum(call.repeated for call in source.halves.values()) >= min(_SEVERAL, max(1, source.most // 2)):
            if not flooded:
                source.allowed = max(1, source.most // 2)
            source.flooded_until, flooded = now + _FLOOD_S, True
        if not flooded:
            return
        if source.refused and now - source.refused < _FLOOD_S and now - source.changed > _SETTLING_S:
            # Full, although there are no more half-open calls than allowed: the rest are confirmed calls.
            few = max(1, source.most // 12)
            source.allowed = max(few, min(source.allowed, len(source.halves) // 2))
            source.refused, source.changed = 0.0, now
        while len(source.halves) > source.allowed:
            call_id, call = next(iter(source.halves.items()))
            if not call.repeated and now - call.since > _REPEATED_S:
                self._forget(call_id)
                continue
            del source.halves[call_id]
            call.ended = True
            source.flooded_until = now + _FLOOD_S
            self.ended += 1
            self._one_ended()
            self._end(call)
            self._log(source, now)

    def _end(self, call: _Call) -> None:
        """Hang up in the caller's name, by SIP: the channel is not known here. Its ports are free in 10 ms."""
        headers = _headers(call.answer)
        number = _NUMBER.match(headers[b"cseq"])
        contact = _CONTACT.search(headers.get(b"contact", b""))
        if number is None or contact is None:
            return
        lines = (
            b"BYE %b SIP/2.0" % contact[1],
            b"Via: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bKhalf%d" % next(self._branch),
            b"Max-Forwards: 70",
            *(b"%b: %b" % (name, headers[name]) for name in (b"from", b"to", b"call-id")),
            b"CSeq: %d BYE" % (int(number[1]) + 1),
            b"Content-Length: 0\r\n\r\n",
        )
        self._send(b"\r\n".join(lines))

    def _log(self, source: _Source, now: float) -> None:
        if now - self._logged > _LOG_EVERY_S:
            self._logged = now
            log.warning(
                "Unconfirmed calls (no ACK) fill the limit of an address; the oldest are ended (docs/carriers.md)",
                address=source.address,
                ended_since_start=self.ended,
            )

    def _forget(self, call_id: bytes) -> None:
        if (call := self._calls.pop(call_id, None)) is not None:
            call.source.halves.pop(call_id, None)


def _headers(head: bytes) -> dict[bytes, bytes]:
    """Return the headers of Asterisk's message that identify a call."""
    return {name.lower(): value for name, value in _HEADER.findall(head)}
