"""One connection to Asterisk: requests are sent without waiting, and answers are matched to them by id.

Asterisk handles the requests of one WebSocket in the order of their arrival, so the requests of one step are sent
together and take effect in order. The reader never awaits work: Asterisk cuts a client that does not read for 100 ms.
"""

import asyncio
import itertools
import re
import struct
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import orjson
import structlog
from picows import WSError, WSFrame, WSHandshakeError, WSListener, WSMsgType, WSTransport, ws_connect

from ivr.asterisk.ari import events
from ivr.asterisk.ari.operations import EVENT_FILTER, Request
from wire.errors import UserError

log = structlog.get_logger()

REST_LIMIT_S = 5.0
"""How long to wait for an answer; Asterisk answers in under a millisecond."""

_DONE = re.compile(rb'\{"type":"RESTResponse",(?:"transaction_id":"[^"]*",)?"request_id":"(\d+)","status_code":2').match
_NOBODY = (None, None)
_TEXT = WSMsgType.TEXT

MESSAGE_LIMIT = 64 * 2**20
"""Bytes. The list of all channels takes about 1 KiB a channel."""

Refusal = Callable[[Request, int], None]


class AriError(UserError):
    """Asterisk cannot be used; the text says why and what to do."""


class LinkLost(Exception):  # noqa: N818 - not an error: the connection ended
    """The connection ended before the answer came."""


class RefusedError(Exception):
    """Asterisk refused a request, and what it would have answered was needed."""


@dataclass(frozen=True, slots=True)
class Response:
    """Asterisk's answer to a request."""

    status: int
    content: Any

    @property
    def ok(self) -> bool:
        """Whether the request was carried out."""
        return 200 <= self.status < 300

    @property
    def body(self) -> Any:
        """What Asterisk answered. RefusedError if the request was not carried out: nothing of that may be read."""
        if not self.ok:
            raise RefusedError(f"Asterisk answered {self.status}: {self.content}")
        return self.content


def _ignore(request: Request, status: int) -> None:
    """Ignore a failure that changes nothing, such as stopping a prompt that has just ended."""


