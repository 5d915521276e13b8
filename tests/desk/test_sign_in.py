"""Signing in at the desk: links, passwords, sessions, and what other sites and guessers cannot do."""

import asyncio
import contextlib
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from desk_server import PASSWORD, Browser, TestDesk, serving, settings_for
from fastapi import Request, Response
from zxcvbn.matching import RANKED_DICTIONARIES

from db.engine import open_engine
from db.enums import AccountRole
from desk import server
from desk.app import create_app
from desk.page.door import OF_AN_ADDRESS
from desk.page.pages import Pages
from desk.page.traffic import Traffic
from desk.people import accounts, links, passwords, sessions, source_limit
from desk.people.accounts import AccountError, Followed, Person
from desk.people.routes import local
from desk.people.signed_in import cookie_name
from desk.people.slow_down import FREE_FAILURES

pytest_plugins = ["db_fixtures"]


@pytest_asyncio.fixture
async def desk(sqlite_url: str) -> AsyncIterator[TestDesk]:
    async with serving(sqlite_url) as found:
        yield found


async def is_signed_in(browser: Browser) -> bool:
    return (await browser.get("/account")).status == 200


async def sign_in(browser: Browser, account: str, password: str) -> int:
    return (await browser.post("/sign-in", {"account": account, "password": password})).status


async def test_a_link_signs_in_once(desk: TestDesk) -> None:
    await desk.operator()
    link = await desk.link("1002")
    browser, other = desk.browser(), desk.browser()
    page = await browser.get(link)
    assert page.status == 200 and "Safae Saffron" in page.text
    assert not await is_signed_in(browser), "opening a link must not use it: mail programs do"
    answer = await browser.post(link)
    assert (answer.status, answer.leads_to) == (303, "/account?first=1")
    assert await is_signed_in(browser)
    assert (await other.post(link)).status == 410 and not await is_signed_in(other)
    assert (await other.get(link)).status == 410


async def test_a_link_ends_after_15_minutes_and_when_a_newer_one_is_made(desk: TestDesk) -> None:
    await desk.operator()
    former, latter = await desk.link("1002"), await desk.link("1002")
    assert (await desk.browser().get(former)).status == 410
    desk.moved = links.VALID - timedelta(seconds=1)
    assert (await desk.browser().get(latter)).status == 200
    desk.moved = links.VALID + timedelta(seconds=1)
    assert (await desk.browser().post(latter)).status == 410


