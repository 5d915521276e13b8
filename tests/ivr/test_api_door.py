"""The control API checks the token first, reads no more than it must, and answers every request."""

import asyncio
import json
import os
import socket
from collections.abc import Iterator, MutableMapping
from contextlib import closing
from typing import Any
from urllib.parse import quote

import pytest
import structlog
import uvicorn
from line import Line

from ivr.api.door import LONGEST, Door, Patient
from ivr.home import credentials

TOKEN = "the-token-of-this-test"
ACTOR = "Hatif-Actor: tests\r\n"
MALFORMED = (
    b'{"force": 1e999999}',
    b'{"force": NaN}',
    b'{"force": "\\ud800"}',
    b'{"force": "auto", "why": "\\udfff\\ud800"}',
    b"[" * 600 + b"]" * 600,
    b"[" * 20_000,
    b'{"a":' * 300 + b"1" + b"}" * 300,
    b'\xff\xfe{"force"}',
    b"\x00",
    b"{",
    b"'auto'",
)


def raw(line: Line, request: bytes, seconds: float = 5) -> tuple[int, Any]:
    """Return the status and the document that the control API answers to these bytes; our side stays open."""
    with closing(socket.create_connection(("127.0.0.1", 8070 + line.offset), timeout=seconds)) as connection:
        connection.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer or len(answer.partition(b"\r\n\r\n")[2]) < length(answer):
            if not (part := connection.recv(65_536)):
                break
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def length(answer: bytes) -> int:
    head = answer.lower().partition(b"\r\n\r\n")[0]
    return int(head.partition(b"content-length:")[2].split()[0])


def request(method: str, path: str, token: str | None, body: bytes = b"", *, headers: str = "") -> bytes:
    host = "" if "host:" in headers.lower() else "Host: 127.0.0.1\r\n"
    allowed = f"Authorization: Bearer {token}\r\n" if token is not None else ""
    size = (
        "" if "-length:" in headers.lower() or "-encoding:" in headers.lower() else f"Content-Length: {len(body)}\r\n"
    )
    text = f"{method} {path} HTTP/1.1\r\n{host}{allowed}{size}Content-Type: application/json\r\n{headers}\r\n"
    return text.encode() + body


@pytest.fixture
def token(line: Line) -> str:
    return credentials.load(line.home, ()).control_token


def test_without_the_token_nothing_is_read_and_nothing_is_disclosed(line: Line, token: str) -> None:
    huge = "Content-Length: 200000000\r\n"
    for given in (None, "", "wrong", token[:-1], f"{token}x"):
        # Not a byte of the 200 MB is sent, and the answer comes.
        assert raw(line, request("POST", "/v1/hours", given, headers=huge))[0] == 401
        for path in ("/v1/openapi.json", "/openapi.json", "/docs", "/redoc", "/v1/status", "/v1/events", "/nothing"):
            assert raw(line, request("GET", path, given))[0] == 401, path
    assert raw(line, f"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nAuthorization: {token}\r\n\r\n".encode())[0] == 401
    assert raw(line, request("GET", "/v1/openapi.json", token))[0] == 200
    for path in ("/openapi.json", "/docs", "/redoc", "/status"):
        assert raw(line, request("GET", path, token))[0] == 404


def test_a_request_under_another_host_name_is_refused(line: Line, token: str) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "evil.example:8070", ""):
        assert raw(line, request("GET", "/v1/status", token, headers=f"Host: {host}\r\n"))[0] == 421
    for host in ("localhost", f"127.0.0.1:{8070 + line.offset}", "LOCALHOST:80"):
        assert raw(line, request("GET", "/v1/status", token, headers=f"Host: {host}\r\n"))[0] == 200


def test_a_body_that_is_too_long_is_not_read_to_its_end(line: Line, token: str) -> None:
    for announced in (LONGEST + 1, 200_000_000):
        asked = request("POST", "/v1/hours", token, headers=f"Content-Length: {announced}\r\n")
        assert raw(line, asked)[0] == 413
    chunk = f"{LONGEST + 1:x}\r\n".encode() + b" " * (LONGEST + 1)
    asked = request("POST", "/v1/hours", token, headers="Transfer-Encoding: chunked\r\n") + chunk
    status, problem = raw(line, asked)
    assert (status, problem["detail"]) == (413, f"A request body may have at most {LONGEST} bytes.")


def test_a_body_that_is_not_json_is_the_senders_mistake(line: Line, token: str) -> None:
    seen = len(line.logged())
    for body in MALFORMED:
        status, problem = raw(line, request("POST", "/v1/hours", token, body))
        assert status == 400, body[:40]
        assert "not JSON that can be used" in problem["detail"]
    assert "Traceback" not in line.logged(seen)


