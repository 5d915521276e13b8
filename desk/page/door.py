"""The desk's door: it checks every request first, and adds the security headers to every answer."""

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

import structlog
from starlette.requests import Request
from starlette.responses import Response

from background.address_limit import AddressLimit
from desk.page.traffic import Traffic

LONGEST = 64 * 1024
"""Bytes of a request's body."""

LONG = {"/site/operators/import": 512 * 1024, "/site/operators/import/make": 512 * 1024}
"""The same of single paths: lists that people bring in."""

OF_AN_ADDRESS = 300
"""Connections at a time, also those that have sent no request yet; behind a proxy requests, pages that follow what is
live included. A whole office may share one address."""

PATIENCE_S = 10.0
"""Seconds within which a whole request body must arrive."""

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data", "application/json")
"""What pages send."""

log = structlog.get_logger()

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?|\[[0-9a-fA-F:]+\](:[0-9]{1,5})?")

_SAFE = ("GET", "HEAD", "OPTIONS")


class _Refused(Exception):  # noqa: N818 - an answer, not a fault
    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


class Door:
    """ASGI middleware: only pages of this desk may change anything, bodies are small, and browsers are told to be
    strict."""

    def __init__(
        self,
        application: Application,
        telephone_port: int,
        telephone_url: str | None,
        encrypted: bool,
        traffic: Traffic,
        answer_failure: Callable[[Request], Response],
    ) -> None:
        self._application, self._encrypted = application, encrypted
        self._answer_failure = answer_failure
        self._telephone_port, self._telephone_url = telephone_port, telephone_url
        self._traffic = traffic
        self._by_address = AddressLimit(OF_AN_ADDRESS)  # behind a proxy, whose connections say nothing

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")

        source = scope["client"][0] if scope.get("client") else ""
        begun = False

        async def send_strict(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                self._traffic.answered(message["status"])
                _log_refusal(scope, source, message["status"])
                message["headers"] = [*message["headers"], *self._security(host), *_missing(message["headers"])]
            await send(message)

        if not self._by_address.enter(source):
            await _answer(send_strict, _Refused(503, "Your address has too many requests open; try again in a moment."))
            return
        try:
            await self._admit(scope, headers, host, receive, send_strict, lambda: begun)
        finally:
            self._by_address.leave(source)

    async def _admit(
        self,
        scope: MutableMapping[str, Any],
        headers: dict[str, str],
        host: str,
        receive: Receive,
        send_strict: Send,
        has_begun: Callable[[], bool],
    ) -> None:
        """Answer a request, once it is known to be one of the desk's own pages and not too long."""
        try:
            _check_origin(scope["method"], host, headers)
            body = await _read(headers, receive, LONG.get(scope["path"], LONGEST))
            if body and headers.get("content-type", "").partition(";")[0].strip().lower() not in FORMS:
                raise _Refused(415, f"A request's body is one of {', '.join(FORMS)}.")
        except _Refused as refused:
            await _answer(send_strict, refused)
            return
        replayed = False

        async def replay() -> Message:
            nonlocal replayed
            if replayed:
                return await receive()  # the client has gone
            replayed = True
            return {"type": "http.request", "body": body, "more_body": False}

        try:
            await self._application(scope, replay, send_strict)
        except Exception:
            if not has_begun():
                await self._answer_after(scope, replay, send_strict, has_begun)
            raise  # for the log

    async def _answer_after(
        self, scope: MutableMapping[str, Any], receive: Receive, send_strict: Send, has_begun: Callable[[], bool]
    ) -> None:
        """Answer a request that failed, by a sentence alone if what failed is what every page is made with."""
        try:
            await self._answer_failure(Request(scope))(scope, receive, send_strict)
        except Exception:
            if not has_begun():
                await _answer(send_strict, _Refused(500, "The desk could not do that; its log says why."))

    def _security(self, host: str) -> list[tuple[bytes, bytes]]:
        """Return the security headers of an answer."""
        policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
            f"connect-src 'self' {self._telephone(host)}; worker-src 'self'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        )
        told = {
            "content-security-policy": policy,
            "permissions-policy": "microphone=(self), speaker-selection=(self), camera=(), geolocation=()",
            "referrer-policy": "same-origin",
            "x-content-type-options": "nosniff",
            "cross-origin-opener-policy": "same-origin",
        }
        if self._encrypted:
            told["strict-transport-security"] = "max-age=31536000"
        return [(key.encode(), value.encode("latin-1", "replace")) for key, value in told.items()]

    def _telephone(self, host: str) -> str:
        """Return the address of the telephones' WebSocket: a proxy's, else the gate's port of the desk's host."""
        if self._telephone_url is not None:
            return self._telephone_url
        host = host if _HOST.fullmatch(host) else "localhost"  # it becomes a part of the policy
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        return f"{'wss' if self._encrypted else 'ws'}://{name}:{self._telephone_port}"


def _missing(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return what an answer does not say itself: nothing on the way keeps it, and no browser shows JSON as a page."""
    named, more = dict(headers), []
    if b"cache-control" not in named:
        more.append((b"cache-control", b"no-store"))
    if named.get(b"content-type", b"").startswith(b"application/json"):
        more.append((b"content-disposition", b'attachment; filename="desk.json"'))
    return more


def _log_refusal(scope: MutableMapping[str, Any], source: str, status: int) -> None:
    """Log a request that was refused: with its route, since the address may have the token of a link."""
    if not 400 <= status < 500:
        return
    person = scope.get("state", {}).get("person")
    log.info(
        "a request was refused",
        status=status,
        method=scope["method"],
        route=getattr(scope.get("route"), "path", None),
        account=person.id if person is not None else None,
        source=source,
    )


def _check_origin(method: str, host: str, headers: dict[str, str]) -> None:
    """Refuse changes that another site's page asks for. A browser names the page's origin with every one."""
    if method in _SAFE:
        return
    try:
        page = urlsplit(headers.get("origin", "")).netloc
    except ValueError:
        page = ""
    if not host or page.lower() != host.lower():
        raise _Refused(403, "Only a page of the desk may ask for this.")


async def _read(headers: dict[str, str], receive: Receive, most: int) -> bytes:
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit() or len(length) > 10 or int(length) > most:
        raise _Refused(413, f"A request may have at most {most} bytes.")
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Refused(400, "The request was not complete.")
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > most:
                    raise _Refused(413, f"A request may have at most {most} bytes.")
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise _Refused(408, f"The request was not complete within {PATIENCE_S:g} s.") from None


async def _answer(send: Send, refused: _Refused) -> None:
    body = refused.sentence.encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),  # the rest of the request is not read
    ]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
