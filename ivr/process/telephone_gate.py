"""The gate of browser telephones: of Asterisk's web server, browsers reach the SIP WebSocket and nothing else.

Asterisk serves `/ws` and `/ari` on one port of 127.0.0.1. The gate listens where browsers come from, with the desk's
certificate if it has one, and passes on WebSockets for SIP that a page of the desk opens. Any other path gets 404, a
page of another site 403. It is a process of its own, so telephones stay connected while desk or controller are down.
"""

import asyncio
import contextlib
import math
import re
import socket
import ssl
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from ivr.home.service_manager import ServiceManager

log = structlog.get_logger()

_PATH = "/ws"
_LONGEST_HEAD = 8192
_HEAD_S = 5.0
"""Seconds within which the head of a request must be complete, Asterisk's answer too."""
_LATELY_S = 60.0
"""A page whose telephone was not taken asks again sooner, so an older refusal is over, or nobody's."""
_AT_ONCE = 500
_CHUNK = 65536
_SILENT_S, _PROBE_S, _PROBES = 20, 5, 3
"""A browser that sends nothing for some time is probed. If it does not answer, its machine has vanished."""

_REQUEST = re.compile(r"GET (\S+) HTTP/1\.1")
_HEADER = re.compile(r"([A-Za-z0-9-]+):[ \t]*(.*)")
_KEY = re.compile(r"[A-Za-z0-9+/=]{16,64}")
_REASONS = {403: "Forbidden", 404: "Not Found", 408: "Request Timeout", 502: "Bad Gateway", 503: "Service Unavailable"}


@dataclass(frozen=True, slots=True)
class GateSettings:
    """Where the gate listens.

    Attributes:
        port: Of the gate.
        asterisk_port: Of Asterisk's web server on 127.0.0.1.
        desk_port: Of the desk; its pages have the gate's host in their address, and this port.
        desk_address: The desk's address behind a proxy, such as https://desk.example.org; None without one.
        context: For TLS; None: without.
    """

    listen: str
    port: int
    asterisk_port: int
    desk_port: int
    desk_address: str | None = None
    context: ssl.SSLContext | None = None