def test_a_body_of_another_kind_is_refused(line: Line, token: str) -> None:
    """And an answer is a file, which no browser shows as a page."""
    body = b'{"force": "auto"}'
    for kind in ("text/plain", "application/xml", "application/jsonp", ""):
        asked = request("POST", "/v1/hours", token, body, headers=ACTOR).replace(b"application/json", kind.encode())
        assert raw(line, asked)[0] == 415, kind
    asked = request("POST", "/v1/hours", token, body, headers=ACTOR)
    assert raw(line, asked.replace(b"application/json", b"Application/JSON; charset=utf-8"))[0] == 200
    with closing(socket.create_connection(("127.0.0.1", 8070 + line.offset), timeout=5)) as connection:
        connection.sendall(request("GET", "/v1/queue", token, headers="Connection: close\r\n"))
        head = b"".join(iter(lambda: connection.recv(65_536), b"")).partition(b"\r\n\r\n")[0].lower()
    assert b'content-disposition: attachment; filename="api.json"' in head


async def test_what_is_refused_is_in_the_log_without_what_was_sent() -> None:
    async def application(_: object, __: object, send: Any) -> None:
        await send({"type": "http.response.start", "status": 405, "headers": []})

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(_: MutableMapping[str, Any]) -> None: ...

    host, actor = (b"host", b"127.0.0.1"), (b"hatif-actor", b"mina")
    with structlog.testing.capture_logs() as logged:
        for given in (b"Bearer a-guess", f"Bearer {TOKEN}".encode()):
            scope = {"type": "http", "method": "DELETE", "path": "/v1/hours"}
            await Door(application, TOKEN)(
                {**scope, "headers": [host, actor, (b"authorization", given)]}, receive, send
            )
    assert [(entry["event"], entry["status"], entry["path"], entry["by"]) for entry in logged] == [
        ("a request was refused", 401, "/v1/hours", "mina"),
        ("a request was refused", 405, "/v1/hours", "mina"),
    ]
    assert "a-guess" not in str(logged) and TOKEN not in str(logged)


EVERY = 1 if os.environ.get("HATIF_TEST_LONG") else 3
NASTY: tuple[Any, ...] = (
    "", "\0", "a\r\nAction: Originate", "\u202e", "١٢٣", "x" * 5000, "9" * 400, "-1", "1e999", "0001-01-01",
    "9999-12-31T23:59:59+14:00", "../../etc/passwd", "${SHELL(id)}", "\U0001f600", 0, -1, 2**31, 2**63, 10**30, 1.5,
    True, None, [], {}, [[[[]]]],
)  # fmt: skip


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, list[dict[str, Any]], dict[str, Any]]]:
    """Yield method, path, parameters and the properties of the body, for every operation."""
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            for part in (body, *body.get("anyOf", ())):
                if "$ref" in part:
                    body = schema["components"]["schemas"][part["$ref"].rpartition("/")[2]]
            yield method.upper(), path, operation.get("parameters", []), body.get("properties", {})


def test_no_value_of_any_field_makes_the_api_fail(line: Line, token: str) -> None:
    """Send nasty values in all fields of each operation at once, and every fourth of them in each field alone: which
    these are differs from field to field. The usual run sends an operation every third value, and begins with another
    one for the next operation."""
    schema = raw(line, request("GET", "/v1/openapi.json", token))[1]
    seen, asked = len(line.logged()), 0
    for index, (method, path, parameters, properties) in enumerate(operations(schema)):
        if path in ("/v1/flow/reload", "/v1/events"):
            continue  # one takes no input, the other does not end
        for number, nasty in list(enumerate(NASTY))[index % EVERY :: EVERY]:
            text = quote(nasty if isinstance(nasty, str) else json.dumps(nasty), safe="")[:6000]
            where = path
            for row in parameters:
                where = where.replace("{" + row["name"] + "}", text or "%00")
            query = "&".join(f"{row['name']}={text}" for row in parameters if row["in"] == "query")
            alone = [{name: nasty} for place, name in enumerate(properties) if (place + number) % 4 == 0]
            bodies = [dict.fromkeys(properties, nasty), *alone] if properties else [None]
            for body in bodies:
                content = b"" if body is None else json.dumps(body).encode()
                status, answer = raw(line, request(method, f"{where}?{query}", token, content, headers=ACTOR))
                asked += 1
                assert status != 500, (method, where, query[:100], body, answer)
    assert asked > 300
    assert "Traceback" not in line.logged(seen)


async def test_the_server_gives_up_a_body_that_does_not_arrive() -> None:
    async def never(*_: object) -> None:
        raise AssertionError("the application must not see this request")

    async def receive() -> MutableMapping[str, Any]:
        await asyncio.sleep(60)
        return {"type": "http.request", "body": b"", "more_body": True}

    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    headers = [(b"host", b"127.0.0.1"), (b"authorization", f"Bearer {TOKEN}".encode())]
    scope = {"type": "http", "method": "PUT", "path": "/v1/hours", "headers": headers}
    await Door(never, TOKEN, patience_s=0.05)(scope, receive, send)
    assert sent[0]["status"] == 408  # without a limit, this would go on for ever


async def test_a_connection_that_sends_nothing_is_closed() -> None:
    class Hasty(Patient):
        patience_s = 0.1

    async def application(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("no request is ever complete")

    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application, http=Hasty, log_config=None, lifespan="off", ws="none"))
    serving = asyncio.create_task(server._serve(sockets=[listening]))  # without its signal handlers
    try:
        for began in (b"", b"GET /v1/status HTTP/1.1\r\nHost: "):
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            writer.write(began)
            async with asyncio.timeout(20):
                assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()
    finally:
        server.should_exit = True
        await serving