class Link:
    """Use as a context: `async with Link(...) as link`, then `await link.read(...)` until the connection ends."""

    def __init__(self, base: str, user: str, password: str, application: str) -> None:
        self._base, self._user, self._password, self._application = base, user, password, application
        self._numbers = itertools.count(1)
        self._pending: dict[str, tuple[Request, Refusal | asyncio.Future[Response]]] = {}
        self._deliver: Callable[[events.Event], None] | None = None
        self._early: list[events.Event] = []

    async def __aenter__(self) -> Self:
        login = b64encode(f"{self._user}:{self._password}".encode()).decode()
        try:
            self._transport, _ = await ws_connect(
                lambda: _Frames(self.take),
                f"{self._base.replace('http', 'ws', 1)}/ari/events?app={self._application}",
                extra_headers={"Authorization": f"Basic {login}"},
                enable_auto_ping=True,
                max_frame_size=MESSAGE_LIMIT,
            )
        except WSHandshakeError as error:
            status = int(error.response.status) if error.response is not None else 0
            if status in (401, 403):
                raise AriError(
                    f"Asterisk at {self._base} refused the user {self._user!r}: ari.conf has another secret. "
                    "Restart `hatif up`: it rewrites ari.conf."
                ) from None
            raise AriError(f"Asterisk at {self._base} answered {status}; are res_ari's modules loaded?") from None
        except (WSError, OSError, TimeoutError):
            raise AriError(f"No answer from {self._base}: is Asterisk running?") from None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, owner in self._pending.values():
            if isinstance(owner, asyncio.Future) and not owner.done():
                owner.set_exception(LinkLost())
                owner.exception()  # marks it as retrieved: the coroutine that waited for it is gone
        self._pending.clear()
        self.close()

    def close(self) -> None:
        """End the connection; `read` returns."""
        self._transport.disconnect()

    async def send(self, *requests: Request, refused: Refusal = _ignore) -> None:
        """Send requests in order and do not wait; call `refused(request, status)` for each that fails.

        Raises:
            LinkLost: The connection has ended.
        """
        self._write([(request, refused) for request in requests])

    async def ask(self, *requests: Request) -> list[Response]:
        """Send requests in order, at once, and return all answers.

        Without an answer in time the connection is ended: the caller of this method cannot go on, and the next
        connection resumes what it was doing.

        Raises:
            LinkLost: The connection ended before the answers came.
            TimeoutError: There was no answer in time.
        """
        loop = asyncio.get_running_loop()
        answers: list[asyncio.Future[Response]] = [loop.create_future() for _ in requests]
        self._write(list(zip(requests, answers, strict=True)))
        try:
            async with asyncio.timeout(REST_LIMIT_S):
                return [await answer for answer in answers]
        except TimeoutError:
            # It answers in order: the oldest request is the one that holds up the others.
            oldest = next((request.uri for request, _ in self._pending.values()), None)
            log.error("Asterisk's ARI does not answer; reconnecting", asked=requests[0].uri, oldest=oldest)
            self.close()
            raise

    def _write(self, step: Sequence[tuple[Request, Refusal | asyncio.Future[Response]]]) -> None:
        """Write all requests of a step at once: a write for each took a fifth of the controller's time."""
        if self._transport.is_disconnected:
            raise LinkLost
        frames = []
        for request, owner in step:
            number = str(next(self._numbers))
            self._pending[number] = (request, owner)
            frames.append(_frame(request.message(number)))
        self._transport.underlying_transport.write(b"".join(frames))

    async def only(self, *names: str) -> None:
        """Have Asterisk send these events only. (The filter applies to answers to requests, too.)"""
        allowed = [{"type": name} for name in (*names, "RESTResponse")]
        await self.ask(EVENT_FILTER(self._application, body={"allowed": allowed}))

    async def read(self, deliver: Callable[[events.Event], None]) -> None:
        """Pass every event to `deliver`, which must not block, until the connection ends."""
        self._deliver = deliver
        early, self._early = self._early, []
        for event in early:
            deliver(event)
        await self._transport.wait_disconnected()

    def take(self, message: bytes) -> None:
        """Handle a message from Asterisk, in the order of arrival."""
        done = _DONE(message)
        if done is not None:
            number = done[1].decode()
            # Most messages are successful answers that nobody waits for. They need not be parsed.
            if not isinstance(self._pending.get(number, _NOBODY)[1], asyncio.Future):
                self._pending.pop(number, None)
                return
        try:
            received = events.decode(message)
            if isinstance(received, events.RESTResponse):
                self._answered(received)
                return
        except (ValueError, RecursionError) as error:
            log.warning("Asterisk sent a message that cannot be read", error=repr(error), data=message[:300])
            return
        if received is None:
            return
        if self._deliver is None:
            self._early.append(received)
        else:
            self._deliver(received)

    def _answered(self, response: events.RESTResponse) -> None:
        request, owner = self._pending.pop(response.request_id, (None, None))
        if request is None or owner is None:
            return
        status = response.status_code
        if isinstance(owner, asyncio.Future):
            if not owner.done():
                text = response.message_body
                owner.set_result(Response(status, orjson.loads(text) if text else None))
        elif status >= 400:
            owner(request, status)


def _frame(payload: bytes) -> bytes:
    """Return a client's text message as a frame of RFC 6455, section 5.2.

    Its mask is zero, which leaves the payload unchanged: a mask protects proxies on the way, and here is none.
    """
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x81, 0x80 | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", 0x81, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", 0x81, 0x80 | 127, size)
    return head + b"\0\0\0\0" + payload


class _Frames(WSListener):
    """Assembles messages from frames; Asterisk splits long messages."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._parts: list[bytes] = []

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind is _TEXT and frame.fin:  # the usual case
            self._take(frame.get_payload_as_bytes())
        elif kind is WSMsgType.CLOSE:
            transport.disconnect()
        elif kind is _TEXT or kind is WSMsgType.CONTINUATION:
            self._parts.append(frame.get_payload_as_bytes())
            if frame.fin:
                message = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
                self._parts.clear()
                self._take(message)
