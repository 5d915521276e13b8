"""Of Asterisk's web server, the gate lets browsers reach the SIP WebSocket only, and only from pages of the desk."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from desk.tls import self_signed
from ivr.process import telephone_gate
from ivr.process.telephone_gate import GateSettings, TelephoneGate

DESK = 8080


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

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
            writer.write(self.answer)
            while not self.closes and (data := await reader.read(1000)):
                writer.write(b"<" + data + b">")
        writer.close()


@asynccontextmanager
async def serving(context: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, Asterisk]]:
    """Yield the port of a gate, and what is behind it."""
    asterisk = Asterisk()
    server = await asyncio.start_server(asterisk.connected, "127.0.0.1", 0)
    port, behind = free_port(), server.sockets[0].getsockname()[1]
    settings = GateSettings("127.0.0.1", port, behind, DESK, "https://desk.example.org", context)
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
async def gate() -> AsyncIterator[tuple[int, Asterisk]]:
    async with serving() as found:
        yield found


def request(
    path: str = "/ws", origin: str = "http://localhost:8080", protocol: str = "sip", method: str = "GET"
) -> str:
    return (
        f"{method} {path} HTTP/1.1\r\nHost: localhost:8089\r\nOrigin: {origin}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Protocol: {protocol}\r\nCookie: secret\r\n\r\n"
    )


async def ask(port: int, text: str, then: bytes = b"") -> bytes:
    """Return the answer, and what follows `then`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text.encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    if then:
        writer.write(then)
        answer += await reader.readexactly(len(then) + 2)
    writer.close()
    return answer


@pytest.mark.parametrize("origin", ["http://localhost:8080", "https://desk.example.org"])
async def test_a_page_of_the_desk_reaches_the_telephone_and_nothing_else_of_its_request_does(
    gate: tuple[int, Asterisk], origin: str
) -> None:
    port, asterisk = gate
    assert await ask(port, request(origin=origin), b"REGISTER") == asterisk.answer + b"<REGISTER>"
    (asked,) = asterisk.asked
    assert asked.startswith("GET /ws HTTP/1.1\r\nHost: 127.0.0.1:") and "dGhlIHNhbXBsZSBub25jZQ==" in asked
    assert "Cookie" not in asked and "Origin" not in asked


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
    gate = TelephoneGate(GateSettings("127.0.0.1", port, server.sockets[0].getsockname()[1], DESK))
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
