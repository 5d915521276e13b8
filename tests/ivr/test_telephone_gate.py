"""Of Asterisk's web server, the gate lets browsers reach the SIP WebSocket only, and only from pages of the desk."""

import asyncio
import contextlib
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from background.telephone_ticket import Ticket, key_of, sessions_file, sign
from desk.tls import self_signed
from ivr.process import telephone_gate
from ivr.process.ban_list import BanList
from ivr.process.ban_rules import BanLimits
from ivr.process.page_sip import read_message
from ivr.process.telephone_gate import GateSettings, TelephoneGate

DESK = 8080
NOWHERE = Path("nowhere")
"""A HATIF_HOME without ended sessions and bans."""
KEY = key_of("a-secret-of-the-test")
MARK = "mina-1700000000000000"
STRANGER, OTHER = "127.0.0.66", "127.0.0.67"


def ticket(telephone: str = "1002-web", session: str = MARK, key: bytes = KEY, lasts_s: float = 60) -> str:
    now = int(time.time())
    return sign(Ticket("mina", telephone, session, now, int(now + lasts_s)), key)


def frame(text: str, mask: bytes = b"\1\2\3\4") -> bytes:
    """Return a text as a browser sends it."""
    payload = text.encode()
    length = bytes((0x80 | len(payload),)) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2)
    return b"\x81" + length + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def sip(
    method: str = "REGISTER",
    user: str = "1002-web",
    to: str = "1002-web",
    contact: str = "1002-web",
    proof: str | None = None,
    sequence: int = 1,
    more: str = "",
) -> str:
    login = "" if proof is None else f'Authorization: Digest username="{proof}", realm="hatif", response="x"\r\n'
    return (
        f"{method} sip:hatif SIP/2.0\r\nVia: SIP/2.0/WS test.invalid;branch=z9hG4bK1\r\n"
        f"From: <sip:{user}@hatif>;tag=t\r\n"
        f"To: <sip:{to}@hatif>\r\nCall-ID: one\r\nCSeq: {sequence} {method}\r\n"
        f'Contact: <sip:{contact}@x.invalid;transport=ws>;+sip.ice;reg-id=1;+sip.instance="<urn:uuid:1>";expires=60\r\n'
        f"{login}{more}Content-Length: 0\r\n\r\n"
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Asterisk:
    """Stands for Asterisk's web server: accepts WebSockets, and says what it was asked and sent."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer = b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
        self.closes = False
        self.status: int | None = None  # of its answer to each request; None: it gives back what it is sent

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
            writer.write(self.answer)
            while not self.closes and (found := (await read_message(reader, masked=True))[1]):
                text = found.decode()
                if self.status is not None:
                    sequence = next(line for line in text.splitlines() if line.startswith("CSeq"))
                    text = f"SIP/2.0 {self.status} No\r\nCall-ID: one\r\n{sequence}\r\nContent-Length: 0\r\n\r\n"
                writer.write(b"\x81\x7e" + len(text).to_bytes(2) + text.encode())
        writer.close()


@asynccontextmanager
async def serving(context: ssl.SSLContext | None = None, **changes: Any) -> AsyncIterator[tuple[int, Asterisk]]:
    """Yield the port of a gate, and what is behind it."""
    asterisk = Asterisk()
    server = await asyncio.start_server(asterisk.connected, "127.0.0.1", 0)
    port, behind = free_port(), server.sockets[0].getsockname()[1]
    given = {
        "home": Path("nowhere"),
        "key": KEY,
        "desk_address": "https://desk.example.org",
        "context": context,
        **changes,
    }
    settings = GateSettings("127.0.0.1", port, behind, DESK, **given)
    async with server:
        running = asyncio.create_task(TelephoneGate(settings).serve())
        await listening(port)
        yield port, asterisk
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def listening(port: int) -> None:
    async with asyncio.timeout(5):
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.01)


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[tuple[int, Asterisk]]:
    async with serving(home=tmp_path) as found:
        yield found


def request(
    path: str = "/ws",
    origin: str = "http://localhost:8080",
    protocol: str = "sip",
    method: str = "GET",
    brings: str | None = None,
    more: str = "",
) -> str:
    brings = ticket() if brings is None else brings
    protocol += f", ticket.{brings}" if brings else ""
    return (
        f"{method} {path} HTTP/1.1\r\nHost: localhost:8089\r\nOrigin: {origin}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Protocol: {protocol}\r\nCookie: secret\r\n{more}\r\n"
    )


async def ask(port: int, text: str, then: str = "", source: str = "127.0.0.1") -> bytes:
    """Return the answer, and what follows the message `then`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    writer.write(text.encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    if then:
        writer.write(frame(then))
        answer += (await read_message(reader, masked=False))[1]
    writer.close()
    return answer


@pytest.mark.parametrize("origin", ["http://localhost:8080", "https://desk.example.org"])
async def test_a_page_of_the_desk_reaches_the_telephone_and_nothing_else_of_its_request_does(
    gate: tuple[int, Asterisk], origin: str
) -> None:
    port, asterisk = gate
    assert await ask(port, request(origin=origin), sip()) == asterisk.answer + sip().encode()
    (asked,) = asterisk.asked
    assert asked.startswith("GET /ws HTTP/1.1\r\nHost: 127.0.0.1:") and "dGhlIHNhbXBsZSBub25jZQ==" in asked
    assert "Cookie" not in asked and "Origin" not in asked and "ticket" not in asked


@pytest.mark.parametrize(
    "text",
    [
        request("/ari/channels"),
        request("/ari/events?app=hatif&api_key=x:y"),
        request("/"),
        request("/ws/"),
        request("/ws?x"),
        request("//ws"),
        request("/%77s"),
        request("/media/x"),
        request(method="POST"),
        request(protocol="ari"),
        request().replace("Upgrade: websocket", "Upgrade: h2c"),
        request().replace("Sec-WebSocket-Key", "X-Key"),
        request().replace("Cookie: secret", "Host: again"),
        request().replace("Cookie: secret", "Cookie : secret"),
        request().replace("HTTP/1.1", "HTTP/1.0"),
        "x" * 9000 + "\r\n\r\n",
    ],
)
async def test_everything_but_the_telephones_path_is_not_found(gate: tuple[int, Asterisk], text: str) -> None:
    port, asterisk = gate
    assert (await ask(port, text)).startswith(b"HTTP/1.1 404 ")
    assert asterisk.asked == []


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "http://localhost:8081", "https://localhost:8080", "null", "", "http://localhost:80800000"],
)
async def test_a_page_of_another_site_is_refused(gate: tuple[int, Asterisk], origin: str) -> None:
    port, asterisk = gate
    assert (await ask(port, request(origin=origin))).startswith(b"HTTP/1.1 403 ")
    assert asterisk.asked == []