async def test_a_password_is_chosen_and_signs_in(desk: TestDesk) -> None:
    await desk.operator()
    await desk.with_password("1002")
    browser = desk.browser()
    assert await sign_in(browser, "1002", "something else") == 422
    assert await sign_in(browser, "nobody", PASSWORD) == 422
    answer = await browser.post("/sign-in", {"account": " 1002 ", "password": PASSWORD})
    assert (answer.status, answer.leads_to) == (303, "/shift")
    cookie = answer.headers["Set-Cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "path=/" in cookie
    assert await is_signed_in(browser)


async def test_an_account_without_a_password_is_not_opened_by_any(desk: TestDesk) -> None:
    await desk.operator()
    for password in ("", "None", "nobody's password"):
        assert await sign_in(desk.browser(), "1002", password) == 422


async def test_a_link_that_two_browsers_use_at_once_signs_one_in(url: str) -> None:
    now = datetime.now(UTC)
    async with open_engine(url) as engine:
        await accounts.ensure_operator(engine, "1002", "Safae Saffron", False, now)
        token = await links.make_link(engine, "1002", now)
        used = await asyncio.gather(*(links.use_link(engine, token, now) for _ in range(5)))
        assert sum(person is not None for person in used) == 1


async def test_many_failures_from_one_address_end_there(desk: TestDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_matches", lambda *_: False)  # the hashes would take seconds of a core
    browser = desk.browser()
    for number in range(source_limit.FREE):
        assert await sign_in(browser, f"account{number}", "guess") == 422
    assert await sign_in(browser, "1002", "guess") == 429
    assert (await browser.post("/link/guess")).status == 429
    desk.moved = source_limit.WITHIN + timedelta(seconds=1)
    assert await sign_in(browser, "1002", "guess") == 422


@pytest.mark.parametrize(
    ("origin", "status"), [("http://evil.example", 403), ("null", 403), ("http://[", 403), (None, 403), ("own", 303)]
)
async def test_only_a_page_of_the_desk_may_change_anything(desk: TestDesk, origin: str | None, status: int) -> None:
    await desk.operator()
    browser = await desk.signed_in("1002")
    headers = {} if origin is None else {"Origin": browser.url if origin == "own" else origin}
    answer = await browser.ask("POST", "/sign-out", {"csrf": browser.csrf}, headers)
    assert answer.status == status
    assert await is_signed_in(browser) == (status == 403)


@pytest.mark.parametrize("token", ["", "0" * 64, "é"])
async def test_a_change_needs_the_token_of_the_persons_own_page(desk: TestDesk, token: str) -> None:
    await desk.operator()
    browser = await desk.signed_in("1002")
    assert (await browser.post("/sign-out", {"csrf": token})).status == 403
    assert (
        await browser.post("/sign-out", headers={"X-CSRF-Token": token.encode("ascii", "replace").decode()})
    ).status == 403
    assert await is_signed_in(browser)


async def test_a_session_ends_when_it_is_not_used_and_after_a_day_however_it_is_used(desk: TestDesk) -> None:
    await desk.account("1002", AccountRole.ADMINISTRATOR)  # who has no shift
    browser = await desk.signed_in("1002")
    for _ in range(2):
        desk.moved += sessions.IDLE - timedelta(minutes=5)
        assert await is_signed_in(browser)
    desk.moved = sessions.LONGEST + timedelta(minutes=1)
    assert not await is_signed_in(browser)
    idle = await desk.signed_in("1002")
    desk.moved += sessions.IDLE + timedelta(minutes=2)
    assert (await idle.get("/account")).leads_to == "/sign-in?next=/account"


@pytest.mark.parametrize("address", [None, "https://desk.example.org"])
def test_two_desks_on_one_machine_do_not_sign_each_other_out(address: str | None) -> None:
    one, other = (replace(settings_for("sqlite:///x", port), address=address) for port in (8080, 9080))
    assert cookie_name(one) != cookie_name(other)


async def test_signing_out_ends_this_browsers_session_only(desk: TestDesk) -> None:
    await desk.operator()
    one, other = await desk.signed_in("1002"), await desk.signed_in("1002")
    assert (await one.post("/sign-out")).leads_to == "/sign-in"
    assert not await is_signed_in(one) and await is_signed_in(other)


async def test_a_changed_password_signs_out_the_persons_other_browsers(desk: TestDesk) -> None:
    await desk.operator()
    other, browser = await desk.with_password("1002"), await desk.signed_in("1002")
    new = "other words entirely"
    wrong = await browser.post("/account/password", {"current": "no", "password": new, "again": new})
    assert wrong.status == 422 and 'id="current-note"' in wrong.text
    for _ in range(FREE_FAILURES + 1):  # the present one was right, so that nothing is locked
        short = await browser.post("/account/password", {"current": PASSWORD, "password": "x", "again": "x"})
        assert short.status == 422 and 'id="current-note"' not in short.text
    right = await browser.post("/account/password", {"current": PASSWORD, "password": new, "again": new})
    assert right.status == 303
    assert await is_signed_in(browser) and not await is_signed_in(other)


@pytest.mark.parametrize(
    ("password", "again", "field"),
    [
        ("short", "short", "password"),
        ("wet blue fog", "wet blue fog ", "again"),
        ("wet blue fo", "wet blue fo", "password"),
        ("Password2024!", "Password2024!", "password"),
        ("motdepasse123", "motdepasse123", "password"),
        ("1qaz2wsx3edc", "1qaz2wsx3edc", "password"),
        ("x" * 201, "x" * 201, "password"),
        ("aaaaaaaaaaab", "aaaaaaaaaaab", "password"),
        ("I am 1002, open up", "I am 1002, open up", "password"),
        ("saffron is yellow", "saffron is yellow", "password"),
        (PASSWORD, PASSWORD + " ", "again"),
    ],
)
async def test_a_password_that_is_not_accepted_says_why_at_its_field(
    desk: TestDesk, password: str, again: str, field: str
) -> None:
    await desk.operator()
    browser = await desk.signed_in("1002")
    answer = await browser.post("/account/password", {"password": password, "again": again})
    assert answer.status == 422
    assert re.findall(r'id="(\w+)" name="\w+" type="password" value=""[^>]*aria-invalid', answer.text) == [field]
    assert password not in answer.text, "a password is never sent back"


async def test_no_password_of_the_packaged_list_is_accepted() -> None:
    common = [password for password in RANKED_DICTIONARIES["passwords"] if len(password) >= passwords.SHORTEST]
    checker = passwords.Passwords()
    assert [word for word in common if await checker.refusal(word, "1002", "Safae Saffron") is None] == []
    assert len(common) > 100


async def test_the_longest_password_is_judged_as_well(desk: TestDesk) -> None:
    await desk.operator()
    browser, long = await desk.signed_in("1002"), (PASSWORD * 10)[: passwords.LONGEST]
    assert (await browser.post("/account/password", {"password": long, "again": long})).status == 303
    assert await sign_in(desk.browser(), "1002", long) == 303


async def test_a_password_that_was_chosen_under_earlier_rules_still_signs_in(desk: TestDesk) -> None:
    await desk.operator()
    password_hash = await passwords.Passwords().hash("password1")
    await accounts.set_password(desk.engine, "1002", password_hash, "no session", desk.desk.now())
    assert await sign_in(desk.browser(), "1002", "password1") == 303


async def test_a_disabled_account_is_out_at_once_and_stays_out(desk: TestDesk) -> None:
    await desk.operator()
    browser, link = await desk.with_password("1002"), await desk.link("1002")
    await accounts.set_disabled(desk.engine, "1002", True, desk.desk.now())
    desk.moved = timedelta(seconds=sessions.KNOWN_S + 1)
    assert not await is_signed_in(browser)
    assert (await desk.browser().post(link)).status == 410
    assert await sign_in(desk.browser(), "1002", PASSWORD) == 422
    with pytest.raises(AccountError, match="disabled"):
        await desk.operator()


async def test_who_has_signed_in_stays_so_while_the_database_is_away(desk: TestDesk, tmp_path: Path) -> None:
    await desk.operator()
    browser = await desk.signed_in("1002")
    assert await is_signed_in(browser)
    shutil.move(tmp_path / "hatif.db", tmp_path / "elsewhere.db")
    desk.moved = timedelta(hours=1)
    assert await is_signed_in(browser)
    refused = await desk.browser().post("/sign-in", {"account": "1002", "password": PASSWORD})
    assert refused.status == 503
    shutil.move(tmp_path / "elsewhere.db", tmp_path / "hatif.db")


async def test_an_operator_who_is_no_longer_in_the_list_is_out_at_once_and_back_with_it(desk: TestDesk) -> None:
    """Also a browser that is on a page, a password that is known, and a link that was made before."""
    await desk.operator("1001")
    await desk.operator("1002")
    await desk.with_password("1002")
    signed_in, link = await desk.signed_in("1002"), await desk.link("1002")
    followed = await accounts.follow_operators(desk.engine, {"1001": False}, desk.desk.now())
    assert followed == Followed(gone=("1002",))
    desk.moved = timedelta(seconds=sessions.KNOWN_S)
    assert not await is_signed_in(signed_in)
    assert await sign_in(desk.browser(), "1002", PASSWORD) == 422
    assert (await desk.browser().get(link)).status == 410
    assert await accounts.follow_operators(desk.engine, {"1001": False}, desk.desk.now()) == Followed()
    assert await accounts.follow_operators(desk.engine, {"1001": False, "1002": False}, desk.desk.now()) == Followed(
        changed=("1002",)
    )
    assert await sign_in(desk.browser(), "1002", PASSWORD) == 303


async def test_a_demoted_supervisor_is_signed_out_and_others_than_operators_are_left_alone(desk: TestDesk) -> None:
    await accounts.ensure_operator(desk.engine, "1901", "Salma Sage", True, desk.desk.now())
    await accounts.ensure_operator(desk.engine, "1902", "Rim Rose", True, desk.desk.now())
    await accounts.add(desk.engine, Person("head", "Head of Office", AccountRole.ADMINISTRATOR), desk.desk.now())
    await accounts.ensure_visitor(desk.engine, desk.desk.now())
    browsers = {account: await desk.signed_in(account) for account in ("1901", "1902", "head", "visitor")}
    followed = await accounts.follow_operators(desk.engine, {"1901": False, "1902": True}, desk.desk.now())
    assert followed == Followed(changed=("1901",))
    desk.moved = timedelta(seconds=sessions.KNOWN_S)
    for account, browser in browsers.items():
        assert ((await browser.get("/account")).status == 200) == (account != "1901"), account
    demoted = await desk.signed_in("1901")
    assert (await demoted.get("/reports")).status == 403


async def test_an_administrator_who_was_an_operator_takes_no_calls_any_more(desk: TestDesk) -> None:
    await accounts.add(desk.engine, Person("1003", "Idris Iris", AccountRole.ADMINISTRATOR, "1003"), desk.desk.now())
    assert await accounts.follow_operators(desk.engine, {}, desk.desk.now()) == Followed()
    person = await accounts.find(desk.engine, "1003")
    assert person is not None
    assert (person.role, person.operator, person.may_sign_in) == (AccountRole.ADMINISTRATOR, None, True)


async def test_an_operators_account_follows_the_list_of_operators(desk: TestDesk) -> None:
    assert (await desk.operator()).role is AccountRole.OPERATOR
    assert (await desk.operator(supervisor=True)).role is AccountRole.SUPERVISOR
    assert (await desk.operator()).role is AccountRole.OPERATOR
    assert [person.operator for person in await accounts.list_people(desk.engine)] == ["1002"]


@pytest.mark.parametrize("account", ["", "Upper", "with space", "-x", "x" * 41, "é", "a/b"])
async def test_an_account_needs_an_id_that_can_be_typed_and_audited(desk: TestDesk, account: str) -> None:
    with pytest.raises(AccountError, match="cannot be the id"):
        await accounts.add(desk.engine, Person(account, "Name", AccountRole.ADMINISTRATOR), desk.desk.now())


async def test_an_account_is_not_made_twice(desk: TestDesk) -> None:
    await desk.account("admin", AccountRole.ADMINISTRATOR)
    with pytest.raises(AccountError, match="already"):
        await desk.account("admin", AccountRole.OPERATOR)


@pytest.mark.parametrize(
    "path", ["//evil.example", "/\\evil.example", "https://evil.example", "evil", "/a\nb", "\\\\x"]
)
def test_nobody_is_led_to_another_site(path: str) -> None:
    assert local(path) == ""


def test_a_path_of_the_desk_is_led_to() -> None:
    assert local("/shift?case=1") == "/shift?case=1"


async def test_the_page_that_was_asked_for_comes_after_the_sign_in(desk: TestDesk) -> None:
    await desk.operator()
    await desk.with_password("1002")
    browser = desk.browser()
    asked = await browser.get("/account")
    assert asked.leads_to == "/sign-in?next=/account"
    assert 'name="next" value="/account"' in (await browser.get(asked.leads_to)).text
    answer = await browser.post("/sign-in", {"account": "1002", "password": PASSWORD, "next": "/account"})
    assert answer.leads_to == "/account"


async def test_pages_and_tokens_are_not_kept_by_anything_on_the_way(desk: TestDesk) -> None:
    await desk.operator()
    for path in ("/sign-in", await desk.link("1002")):
        assert (await desk.browser().get(path)).headers["Cache-Control"] == "no-store"


async def test_browsers_are_told_to_run_the_desks_own_scripts_only(desk: TestDesk) -> None:
    for path in ("/sign-in", "/static/desk.css", "/nothing"):
        policy = (await desk.browser().get(path)).headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "script-src 'self';" in policy and "frame-ancestors 'none'" in policy
    page = (await desk.browser().get("/sign-in")).text
    assert not re.search(r"<script(?![^>]*\bsrc=)|\bon\w+=|style=|<style", page), "nothing inline"


@pytest.mark.parametrize("host", ["x; script-src *", "a b", "http://evil.example", "x\tscript-src *"])
async def test_the_hosts_name_cannot_change_the_policy(desk: TestDesk, host: str) -> None:
    answer = await desk.browser().get("/sign-in", Host=host)
    assert "script-src *" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Content-Security-Policy"].count("script-src") == 1


@pytest.mark.parametrize(
    ("address", "certificate", "host", "telephone"),
    [
        (None, None, "localhost:8080", "ws://localhost:8089"),
        (None, None, "[::1]:8080", "ws://[::1]:8089"),
        (None, None, "a b", "ws://localhost:8089"),
        (None, Path("desk.pem"), "desk.example.org:8080", "wss://desk.example.org:8089"),
        ("https://desk.example.org", None, "evil.example", "wss://desk.example.org/ws"),
    ],
)
async def test_a_page_may_connect_to_the_desk_and_the_telephones_address_only(
    address: str | None, certificate: Path | None, host: str, telephone: str
) -> None:
    app = create_app(replace(settings_for("sqlite:///x", 8080), address=address, certificate=certificate))
    answers: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        answers.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"host", host.encode())]}
    await app(scope, receive, send)  # refused, since no page asks
    policy = dict(answers[0]["headers"])[b"content-security-policy"].decode()
    assert f"connect-src 'self' {telephone};" in policy


