"""The gate of browser telephones: of Asterisk's web server, browsers reach the SIP WebSocket and nothing else.

Asterisk serves `/ws` and `/ari` on one port of 127.0.0.1. The gate listens where browsers come from, with the desk's
certificate if it has one, and passes on WebSockets for SIP that a page of the desk opens with a ticket of its session.
Any other path gets 404, a page of another site or without a ticket 403. Through a WebSocket comes SIP of that
telephone's user and nothing else. It is a process of its own that asks nobody, so telephones stay connected, and
connect again, while desk, controller or database are down.
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
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from background import telephone_ticket
from background.address_limit import AddressLimit, listen, real_address
from background.telephone_ticket import GATE, Ticket
from ivr.asterisk.security_log import Login
from ivr.home.service_manager import ServiceManager
from ivr.model.endpoints import operator_of
from ivr.process.ban_list import BanList, BanListError
from ivr.process.ban_rules import Ban, BanLimits, Guesses, banned_as, worth_keeping
from ivr.process.page_sip import NotOfTheTelephone, Transaction, answer_of, check, read_message

log = structlog.get_logger()

_PATH = "/ws"
_LONGEST_HEAD = 8192
_HEAD_S = 5.0
"""Seconds within which the head of a request must be complete, Asterisk's answer too."""
_LATELY_S = 60.0
"""A page whose telephone was not taken asks again sooner, so an older refusal is over, or nobody's."""
_AT_ONCE = 500
"""Telephones."""
_OF_AN_ADDRESS = 200
"""Connections, also those that have brought no ticket yet: a whole office may share one address."""
_OF_A_SESSION = 8
_WRONG = 5
"""Wrong passwords in one WebSocket, which then ends, wherever it comes from."""
_UNANSWERED = 64
TICKET = "ticket."
"""Before a ticket among the protocols that a page asks for: unlike an address, no proxy writes them down."""
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
        home: HATIF_HOME, with the sessions that have ended and the banned addresses.
        key: Of tickets.
        desk_address: The desk's address behind a proxy, such as https://desk.example.org; None without one.
        context: For TLS; None: without.
        networks: Where telephones are; empty: anywhere.
        outside: Operators whose telephones may be anywhere nevertheless; "*": all.
        limits: What bans an address that sends wrong passwords.
        spared: Networks that are never banned.
    """

    listen: str
    port: int
    asterisk_port: int
    desk_port: int
    home: Path
    key: bytes = field(repr=False)
    desk_address: str | None = None
    context: ssl.SSLContext | None = None
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    outside: tuple[str, ...] = ()
    limits: BanLimits = field(default_factory=lambda: BanLimits(0, 0, 0, 0))
    spared: tuple[IPv4Network | IPv6Network, ...] = ()


class _Refused(Exception):  # noqa: N818 - an answer, not a fault
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(eq=False, slots=True)
class _Page:
    """A WebSocket that has been let in. `unanswered`: requests with credentials."""

    ticket: Ticket
    address: str
    writer: asyncio.StreamWriter
    unanswered: dict[Transaction, None] = field(default_factory=dict)
    wrong: int = 0


class TelephoneGate:
    """The gate. `lives`: its heartbeat."""

    def __init__(self, settings: GateSettings, lives: Path | None = None) -> None:
        self._settings, self._lives = settings, lives
        self._open: set[asyncio.StreamWriter] = set()
        self._pages: set[_Page] = set()
        self._by_address = AddressLimit(_OF_AN_ADDRESS)  # behind a proxy
        self._ended = frozenset[str]()
        self._bans: dict[str, Ban] = {}
        self._ban_list = BanList(settings.home)
        self._read: dict[str, int] = {}  # the state of each file that was read
        self._unread = ""  # why a file cannot be read
        self._guesses = Guesses(settings.limits, settings.spared)
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
        return {"telephones": len(self._pages), **refused, **own}

    async def serve(self) -> None:
        """Serve until cancelled, and keep telling that it lives. Raises OSError if the port cannot be used."""
        chosen = self._settings
        listener = listen(chosen.listen, chosen.port, AddressLimit(_OF_AN_ADDRESS))
        handshake_s = _HEAD_S if chosen.context is not None else None
        server = await asyncio.start_server(
            self._connected, sock=listener, ssl=chosen.context, limit=_LONGEST_HEAD, ssl_handshake_timeout=handshake_s
        )
        systemd = ServiceManager(lives=self._lives)
        try:
            while True:
                self._turned = time.monotonic()
                systemd.alive()
                self._look()
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
        address = ""
        try:
            head = await _read_head(reader)
            key, headers = self._check(head)
            address = self._address_of(writer, headers)
            ticket = self._admit(headers, address)
            if len(self._pages) >= _AT_ONCE or not self._by_address.enter(address):
                raise _Refused(503)
        except _Refused as refused:
            await self._refuse(writer, refused)
            return
        page = _Page(ticket, address, writer)
        self._pages.add(page)
        try:
            await self._connect(reader, page, key)
        finally:
            self._pages.discard(page)
            self._by_address.leave(address)

    async def _refuse(self, writer: asyncio.StreamWriter, refused: _Refused) -> None:
        self._refused[refused.status] += 1
        if refused.status == 502:
            self._asterisk_refused = time.monotonic()
        reason = _REASONS[refused.status]
        head = f"HTTP/1.1 {refused.status} {reason}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())
        await writer.drain()

    async def _connect(self, reader: asyncio.StreamReader, page: _Page, key: str) -> None:
        """Open the page's WebSocket at Asterisk, and pass on what its telephone may send, until either side ends."""
        try:
            answer, asterisk_reader, asterisk_writer = await self._open_asterisk(key)
        except _Refused as refused:
            await self._refuse(page.writer, refused)
            return
        self._asterisk_refused = -math.inf
        try:
            _notice_silence(page.writer)
            page.writer.write(answer)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._from_page(reader, asterisk_writer, page))
                both.create_task(self._from_asterisk(asterisk_reader, page))
        except* (OSError, asyncio.IncompleteReadError):
            pass
        except* NotOfTheTelephone as found:
            self._end(page, f"A page was disconnected: {found.exceptions[0]}")
        finally:
            asterisk_writer.close()

    async def _from_page(self, reader: asyncio.StreamReader, asterisk: asyncio.StreamWriter, page: _Page) -> None:
        while True:
            frame, message = await read_message(reader, masked=True)
            if message:
                try:
                    transaction = check(message, page.ticket.telephone, page.ticket.session)
                except NotOfTheTelephone:
                    await self._note_password(page, right=False)
                    raise
                if transaction is not None and transaction.proves:
                    page.unanswered[transaction] = None
                    if len(page.unanswered) > _UNANSWERED:
                        raise NotOfTheTelephone("it sends passwords and waits for no answer")
            asterisk.write(frame)
            await asterisk.drain()

    async def _from_asterisk(self, reader: asyncio.StreamReader, page: _Page) -> None:
        while True:
            frame, message = await read_message(reader, masked=False)
            answered = answer_of(message) if message else None
            page.writer.write(frame)
            await page.writer.drain()
            if answered is None or answered[1] not in page.unanswered or answered[0] == 100:
                continue
            status, transaction = answered
            if status >= 200:
                del page.unanswered[transaction]
            if status == 401 or (status == 403 and transaction.sequence.endswith("REGISTER")):
                page.wrong += 1
                await self._note_password(page, right=False)
                if page.wrong >= _WRONG:
                    raise NotOfTheTelephone(f"it sent {page.wrong} wrong passwords")
            elif 200 <= status < 300:
                page.wrong = 0
                await self._note_password(page, right=True)

    async def _note_password(self, page: _Page, *, right: bool) -> None:
        """Count a right or wrong password of an address, and ban that if there were too many, as telephones' are."""
        now = time.time()
        with contextlib.suppress(ValueError):
            found = self._guesses.note(Login(ip_address(page.address), right), self._bans, now)
            if found is None:
                return
            who, ban = found
            log.warning("An address is banned: its pages send wrong passwords", address=who)
            self._bans = {**self._bans, who: ban}
            try:
                await asyncio.to_thread(self._ban_list.change, lambda bans: {**worth_keeping(bans, now), who: ban})
            except BanListError as error:
                log.error("A banned address could not be written down", error=str(error))

    def _look(self) -> None:
        """Read the files of ended sessions and of bans if they changed, and disconnect pages that may not stay."""
        home, now = self._settings.home, time.time()
        sessions = telephone_ticket.sessions_file(home)
        try:
            changed = sessions.stat().st_mtime_ns if sessions.exists() else 0
            if self._read.get("sessions") != changed:
                self._ended = telephone_ticket.ended_sessions(home)
                self._read["sessions"] = changed
            if self._read.get("bans") != self._ban_list.changed:
                self._read["bans"] = self._ban_list.changed
                self._bans = self._ban_list.read()
            self._unread = ""
        except (OSError, ValueError, BanListError) as error:
            if str(error) != self._unread:  # it looks again each second
                log.error("The gate cannot read who may telephone no more; what it knew before holds", error=str(error))
            self._unread = str(error)
        for page in list(self._pages):
            if page.ticket.session in self._ended or page.ticket.expires <= now:
                self._end(page, "A page was disconnected: its session has ended")
            elif self._is_banned(page.address, now):
                self._end(page, "A page was disconnected: its address is banned")

    def _end(self, page: _Page, why: str) -> None:
        if page in self._pages:
            log.warning(why, account=page.ticket.account, telephone=page.ticket.telephone, address=page.address)
            self._pages.discard(page)
            page.writer.transport.abort()

    def _is_banned(self, address: str, now: float) -> bool:
        try:
            ban = self._bans.get(banned_as(ip_address(address)))
        except ValueError:
            return False
        return ban is not None and ban.holds(now)

    def _address_of(self, writer: asyncio.StreamWriter, headers: Mapping[str, str]) -> str:
        """Return where a page is: the other side of the connection, or what the proxy on this machine says."""
        address = real_address(writer.get_extra_info("peername")[0])
        chosen = self._settings
        if chosen.desk_address is not None and chosen.context is None and address == "127.0.0.1":
            forwarded = [real_address(item.strip()) for item in headers.get("x-forwarded-for", "").split(",")]
            return next((item for item in reversed(forwarded) if item not in ("", "127.0.0.1")), address)
        return address

    def _admit(self, headers: Mapping[str, str], address: str) -> Ticket:
        """Return the ticket that a page brings. Raises _Refused without a valid one, or if its address may not."""
        chosen, now = self._settings, time.time()
        protocols = [word.strip() for word in headers.get("sec-websocket-protocol", "").split(",")]
        brought = [word.removeprefix(TICKET) for word in protocols if word.startswith(TICKET)]
        ticket = telephone_ticket.read(brought[0], chosen.key, now) if len(brought) == 1 else None
        if ticket is None or ticket.session in self._ended:
            log.warning("A page without a ticket that is valid tried to use a telephone", address=address)
            raise _Refused(403)
        if self._is_banned(address, now):
            log.warning("A page of a banned address tried to use a telephone", address=address)
            raise _Refused(403)
        if not self._is_inside(ticket, address):
            log.warning(
                "A page outside the networks of telephones tried to use one: add its network to networks of [operators]"
                " in site.toml, or its operator to outside",
                account=ticket.account,
                telephone=ticket.telephone,
                address=address,
            )
            raise _Refused(403)
        if sum(page.ticket.session == ticket.session for page in self._pages) >= _OF_A_SESSION:
            raise _Refused(503)
        return ticket

    def _is_inside(self, ticket: Ticket, address: str) -> bool:
        chosen, operator = self._settings, operator_of(ticket.telephone)
        if not chosen.networks or operator == ticket.telephone or {"*", operator} & set(chosen.outside):
            return True  # the telephones of *Try the line* reach nothing but the site's own numbers
        try:
            return any(ip_address(address) in network for network in chosen.networks)
        except ValueError:
            return False

    def _check(self, head: str) -> tuple[str, dict[str, str]]:
        """Return the WebSocket's key and the headers.

        Raises _Refused for anything but a WebSocket for SIP from a page of the desk.
        """
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
        return key, headers

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
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", self._settings.asterisk_port, local_addr=(GATE, 0)
                )
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
