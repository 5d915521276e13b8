"""The control API's door: checks the token before it reads a request, and limits what it reads."""

import asyncio
import hmac
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson
from uvicorn.protocols.http.h11_impl import H11Protocol

LONGEST = 64 * 1024
"""Bytes of a request's body."""

PATIENCE_S = 5.0
"""Seconds in which a whole request body must arrive."""

# A page of somebody's website may reach this port under a name of its own (DNS rebinding).
_HOST = re.compile(rb"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """What the door answers instead of the application."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


class Door:
    """ASGI middleware. The application behind it gets requests with the token only, and bodies that are plain JSON."""

    def __init__(self, application: Application, token: str, patience_s: float = PATIENCE_S) -> None:
        self._application, self._token, self._patience_s = application, token.encode(), patience_s

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"the control API does not speak {scope['type']}")  # uvicorn is told so: `serve`
        try:
            self._check(scope["headers"])
            body = await self._read(receive)
        except Refused as refused:
            await _answer(send, refused)
            return
        told = False

        async def replay() -> Message:
            nonlocal told
            if told:
                return await receive()  # that the client has gone
            told = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._application(scope, replay, send)

    def _check(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Of the headers alone: nothing of the body has been read."""
        named = dict(headers)
        if not _HOST.fullmatch(named.get(b"host", b"")):
            raise Refused(421, "The control API is at 127.0.0.1 and has no other name.")
        scheme, _, given = named.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer" or not hmac.compare_digest(given, self._token):
            raise Refused(401, "The token of secrets.json is needed.")
        length = named.get(b"content-length", b"0")
        if not length.isdigit() or len(length) > 10 or int(length) > LONGEST:
            raise _too_long()

    async def _read(self, receive: Receive) -> bytes:
        """The body as JSON that every reader understands alike; empty without one."""
        parts: list[bytes] = []
        try:
            async with asyncio.timeout(self._patience_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Refused(400, "The client closed the connection before the request was complete.")
                    parts.append(message.get("body", b""))
                    if sum(map(len, parts)) > LONGEST:
                        raise _too_long()
                    if not message.get("more_body", False):
                        break
        except TimeoutError:
            raise Refused(408, f"The request was not complete within {self._patience_s:g} s.") from None
        body = b"".join(parts)
        try:
            # Written anew: no infinite number, no half of a surrogate pair, no name twice, no nesting without end.
            return orjson.dumps(orjson.loads(body)) if body else b""
        except (orjson.JSONDecodeError, orjson.JSONEncodeError) as error:
            raise Refused(400, f"The body is not JSON that can be used: {error}.") from None


class Patient(H11Protocol):
    """A connection that is closed if the head of its first request does not come in time; uvicorn waits for ever.

    A later request comes from a client that had the token: the door closes the connection of any other.
    """

    patience_s = PATIENCE_S

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._due = self.loop.call_later(self.patience_s, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._due.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if self.cycle is None:
            self.transport.close()


def _too_long() -> Refused:
    return Refused(413, f"A request body may have at most {LONGEST} bytes.")


async def _answer(send: Send, refused: Refused) -> None:
    body = orjson.dumps({"detail": refused.detail})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    # What is still to come of the request is not read.
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
