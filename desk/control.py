"""The desk's side of the control API: requests in the name of a person, and the stream of events."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import aiohttp

ANSWER_S = 5.0
SILENCE_S = 4.0
"""Seconds without anything after which the stream counts as dead; its heartbeat comes each second."""

LINE_LIMIT = 16 * 2**20  # bytes


class ControlError(Exception):
    """A request that was not carried out: the status, a sentence, and the rule's code where several share a status.

    `document`: the whole problem document, for what else it says.
    """

    def __init__(
        self, status: int, detail: str, code: str | None = None, document: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.code, self.document = status, detail, code, document or {}


class ControllerAwayError(ControlError):
    """The controller does not answer."""

    def __init__(self) -> None:
        super().__init__(503, "The controller does not answer.", "controller_away")


class InDoubtError(ControlError):
    """A change that may have been made: nobody confirmed it."""

    def __init__(self, detail: str = "The controller got the request and did not answer.") -> None:
        super().__init__(503, detail, "in_doubt")


class UnreadError(ControllerAwayError):
    """A change that was asked for is made, but what is true now cannot be read."""


_is_changed: ContextVar[bool] = ContextVar("is_changed", default=False)


def is_changed() -> bool:
    """Return whether a change that this request asked for is made."""
    return _is_changed.get()


def note_changed() -> None:
    """Note that a change which this request asked for is made."""
    _is_changed.set(True)


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the stream. `data` is the document that docs/api.md describes under `name`."""

    name: str
    data: Any


HEARTBEAT = Event("", None)
"""That nothing has changed: the controller has looked at the line, and the stream lives."""


class ControlClient:
    """Requests to one controller. Use as an asynchronous context manager."""

    def __init__(self, port: int, token: str) -> None:
        self._base = f"http://127.0.0.1:{port}/v1"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "ControlClient":
        # trust_env stays off: a proxy would see the token.
        self._session = aiohttp.ClientSession(
            headers=self._headers, timeout=aiohttp.ClientTimeout(total=ANSWER_S), read_bufsize=LINE_LIMIT
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(
        self, method: str, path: str, actor: str, body: object = None, *, patience_s: float | None = None
    ) -> Any:
        """Return the answer to a request for `path` (below /v1), made by `actor`.

        Raises ControlError; InDoubtError if the change that was asked for may have been made; UnreadError if the same
        request has made one before, and now there is no answer.
        """
        assert self._session is not None, "use it as a context manager"
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Hatif-Actor": actor_of(actor), "Content-Type": "application/json"}
        limits = aiohttp.ClientTimeout(total=patience_s or ANSWER_S)
        try:
            async with self._session.request(
                method, self._base + path, data=data, headers=headers, timeout=limits
            ) as answer:
                document = await answer.json(content_type=None)
        except aiohttp.ClientConnectorError:
            raise (_away() if method == "GET" else ControllerAwayError()) from None  # nothing was sent
        except (aiohttp.ClientError, TimeoutError, ValueError):
            raise (_away() if method == "GET" else InDoubtError()) from None
        if answer.status >= 400:
            problem = document if isinstance(document, dict) else {}
            if problem.get("code") == "in_doubt":
                raise InDoubtError(str(problem.get("detail", "")))
            if method == "GET" and answer.status == 503 and is_changed():
                raise UnreadError
            raise ControlError(answer.status, str(problem.get("detail", "")), problem.get("code"), problem)
        if method != "GET":
            note_changed()
        return document

    async def events(self) -> AsyncGenerator[Event]:
        """Yield a snapshot, then what changes, and HEARTBEAT while nothing does.

        Raises ControllerAwayError when the stream ends, falls silent, or has something that is no event.
        """
        assert self._session is not None, "use it as a context manager"
        limits = aiohttp.ClientTimeout(total=None, connect=ANSWER_S, sock_read=SILENCE_S)
        try:
            async with self._session.get(f"{self._base}/events", timeout=limits) as stream:
                if stream.status != 200:
                    raise ControllerAwayError
                while True:
                    async with asyncio.timeout(SILENCE_S):  # bytes that make no event are a silence as well
                        event = await _next_event(stream.content)
                    yield event
        except (aiohttp.ClientError, TimeoutError, ValueError):
            raise ControllerAwayError from None


async def _next_event(lines: aiohttp.StreamReader) -> Event:
    """Return the next event, or HEARTBEAT. Raises ControllerAwayError at the end, ValueError for what is no event."""
    fields: dict[str, str] = {}
    while line := await lines.readline():
        text = line.decode().rstrip("\r\n")
        name, _, value = text.partition(": ")
        if name in ("event", "data"):
            fields[name] = value
        elif text.startswith(":"):
            return HEARTBEAT
        elif not text and "data" in fields:
            return Event(fields.get("event", ""), json.loads(fields["data"]))
        elif not text:
            fields.clear()
    raise ControllerAwayError


def _away() -> ControllerAwayError:
    return UnreadError() if is_changed() else ControllerAwayError()


def actor_of(account: str) -> str:
    """Return an account's id as the control API accepts it; accounts made by `hatif` need no change."""
    name = re.sub(r"[^A-Za-z0-9_.@+\\-]", "_", account)[:40]
    return name if re.match("[A-Za-z0-9_]", name) else f"_{name}"[:40]