class _Refused(Exception):  # noqa: N818 - an answer, not a fault
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class TelephoneGate:
    """The gate. `lives`: its heartbeat."""

    def __init__(self, settings: GateSettings, lives: Path | None = None) -> None:
        self._settings, self._lives = settings, lives
        self._open: set[asyncio.StreamWriter] = set()
        self._refused: Counter[int] = Counter()
        self._turned = time.monotonic()
        self._asterisk_refused = -math.inf  # when Asterisk did not take the last telephone

    def counts(self) -> dict[str, float]:
        """Return how many telephones are connected, and how many requests were refused, by status.

        `loop_age_s`: since the event loop last turned, so what it serves hangs if this grows; `asterisk_refuses`:
        whether Asterisk did not take the last telephone, of the last minute.
        """
        now = time.monotonic()
        refuses = now - self._asterisk_refused < _LATELY_S
        own = {"loop_age_s": now - self._turned, "asterisk_refuses": float(refuses)}
        refused = {f"refused_{status}": self._refused[status] for status in _REASONS}
        return {"telephones": len(self._open), **refused, **own}

    async def serve(self) -> None:
        """Serve until cancelled, and keep telling that it lives. Raises OSError if the port cannot be used."""
        chosen = self._settings
        server = await asyncio.start_server(
            self._connected, chosen.listen, chosen.port, ssl=chosen.context, limit=_LONGEST_HEAD
        )
        systemd = ServiceManager(lives=self._lives)
        try:
            while True:
                self._turned = time.monotonic()
                systemd.alive()
                await asyncio.sleep(1)
        finally:
            server.close()
            for writer in self._open:
                writer.transport.abort()  # closing would wait for telephones to leave
            await server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            await self._handle(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # either side has gone
        finally:
            self._open.discard(writer)
            writer.close()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if len(self._open) > _AT_ONCE:
                raise _Refused(503)
            head = await _read_head(reader)
            key = self._check(head)
            answer, asterisk_reader, asterisk_writer = await self._open_asterisk(key)
            self._asterisk_refused = -math.inf
        except _Refused as refused:
            self._refused[refused.status] += 1
            if refused.status == 502:
                self._asterisk_refused = time.monotonic()
            reason = _REASONS[refused.status]
            head = f"HTTP/1.1 {refused.status} {reason}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            writer.write(head.encode())
            await writer.drain()
            return
        try:
            _notice_silence(writer)
            writer.write(answer)
            async with asyncio.TaskGroup() as both:
                both.create_task(_pass_on(reader, asterisk_writer))
                both.create_task(_pass_on(asterisk_reader, writer))
        except* (OSError, _Closed):
            pass
        finally:
            asterisk_writer.close()

    def _check(self, head: str) -> str:
        """Return the WebSocket's key. Raises _Refused for anything but a WebSocket for SIP from a page of the desk."""
        first, *lines = head.split("\r\n")
        request = _REQUEST.fullmatch(first)
        if request is None or request[1] != _PATH:
            raise _Refused(404)
        headers: dict[str, str] = {}
        for line in lines:
            if (found := _HEADER.fullmatch(line)) is None or found[1].lower() in headers:
                raise _Refused(404)
            headers[found[1].lower()] = found[2].strip()
        key = headers.get("sec-websocket-key", "")
        if headers.get("upgrade", "").lower() != "websocket" or not _KEY.fullmatch(key):
            raise _Refused(404)
        protocols = [word.strip() for word in headers.get("sec-websocket-protocol", "").split(",")]
        if "sip" not in protocols:
            raise _Refused(404)
        if not self._is_own_page(headers):
            log.warning("A page of another site tried to use a telephone", origin=headers.get("origin", "")[:100])
            raise _Refused(403)
        return key

    def _is_own_page(self, headers: Mapping[str, str]) -> bool:
        """Return whether a page of the desk asks: its host is the one that the browser calls this gate by."""
        chosen, origin = self._settings, headers.get("origin", "")
        if chosen.desk_address is not None and origin == chosen.desk_address.rstrip("/"):
            return True
        try:
            page, gate = urlsplit(origin), urlsplit(f"//{headers.get('host', '')}")
            same_host = page.hostname is not None and page.hostname == gate.hostname
            scheme = "http" if chosen.context is None else "https"
            return same_host and page.scheme == scheme and page.port == chosen.desk_port
        except ValueError:
            return False

    async def _open_asterisk(self, key: str) -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:
        """Open the WebSocket at Asterisk, with a request of our own.

        Return the head of its answer, and the connection. Raises _Refused if it does not accept the request in time.
        """
        try:
            async with asyncio.timeout(_HEAD_S):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._settings.asterisk_port)
        except OSError:  # includes TimeoutError
            raise _Refused(502) from None
        writer.write(
            (
                f"GET {_PATH} HTTP/1.1\r\nHost: 127.0.0.1:{self._settings.asterisk_port}\r\nUpgrade: websocket\r\n"
                f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Protocol: sip\r\n\r\n"
            ).encode()
        )
        try:
            head = await _read_head(reader)
        except (_Refused, OSError, asyncio.IncompleteReadError):
            head = ""
        # After any other answer Asterisk would read further requests of the browser, for any path.
        if not head.startswith("HTTP/1.1 101 "):
            writer.close()
            raise _Refused(502)
        return f"{head}\r\n\r\n".encode("latin-1"), reader, writer


class _Closed(Exception):  # noqa: N818 - one side has closed, so both end
    pass


async def _read_head(reader: asyncio.StreamReader) -> str:
    """Return the head of a request or an answer, without the empty line. Raises _Refused."""
    try:
        async with asyncio.timeout(_HEAD_S):
            head = await reader.readuntil(b"\r\n\r\n")
    except TimeoutError:
        raise _Refused(408) from None
    except asyncio.LimitOverrunError:
        raise _Refused(404) from None
    return head[:-4].decode("latin-1")


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
    raise _Closed


def _notice_silence(writer: asyncio.StreamWriter) -> None:
    """Have the kernel end a connection whose other side has vanished."""
    connection: socket.socket = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _SILENT_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _PROBE_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)
        # Data that is not confirmed, such as Asterisk's OPTIONS, is repeated for 15 minutes instead of any probe.
        limit_ms = 1000 * (_SILENT_S + _PROBE_S * _PROBES)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limit_ms)