async def test_behind_tls_the_page_must_be_encrypted_as_well(tmp_path: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*self_signed(tmp_path, ("localhost",)))
    trusting = ssl.create_default_context(cafile=str(tmp_path / "self-signed.pem"))
    async with serving(context=context) as (port, asterisk):
        for origin, status in (("http://localhost:8080", b"403"), ("https://localhost:8080", b"101")):
            reader, writer = await asyncio.open_connection("localhost", port, ssl=trusting)
            writer.write(request(origin=origin).encode())
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 " + status)
            writer.close()
        assert len(asterisk.asked) == 1


async def test_an_answer_that_is_no_websocket_is_not_passed_on(gate: tuple[int, Asterisk]) -> None:
    """Otherwise the next request of the same connection would reach Asterisk, for any path."""
    port, asterisk = gate
    asterisk.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write((request() + "GET /ari/channels HTTP/1.1\r\nHost: x\r\n\r\n").encode())
    assert (await reader.read()).startswith(b"HTTP/1.1 502 ")
    writer.close()
    assert len(asterisk.asked) == 1


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 1"])
async def test_a_page_is_told_if_asterisk_closes_without_an_answer(gate: tuple[int, Asterisk], begun: bytes) -> None:
    port, asterisk = gate
    asterisk.answer, asterisk.closes = begun, True
    assert (await ask(port, request())).startswith(b"HTTP/1.1 502 ")


async def test_that_asterisk_takes_no_telephone_is_told_until_it_takes_one() -> None:
    asterisk = Asterisk()
    asterisk.answer = b""
    server = await asyncio.start_server(asterisk.connected, "127.0.0.1", 0)
    port = free_port()
    gate = TelephoneGate(
        GateSettings("127.0.0.1", port, server.sockets[0].getsockname()[1], DESK, Path("nowhere"), KEY)
    )
    async with server, asyncio.timeout(10):
        running = asyncio.create_task(gate.serve())
        await listening(port)
        asterisk.closes = True
        assert (await ask(port, request())).startswith(b"HTTP/1.1 502 ")
        assert gate.counts()["asterisk_refuses"] and gate.counts()["loop_age_s"] < 5
        asterisk.answer, asterisk.closes = Asterisk().answer, False
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request().encode())
        await reader.readuntil(b"\r\n\r\n")
        assert not gate.counts()["asterisk_refuses"]
        writer.close()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def test_a_gate_that_is_stopped_does_not_wait_for_its_telephones() -> None:
    async with asyncio.timeout(5):
        async with serving() as (port, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request().encode())
            await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    writer.close()


