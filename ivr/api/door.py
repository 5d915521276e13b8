"""The control API's door: it checks the token before it reads a request, and limits what it reads."""

import asyncio
import hmac
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, ClassVar

import orjson
import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol

from ivr.api import problems

LONGEST = 64 * 1024
"""Bytes of a request's body."""

LONGEST_CHANGE = 512 * 1024
"""Bytes of a change of the site's files, such as a list of all operators."""
_CHANGES = "/v1/site/changes"

PATIENCE_S = 5.0
"""Seconds within which a whole request body must arrive."""

# A web page can reach this port under a name of its own (DNS rebinding).
_HOST = re.compile(rb"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)

_AS_FILE = (b"content-disposition", b'attachment; filename="api.json"')
"""No browser shows an answer as a page."""

log = structlog.get_logger()

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """An answer that the door gives in place of the application."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


class Door:
    """ASGI middleware that lets requests with the token pass, and makes their bodies plain JSON."""

    def __init__(self, application: Application, token: str, patience_s: float = PATIENCE_S) -> None:
        self._application, self._token, self._patience_s = application, token.encode(), patience_s

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"the control API does not speak {scope['type']}")  # uvicorn knows: see `serve`
        longest = LONGEST_CHANGE if scope["path"] == _CHANGES else LONGEST

        async def send_as_file(message: Message) -> None:
            if message["type"] == "http.response.start":
                if 400 <= message["status"] < 500:
                    _log_refusal(scope, message["status"])
                message["headers"] = [*message["headers"], _AS_FILE]
            await send(message)

        try:
            self._check(scope["headers"], longest)
            body = await self._read(receive, longest, dict(scope["headers"]).get(b"content-type", b""))
        except Refused as refused:
            await _answer(send_as_file, refused, scope["path"])
            return
        replayed = False

        async def replay() -> Message:
            nonlocal replayed
            if replayed:
                return await receive()  # the client has gone
            replayed = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._application(scope, replay, send_as_file)

    def _check(self, headers: list[tuple[bytes, bytes]], longest: int) -> None:
        """Check the headers alone, before any of the body is read. Raises Refused."""
        named = dict(headers)
        if not _HOST.fullmatch(named.get(b"host", b"")):
            raise Refused(421, "The control API is at 127.0.0.1 and has no other name.")
        scheme, _, given = named.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer" or not hmac.compare_digest(given, self._token):
            raise Refused(401, "The token of secrets.json is needed.")
        length = named.get(b"content-length", b"0")
        if not length.isdigit() or len(length) > 10 or int(length) > longest:
            raise _too_long(longest)

    async def _read(self, receive: Receive, longest: int, kind: bytes) -> bytes:
        """Return the body as JSON that every reader understands alike; empty without one. Raises Refused."""
        parts: list[bytes] = []
        try:
            async with asyncio.timeout(self._patience_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Refused(400, "The client closed the connection before the request was complete.")
                    parts.append(message.get("body", b""))
                    if sum(map(len, parts)) > longest:
                        raise _too_long(longest)
                    if not message.get("more_body", False):
                        break
        except TimeoutError:
            raise Refused(408, f"The request was not complete within {self._patience_s:g} s.") from None
        body = b"".join(parts)
        if body and kind.partition(b";")[0].strip().lower() != b"application/json":
            raise Refused(415, "The body must be JSON: send Content-Type: application/json.")
        try:
            # Serialised again: no infinite number, no half of a surrogate pair, no name twice, no endless nesting.
            return orjson.dumps(orjson.loads(body)) if body else b""
        except (orjson.JSONDecodeError, orjson.JSONEncodeError) as error:
            raise Refused(400, f"The body is not JSON that can be used: {error}.") from None


class Patient(H11Protocol):
    """A connection that is closed if the head of its first request does not arrive in time; uvicorn waits forever.

    A later request comes from a client that had the token: the door closes the connection of any other.
    """

    patience_s = PATIENCE_S
    _open: ClassVar[dict[tuple[str, int], asyncio.Transport]] = {}

    @classmethod
    def cut(cls, client: tuple[str, int]) -> None:
        """Drop the connection of a client, with what was not sent yet."""
        if (transport := cls._open.get(client)) is not None:
            transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        if self.client is not None:
            self._open[self.client] = transport
        self._due = self.loop.call_later(self.patience_s, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._due.cancel()
        if self.client is not None:
            self._open.pop(self.client, None)
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if self.cycle is None:
            self.transport.close()


def _log_refusal(scope: MutableMapping[str, Any], status: int) -> None:
    """Log a request that was refused. A path has no secret; what comes without the token is not trusted."""
    headers = dict(scope["headers"])
    actor = headers.get(b"hatif-actor", b"").decode("ascii", "replace")[:100]
    path = scope["path"][: problems.INSTANCE_LIMIT]
    log.info("a request was refused", status=status, method=scope["method"], path=path, by=actor)


def _too_long(longest: int) -> Refused:
    return Refused(413, f"A request body may have at most {longest} bytes.")


async def _answer(send: Send, refused: Refused, path: str) -> None:
    body = problems.encode(refused.status, refused.detail, path)
    headers = [
        (b"content-type", problems.MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),  # the rest of the request is not read
    ]
    if refused.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
