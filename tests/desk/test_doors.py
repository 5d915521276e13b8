"""The desk's door: what it refuses, says in its log, and tells browsers with each answer."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import structlog
from desk_server import TestDesk, serving, settings_for
from fastapi.routing import APIRoute

from db.enums import AccountRole
from desk.app import ROUTERS, create_app
from desk.page import door
from desk.page.traffic import Traffic

pytest_plugins = ["db_fixtures"]


@pytest_asyncio.fixture
async def desk(sqlite_url: str) -> AsyncIterator[TestDesk]:
    async with serving(sqlite_url) as found:
        await found.operator("1002")
        yield found


async def test_requests_of_one_ipv6_network_are_those_of_one_address_also_behind_a_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The proxy's connections are all from this machine; uvicorn says whose request it is."""
    monkeypatch.setattr(door, "OF_AN_ADDRESS", 3)
    entered, held = 0, asyncio.Event()

    async def application(_: Any, __: Any, send: Any) -> None:
        nonlocal entered
        entered += 1
        await held.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    asked = door.Door(application, 8089, None, False, Traffic(), lambda _: pytest.fail("nothing fails"))

    async def ask(address: str) -> int:
        answers: list[Any] = []

        async def send(message: Any) -> None:
            answers.append(message)

        scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "client": (address, 1)}
        await asked(scope, receive, send)
        status: int = answers[0]["status"]
        return status

    waiting = [asyncio.create_task(ask(f"2001:db8:1:2::{number}")) for number in range(3)]
    async with asyncio.timeout(5):
        while entered < 3:  # noqa: ASYNC110 - the door has no event for it
            await asyncio.sleep(0)
        assert await ask("2001:db8:1:2:ffff::1") == 503
    others = [asyncio.create_task(ask(address)) for address in ("2001:db8:1:3::1", "192.0.2.1", "127.0.0.1")]
    held.set()
    assert await asyncio.gather(*waiting, *others) == [200] * 6
    assert await ask("2001:db8:1:2:ffff::1") == 200


async def test_each_answer_tells_browsers_to_be_strict_what_it_is_and_not_who_made_it(desk: TestDesk) -> None:
    browser = await desk.signed_in("1002")
    for path, status, kind in (
        ("/account", 200, "text/html; charset=utf-8"),
        ("/nothing", 404, "text/html; charset=utf-8"),
        ("/static/desk.css", 200, "text/css; charset=utf-8"),
        ("/static/icons.svg", 200, "image/svg+xml; charset=utf-8"),
    ):
        answer = await browser.get(path)
        assert (answer.status, answer.headers.get("Content-Type")) == (status, kind), path
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert "camera=(), geolocation=()" in answer.headers["Permissions-Policy"]
        assert "Server" not in answer.headers and "X-Powered-By" not in answer.headers
        assert "Strict-Transport-Security" not in answer.headers, "this desk has no TLS"


async def test_no_answer_is_kept_by_browsers_or_by_anything_on_the_way(desk: TestDesk) -> None:
    """But the files of pages, which have nothing of anybody."""
    await desk.account("root", AccountRole.ADMINISTRATOR)
    asked = 0
    for browser in (await desk.signed_in("1002"), await desk.signed_in("root"), desk.browser()):
        for route in (route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)):
            if "/live" not in route.path:
                method = "GET" if "GET" in (route.methods or ()) else "POST"
                answer = await browser.ask(method, route.path.replace("{", "").replace("}", ""))
                assert "no-store" in answer.headers.get("Cache-Control", ""), (method, route.path, answer.status)
                asked += 1
    assert asked > 300


async def test_with_tls_browsers_are_told_to_come_back_with_it(tmp_path: Path) -> None:
    settings = settings_for("sqlite:///x", 8080)
    app = create_app(replace(settings, certificate=tmp_path / "c", key=tmp_path / "k"))
    answers: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        answers.append(message)

    await app({"type": "http", "method": "POST", "path": "/", "headers": [(b"host", b"x")]}, receive, send)
    assert dict(answers[0]["headers"])[b"strict-transport-security"] == b"max-age=31536000"


async def test_a_body_of_another_kind_is_refused_and_an_answer_in_json_is_no_page(desk: TestDesk) -> None:
    browser = await desk.signed_in("1002")
    own = {"Origin": browser.url, "X-CSRF-Token": browser.csrf}
    for kind in ("text/plain", "application/xml", "", "application/json-seq"):
        answer = await browser.ask("POST", "/preferences", {"theme": "dark"}, {**own, "Content-Type": kind})
        assert answer.status == 415, kind
    assert (await browser.post("/preferences", {"language": "en", "theme": "dark", "next": "/"})).status == 303
    answer = await browser.get("/session")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Content-Disposition"].startswith("attachment")


async def test_of_a_name_that_is_given_twice_the_last_counts(desk: TestDesk) -> None:
    """As in every part of the desk: none of them sees the first one."""
    page = (await desk.browser().get("/sign-in?next=/account&next=//elsewhere.example")).text
    assert 'name="next" value=""' in page and "elsewhere" not in page
    page = (await desk.browser().get("/sign-in?next=//elsewhere.example&next=/account")).text
    assert 'name="next" value="/account"' in page and "elsewhere" not in page


async def test_a_refused_request_is_in_the_log_with_who_asked_for_what_and_without_the_token_of_a_link(
    desk: TestDesk,
) -> None:
    browser = await desk.signed_in("1002")
    with structlog.testing.capture_logs() as logged:
        assert (await browser.get("/people")).status == 403
        assert (await browser.ask("PUT", "/account")).status == 403, "another origin"
        assert (await browser.ask("PUT", "/account", headers={"Origin": browser.url})).status == 405
        assert (await browser.ask("POST", "/sign-out", {"csrf": "no"}, {"Origin": browser.url})).status == 403
        assert (await browser.post("/preferences", {"language": "x" * 1000})).status == 422
        assert (await desk.browser().get("/link/a-secret-of-a-link")).status == 410
        assert (await desk.browser().get("/nothing/a-secret-of-a-link")).status == 404
    found = [entry for entry in logged if entry["event"] == "a request was refused"]
    assert [(entry["status"], entry["method"], entry["route"], entry["account"]) for entry in found] == [
        (403, "GET", "/people", "1002"),
        (403, "PUT", None, None),
        (405, "PUT", "/account", None),
        (403, "POST", "/sign-out", "1002"),
        (422, "POST", "/preferences", "1002"),
        (410, "GET", "/link/{token}", None),
        (404, "GET", None, None),
    ]
    assert {entry["source"] for entry in found} == {"127.0.0.1"}
    assert "a-secret" not in str(logged)