@pytest.mark.parametrize("page_fails", [False, True])
async def test_an_unexpected_failure_is_answered_behind_the_same_door_as_everything_else(
    page_fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if what failed is what every page is made with."""
    traffic = Traffic()
    app = create_app(settings_for("sqlite:///x", 8080), traffic)
    answers: list[Any] = []

    async def fail(_: Request) -> Response:
        raise LookupError("a fault of the desk's own")

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        answers.append(message)

    if page_fails:
        monkeypatch.setattr(Pages, "respond", lambda *_, **__: 1 / 0)
    app.add_route("/fails", fail)
    scope = {"type": "http", "method": "GET", "path": "/fails", "query_string": b"", "headers": [(b"host", b"x:1")]}
    with pytest.raises(LookupError):  # for the log
        await app(scope, receive, send)
    begin, page = answers
    assert begin["status"] == 500
    assert (b"<html" in page["body"]) != page_fails
    headers = dict(begin["headers"])
    assert b"default-src 'none'" in headers[b"content-security-policy"]
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert traffic.counts()["answers_5xx"] == 1


async def test_a_body_that_is_too_long_is_refused(desk: TestDesk) -> None:
    answer = await desk.browser().post("/sign-in", {"account": "x" * 70_000})
    assert answer.status == 413


async def test_a_peer_that_sends_no_request_is_cut(desk: TestDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_S", 0.1)
    for sent in (b"", b"GET /sign-in HTTP/1.1\r\nHost: x"):
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(desk.url).port)
        writer.write(sent)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()


async def test_an_address_that_holds_connections_gets_no_more_and_others_are_served(desk: TestDesk) -> None:
    opened, cut = [], 0
    for _ in range(OF_AN_ADDRESS + 50):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", urlsplit(desk.url).port, local_addr=("127.0.0.66", 0)
        )
        opened.append((reader, writer))
    for reader, _ in opened[OF_AN_ADDRESS:]:
        async with asyncio.timeout(5):
            try:
                cut += await reader.read() == b""
            except ConnectionResetError:
                cut += 1
    assert cut == 50
    assert (await desk.browser().get("/sign-in")).status == 200
    for _, writer in opened:
        writer.close()
    async with asyncio.timeout(5):
        while True:  # once they are closed, that address is served again
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", urlsplit(desk.url).port, local_addr=("127.0.0.66", 0)
            )
            writer.write(b"GET /sign-in HTTP/1.1\r\nHost: x\r\n\r\n")
            with contextlib.suppress(OSError):
                if (await reader.read(12)).startswith(b"HTTP/1.1 200"):
                    break
            writer.close()
    writer.close()


def test_sign_ins_of_one_ipv6_customer_count_together() -> None:
    limit, now = source_limit.SourceLimit(), datetime.now(UTC)
    for number in range(source_limit.FREE):
        limit.failed(f"2001:db8:1:2::{number:x}", now)
    assert not limit.may_try("2001:db8:1:2:ffff::1", now)
    assert limit.may_try("2001:db8:1:3::1", now)


async def test_the_language_is_the_persons_then_the_browsers(desk: TestDesk) -> None:
    await desk.operator()
    browser = desk.browser()
    german = await browser.get("/sign-in", **{"Accept-Language": "de-DE, ar;q=0.8, fr;q=0.5"})
    assert '<html lang="ar" dir="rtl"' in german.text
    await browser.post("/preferences", {"language": "en", "theme": "dark", "next": "/sign-in"})
    assert '<html lang="en" dir="ltr" data-theme="dark"' in (await browser.get("/sign-in")).text
    signed_in = await desk.signed_in("1002")
    await signed_in.post("/preferences", {"language": "ar"})
    again = await desk.signed_in("1002")
    assert '<html lang="ar" dir="rtl"' in (await again.get("/account")).text
    assert (await again.post("/preferences", {"language": "xx", "theme": "pink"})).status == 303


async def test_behind_a_proxy_the_telephone_uses_the_proxys_address(desk: TestDesk) -> None:
    await desk.operator()
    browser = await desk.signed_in("1002")
    assert "data-ws-url" not in (await browser.get("/shift")).text
    desk.desk.settings = replace(desk.desk.settings, address="https://desk.example.org/")
    assert desk.desk.settings.telephone_url == "wss://desk.example.org/ws"
    assert desk.desk.settings.is_encrypted and desk.desk.settings.url == "https://desk.example.org"