def test_a_browser_whose_machine_vanishes_is_noticed_while_asterisk_sends_to_it_as_well() -> None:
    with socket.socket() as connection:
        writer = cast(Any, SimpleNamespace(get_extra_info=lambda _: connection))
        telephone_gate._notice_silence(writer)
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 35_000


# Who is let in


@pytest.mark.parametrize(
    "brings",
    ["", "x", ticket(key=key_of("another-secret")), ticket(lasts_s=-1), ticket() + "A", ticket()[1:]],
    ids=["none", "nonsense", "another secret's", "an old one", "longer", "shorter"],
)
async def test_without_a_valid_ticket_a_page_with_the_desks_origin_never_reaches_asterisk(
    gate: tuple[int, Asterisk], brings: str
) -> None:
    port, asterisk = gate
    assert (await ask(port, request(brings=brings))).startswith(b"HTTP/1.1 403 ")
    assert asterisk.asked == []


async def test_an_ended_session_is_not_let_in_and_its_open_telephone_is_disconnected(
    gate: tuple[int, Asterisk], tmp_path: Path
) -> None:
    port, _ = gate
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request().encode())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    sessions_file(tmp_path).write_text(json.dumps({MARK: {"ended": True}, "other": {"ended": False}}))
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    writer.close()
    assert (await ask(port, request())).startswith(b"HTTP/1.1 403 ")
    assert (await ask(port, request(brings=ticket(session="other")))).startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize("is_encrypted", [False, True])
async def test_five_hundred_connections_of_one_address_leave_the_others_their_telephones(
    tmp_path: Path, is_encrypted: bool
) -> None:
    """One in ten sends a request without a ticket, the others none, or a TLS handshake that stops in the middle."""
    context = trusting = None
    if is_encrypted:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self_signed(tmp_path, ("localhost",)))
        trusting = ssl.create_default_context(cafile=str(tmp_path / "self-signed.pem"))
    async with serving(context, home=tmp_path) as (port, asterisk):
        opened = []
        for number in range(500):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(STRANGER, 0))
            writer.write(request(brings="").encode() if number % 10 == 0 else b"\x16\x03" if is_encrypted else b"")
            opened.append((reader, writer))
        async with asyncio.timeout(2):  # the first ones are given 5 s
            for reader, _ in opened[-3:]:
                with contextlib.suppress(ConnectionResetError):
                    assert await reader.read() == b"", "it has as many as it may"

        async def gets_in(source: str) -> bool:
            name = "localhost" if is_encrypted else None
            try:
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", port, local_addr=(source, 0), ssl=trusting, server_hostname=name
                )
            except OSError:
                return False
            try:
                writer.write(request(origin="https://desk.example.org").encode())
                return (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            except (OSError, asyncio.IncompleteReadError):
                return False
            finally:
                writer.close()

        assert await gets_in(OTHER) and len(asterisk.asked) == 1
        assert not await gets_in(STRANGER)
        for _, writer in opened:
            writer.close()
        async with asyncio.timeout(5):
            while not await gets_in(STRANGER):  # noqa: ASYNC110 - the gate tells nobody that it has noticed
                await asyncio.sleep(0.05)


async def test_addresses_of_one_ipv6_network_are_one_also_behind_a_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telephone_gate, "_OF_AN_ADDRESS", 3)
    async with serving(home=tmp_path) as (port, _), AsyncExitStack() as opened:
        for last, network, status in ((1, 2, 101), (2, 2, 101), (3, 2, 101), (4, 2, 503), (4, 3, 101)):
            text = request(more=f"X-Forwarded-For: 2001:db8:1:{network}::{last}\r\n")
            assert await opened.enter_async_context(held(port, text)) == status, (last, network)


async def test_a_session_has_eight_telephones_at_most(gate: tuple[int, Asterisk]) -> None:
    port, _ = gate
    async with AsyncExitStack() as opened:
        for status in (*(101,) * 8, 503):
            assert await opened.enter_async_context(held(port, request())) == status
        assert await opened.enter_async_context(held(port, request(brings=ticket(session="other")))) == 101


