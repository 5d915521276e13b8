"""One connection to Asterisk: requests are sent without waiting, answers find their request by its id.

Asterisk handles the requests of one WebSocket in the order of their arrival, so a step's requests go out together
and take effect in order. The reader never awaits work: Asterisk cuts a client that does not read for 100 ms.
"""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson
import structlog

from ivr.ari import events
from ivr.ari.operations import EVENT_FILTER, Operation, Request

log = structlog.get_logger()

REST_LIMIT_S = 5.0
"""How long an answer is waited for; Asterisk answers in under a millisecond."""

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

    async def __aenter__(self) -> Self:
        login = aiohttp.encode_basic_auth(self._user, self._password)
        self._http = aiohttp.ClientSession(headers={"Authorization": login})
        try:
            self._socket = await self._http.ws_connect(
                f"{self._base}/ari/events", params={"app": self._application}, compress=0, max_msg_size=0, heartbeat=20
            )
        except aiohttp.WSServerHandshakeError as error:
            await self._http.close()
            if error.status in (401, 403):
                raise AriError(
                    f"Asterisk at {self._base} refused the user {self._user!r}: the secret in ari.conf is another one. "
                    "Run `hatif asterisk render` and restart Asterisk."
                ) from None
            raise AriError(f"Asterisk at {self._base} answered {error.status}; are res_ari's modules loaded?") from None
        except (aiohttp.ClientError, OSError):
            await self._http.close()
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
        await self._socket.close()
        await self._http.close()

    async def send(self, *requests: Request, refused: Refusal = _ignore) -> None:
        """Sends the requests in order and does not wait; `refused(request, status)` is called for each that fails."""
        for request in requests:
            number = str(next(self._numbers))
            self._pending[number] = (request, refused)
            await self._write(request.frame(number))

    async def ask(self, *requests: Request) -> list[Response]:
        """Sends the requests in order, at once, and waits for all answers. Raises LinkLost."""
        answers: list[asyncio.Future[Response]] = []
        for request in requests:
            number = str(next(self._numbers))
            future = asyncio.get_running_loop().create_future()
            self._pending[number] = (request, future)
            answers.append(future)
            await self._write(request.frame(number))
        async with asyncio.timeout(REST_LIMIT_S):
            return [await answer for answer in answers]

    async def _write(self, text: str) -> None:
        try:
            await self._socket.send_str(text)
        except (aiohttp.ClientError, ConnectionError):
            raise LinkLost from None

    async def only(self, *names: str) -> None:
        """Tells Asterisk to send these events and no others. (The filter holds for answers to requests, too.)"""
        allowed = [{"type": name} for name in (*names, "RESTResponse")]
        await self.ask(EVENT_FILTER(self._application, body={"allowed": allowed}))

    async def read(self, deliver: Callable[[events.Event], None]) -> None:
        """Reads until the connection ends. `deliver` must not block."""
        async for message in self._socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            try:
                data = orjson.loads(message.data)
                if data["type"] == "RESTResponse":
                    self._answered(data)
                    continue
                event = events.event(data)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                log.warning("Asterisk sent an event that is not understood", error=repr(error), data=message.data[:300])
                continue
            if event is not None:
                deliver(event)

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


__all__ = ["AriError", "Link", "LinkLost", "Operation", "Refusal", "Response"]
