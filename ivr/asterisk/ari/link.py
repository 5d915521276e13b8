"""One connection to Asterisk: requests are sent without waiting, answers find their request by its id.

Asterisk handles the requests of one WebSocket in the order of their arrival, so a step's requests go out together
and take effect in order. The reader never awaits work: Asterisk cuts a client that does not read for 100 ms.
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
from ivr.asterisk.ari.operations import EVENT_FILTER, Operation, Request

log = structlog.get_logger()

REST_LIMIT_S = 5.0
"""How long an answer is waited for; Asterisk answers in under a millisecond."""

_DONE = re.compile(rb'\{"type":"RESTResponse",(?:"transaction_id":"[^"]*",)?"request_id":"(\d+)","status_code":2').match
_NOBODY = (None, None)
_TEXT = WSMsgType.TEXT

MESSAGE_LIMIT = 64 * 2**20
"""Bytes. The list of all channels is about one KiB a channel."""

Refusal = Callable[[Request, int], None]


class AriError(Exception):
    """A sentence that says why Asterisk cannot be used and what to do."""


class LinkLost(Exception):  # noqa: N818 - it is not a mistake: the link went away
    """The connection ended before the answer came."""


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: Any

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


def _ignore(request: Request, status: int) -> None:
    """The answer to a request whose failure changes nothing, such as stopping a prompt that just ended."""


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
                lambda: _Frames(self.taken),
                f"{self._base.replace('http', 'ws', 1)}/ari/events?app={self._application}",
                extra_headers={"Authorization": f"Basic {login}"},
                enable_auto_ping=True,
                max_frame_size=MESSAGE_LIMIT,
            )
        except WSHandshakeError as error:
            status = int(error.response.status) if error.response is not None else 0
            if status in (401, 403):
                raise AriError(
                    f"Asterisk at {self._base} refused the user {self._user!r}: the secret in ari.conf is another one. "
                    "Stop `hatif up` and start it again: it writes ari.conf anew."
                ) from None
            raise AriError(f"Asterisk at {self._base} answered {status}; are res_ari's modules loaded?") from None
        except (WSError, OSError, TimeoutError):
            raise AriError(f"Nobody answers at {self._base}: is Asterisk running?") from None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, owner in self._pending.values():
            if isinstance(owner, asyncio.Future) and not owner.done():
                owner.set_exception(LinkLost())
                owner.exception()  # whoever waited is gone: nobody must be told again
        self._pending.clear()
        self.close()

    def close(self) -> None:
        """Ends the connection; `read` returns."""
        self._transport.disconnect()

    async def send(self, *requests: Request, refused: Refusal = _ignore) -> None:
        """Sends the requests in order and does not wait; `refused(request, status)` is called for each that fails.

        Raises LinkLost.
        """
        self._write([(request, refused) for request in requests])

    async def ask(self, *requests: Request) -> list[Response]:
        """Sends the requests in order, at once, and waits for all answers. Raises LinkLost, TimeoutError.

        A connection on which there is no answer in time is ended: whoever asked does not go on, and the next one finds
        what he had.
        """
        loop = asyncio.get_running_loop()
        answers: list[asyncio.Future[Response]] = [loop.create_future() for _ in requests]
        self._write(list(zip(requests, answers, strict=True)))
        try:
            async with asyncio.timeout(REST_LIMIT_S):
                return [await answer for answer in answers]
        except TimeoutError:
            log.error("Asterisk's ARI does not answer; a new connection is made", asked=requests[0].uri)
            self.close()
            raise

    def _write(self, step: Sequence[tuple[Request, Refusal | asyncio.Future[Response]]]) -> None:
        """All requests of a step in one write of the socket: a write for each was a fifth of the controller's work."""
        if self._transport.is_disconnected:
            raise LinkLost
        frames = []
        for request, owner in step:
            number = str(next(self._numbers))
            self._pending[number] = (request, owner)
            frames.append(_frame(request.message(number)))
        self._transport.underlying_transport.write(b"".join(frames))

    async def only(self, *names: str) -> None:
        """Tells Asterisk to send these events and no others. (The filter holds for answers to requests, too.)"""
        allowed = [{"type": name} for name in (*names, "RESTResponse")]
        await self.ask(EVENT_FILTER(self._application, body={"allowed": allowed}))

    async def read(self, deliver: Callable[[events.Event], None]) -> None:
        """Gives every event to `deliver`, which must not block, until the connection ends."""
        self._deliver = deliver
        early, self._early = self._early, []
        for event in early:
            deliver(event)
        await self._transport.wait_disconnected()

    def taken(self, message: bytes) -> None:
        """A message of Asterisk's, in the order of arrival."""
        done = _DONE(message)
        if done is not None:
            number = done[1].decode()
            # Most messages are this: nobody waits for the answer, and it is good. Reading all of it is not needed.
            if not isinstance(self._pending.get(number, _NOBODY)[1], asyncio.Future):
                self._pending.pop(number, None)
                return
        try:
            data = orjson.loads(message)
            if data["type"] == "RESTResponse":
                self._answered(data)
                return
            event = events.event(data)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("Asterisk sent an event that is not understood", error=repr(error), data=message[:300])
            return
        if event is None:
            return
        if self._deliver is None:
            self._early.append(event)
        else:
            self._deliver(event)

    def _answered(self, data: dict[str, Any]) -> None:
        request, owner = self._pending.pop(data["request_id"], (None, None))
        if request is None or owner is None:
            return
        status = int(data["status_code"])
        if isinstance(owner, asyncio.Future):
            if not owner.done():
                text = data.get("message_body")
                owner.set_result(Response(status, orjson.loads(text) if text else None))
        elif status >= 400:
            owner(request, status)


def _frame(payload: bytes) -> bytes:
    """A text message as a frame of RFC 6455, section 5.2, from a client.

    Its mask is zero, which leaves the payload as it is: a mask protects proxies between strangers, and here is none.
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
    """Puts the frames of a message together; Asterisk cuts long ones."""

    def __init__(self, taken: Callable[[bytes], None]) -> None:
        self._taken = taken
        self._parts: list[bytes] = []

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind is _TEXT and frame.fin:  # nearly all are
            self._taken(frame.get_payload_as_bytes())
        elif kind is WSMsgType.CLOSE:
            transport.disconnect()
        elif kind is _TEXT or kind is WSMsgType.CONTINUATION:
            self._parts.append(frame.get_payload_as_bytes())
            if frame.fin:
                message = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
                self._parts.clear()
                self._taken(message)


__all__ = ["AriError", "Link", "LinkLost", "Operation", "Refusal", "Response"]