@asynccontextmanager
async def held(port: int, text: str) -> AsyncIterator[int]:
    """Yield the status of a request whose connection stays open."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text.encode())
    yield int((await reader.readuntil(b"\r\n\r\n")).split()[1])
    writer.close()


async def test_a_page_outside_the_networks_of_telephones_is_refused(tmp_path: Path) -> None:
    networks = (ip_network("127.0.0.0/26"), ip_network("10.1.0.0/16"))
    async with serving(home=tmp_path, networks=networks, outside=("1003",)) as (port, _):
        outside = request(brings=ticket("1003-web"))
        assert (await ask(port, request(), source=STRANGER)).startswith(b"HTTP/1.1 403 ")
        assert (await ask(port, request(), source="127.0.0.6")).startswith(b"HTTP/1.1 101 ")
        assert (await ask(port, outside, source=STRANGER)).startswith(b"HTTP/1.1 101 ")
        for forwarded, status in (("10.1.2.3", b"101"), ("10.1.2.3, 198.51.100.66", b"403")):
            text = request(more=f"X-Forwarded-For: {forwarded}\r\n")
            assert (await ask(port, text)).startswith(b"HTTP/1.1 " + status)
            assert (await ask(port, text, source=STRANGER)).startswith(b"HTTP/1.1 403 "), "no proxy is there"


@pytest.mark.parametrize("is_spared", [False, True])
async def test_an_address_whose_page_sends_wrong_passwords_is_disconnected_and_banned(
    tmp_path: Path, is_spared: bool
) -> None:
    """An office's address is not banned, but its WebSocket ends: without that, 300 passwords were tried in one."""
    spared = (ip_network("127.0.0.66"),) if is_spared else ()
    async with serving(home=tmp_path, limits=BanLimits(3, 60, 60, 60), spared=spared) as (port, asterisk):
        asterisk.status = 401
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(STRANGER, 0))
        writer.write(request().encode())
        await reader.readuntil(b"\r\n\r\n")
        answers = 0
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            for number in range(300):
                writer.write(frame(sip(proof=f"1002-web.17.{MARK}", sequence=number)))
                await writer.drain()
                await read_message(reader, masked=False)
                answers += 1
        writer.close()
        assert answers <= 5
        assert (STRANGER in BanList(tmp_path).read()) is not is_spared
        again = await ask(port, request(), source=STRANGER)
        assert again.startswith(b"HTTP/1.1 101 " if is_spared else b"HTTP/1.1 403 ")


PROOF = f"1002-web.1700000000.{MARK}"


@pytest.mark.parametrize(
    "message",
    [
        sip(user="1001"),
        sip(user="1002"),
        sip(to="1003-web"),
        sip(contact="1001"),
        sip("INVITE", user="1003-web", to="*10"),
        sip("INVITE", proof="1001", to="*10"),
        sip(proof=PROOF + "x"),
        sip(proof="1003-web.1700000000." + MARK),
        sip(more="f: <sip:1001@hatif>;tag=t\r\n"),
        sip(more="X: y\n f: <sip:1001@hatif>\r\n"),
        sip(more=" From: <sip:1001@hatif>\r\n"),
        sip().replace("<sip:1002-web@hatif>;tag", "1002-web <sip:1001@hatif>;tag"),
        sip() + sip(user="1001"),
        sip("REFER"),
        sip("NOTIFY"),
        "GET / HTTP/1.1\r\n\r\n",
        sip(more="X: " + "x" * 40_000 + "\r\n"),
    ],
)
async def test_what_is_not_sip_of_the_telephones_own_user_ends_the_connection_and_does_not_reach_asterisk(
    gate: tuple[int, Asterisk], message: str
) -> None:
    port, _ = gate
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request().encode())
    await reader.readuntil(b"\r\n\r\n")
    writer.write(frame(message))
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b"", "Asterisk would have given it back"
    writer.close()


@pytest.mark.parametrize(
    "message",
    [
        sip(proof=PROOF),
        sip("INVITE", to="*10", proof=PROOF),
        sip("BYE", to="x"),
        sip("REGISTER").replace("From: <", 'From: "Mina" <'),
        "SIP/2.0 200 OK\r\nVia: x\r\nFrom: <sip:hatif@127.0.0.1>;tag=a\r\nTo: <sip:1002-web@x.invalid>;tag=b\r\n"
        "Call-ID: z\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_what_a_telephone_sends_passes(gate: tuple[int, Asterisk], message: str) -> None:
    port, asterisk = gate
    assert await ask(port, request(), message) == asterisk.answer + message.encode()
