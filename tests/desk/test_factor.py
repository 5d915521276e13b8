"""The second factor: codes of an application (TOTP), for which pyotp is the other side."""

import asyncio
import html
import json
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import desk_server
import pyotp
import pytest
import pytest_asyncio
from desk_server import PASSWORD, Answer, Browser, TestDesk, serving
from fastapi.routing import APIRoute
from mail_server import receiving
from playwright.async_api import Browser as RealBrowser
from playwright.async_api import expect
from test_desk_browser import usable
from test_policy import ROUTES, permission_of

from db.audit import audit_entries
from db.engine import open_engine, writing
from db.enums import AccountChange, AccountRole
from db.second_person import let_in_by, tie
from desk.guide.mail import Mailer
from desk.guide.notice_mails import NoticeMailer
from desk.people import accounts, factors, links, notices
from desk.people.accounts import Person
from desk.people.factors import Verdict
from desk.people.slow_down import FIRST_PAUSE_S, FREE_FAILURES
from desk.settings import DeskSettings, MailSettings
from ivr.home import credentials
from ivr.site.desk import Desk as DeskOfSite

pytest_plugins = ["db_fixtures", "browser"]

KAY, MAY, OPERATOR = "kay", "may", "1002"
"""Two administrators, and an operator."""

STEP = timedelta(seconds=30)


@contextmanager
def settings(monkeypatch: pytest.MonkeyPatch, **changed: Any) -> Iterator[None]:
    plain = desk_server.settings_for
    with monkeypatch.context() as patched:
        patched.setattr(desk_server, "settings_for", lambda *given: replace(plain(*given), **changed))
        yield


@pytest_asyncio.fixture
async def desk(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> AsyncIterator[TestDesk]:
    """A desk that other machines may reach; a test's parameter changes its settings."""
    changed = {"listen": "0.0.0.0", **getattr(request, "param", {})}
    with settings(monkeypatch, **changed):
        async with serving(sqlite_url) as found:
            for account in (KAY, MAY):
                await found.account(account, AccountRole.ADMINISTRATOR)
                await accounts.set_language(found.engine, account, "en")
            await found.operator(OPERATOR)
            await accounts.set_language(found.engine, OPERATOR, "en")
            yield found


def code(desk: TestDesk, secret: str) -> str:
    return pyotp.TOTP(secret).at(desk.desk.now())


async def uses_link(desk: TestDesk, account: str, by: str | None = None) -> tuple[Browser, str]:
    """Return a browser that has used a link, of the server or of an administrator, and where it is led to."""
    browser = desk.browser()
    token = await links.make_link(desk.engine, account, desk.desk.now(), by)
    return browser, (await browser.post(f"/link/{token}")).leads_to


async def chooses_password(browser: Browser) -> None:
    await browser.get("/account")
    assert (await browser.post("/account/password", {"password": PASSWORD, "again": PASSWORD})).status == 303


async def sets_up(desk: TestDesk, browser: Browser) -> str:
    """Return the secret of a factor that a person sets up with their application."""
    page = (await browser.get("/sign-in/factor")).text
    secret, nonce = page_secret(page), field(page, "nonce")
    answer = await browser.post("/sign-in/factor/new", {"nonce": nonce, "code": code(desk, secret)})
    assert answer.status == 303, answer.text
    return secret


def page_secret(page: str) -> str:
    found = re.search(r'<code class="copied" dir="ltr">([A-Z2-7]{32})</code>', page)
    assert found is not None, page
    return found[1]


def field(page: str, name: str) -> str:
    found = re.search(f'name="{name}" value="([^"]*)"', page)
    assert found is not None, page
    return html.unescape(found[1])


async def signs_in(desk: TestDesk, account: str, address: str | None = None) -> Browser:
    """Return a browser that has given the password, and was led to the page for the code."""
    browser = desk.browser(address)
    answer = await browser.post("/sign-in", {"account": account, "password": PASSWORD})
    assert answer.status == 303, answer.text
    assert answer.leads_to.startswith("/sign-in/factor?next=/"), answer.leads_to
    await browser.get("/sign-in/factor")
    return browser


async def gives(browser: Browser, given: str) -> Answer:
    return await browser.post("/sign-in/factor", {"code": given})


async def ready(desk: TestDesk, account: str) -> tuple[Browser, str]:
    """Return a person's browser, and the secret of their factor; they have a password, too. Time has gone on since."""
    browser, _ = await uses_link(desk, account)
    secret = await sets_up(desk, browser)
    await chooses_password(browser)
    desk.moved += 2 * STEP
    return browser, secret


async def opens(browser: Browser) -> bool:
    return (await browser.get("/account")).status == 200


async def test_a_person_sets_a_factor_up_and_signs_in_with_password_and_code(desk: TestDesk) -> None:
    browser, to = await uses_link(desk, OPERATOR)
    assert to == "/account?first=1", "an operator is asked for none"
    await chooses_password(browser)
    assert "Set up a second factor" in (await browser.get("/account")).text
    other = desk.browser()
    answer = await other.post("/sign-in", {"account": OPERATOR, "password": PASSWORD})
    assert answer.leads_to == "/shift", "it is offered, not asked for"
    page = (await browser.get("/sign-in/factor")).text
    secret, nonce = page_secret(page), field(page, "nonce")
    assert "<svg" in page and secret not in str(await browser.get("/sign-in/factor")), "another one each time"
    wrong = await browser.post("/sign-in/factor/new", {"nonce": nonce, "code": "000000"})
    assert wrong.status == 422 and page_secret(wrong.text) == secret, "a mistake does not change it"
    assert not await factors.has(desk.engine, OPERATOR)
    done = await browser.post("/sign-in/factor/new", {"nonce": nonce, "code": code(desk, secret)})
    assert (done.status, done.leads_to) == (303, "/account")
    assert "It is set up" in (await browser.get("/account")).text
    assert (await browser.get("/sign-in/factor")).leads_to == "/account", "nobody is shown the secret again"
    assert not await opens(other), "other browsers are signed out"
    first = await signs_in(desk, OPERATOR)
    assert (await gives(first, code(desk, secret))).status == 422, "the code that set it up is used"
    desk.moved += STEP
    given = code(desk, secret)
    in_arabic = f" {given[:3]} {given[3:]} ".translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    answer = await gives(first, in_arabic)
    assert (answer.status, answer.leads_to) == (303, "/shift") and await opens(first)
    assert (await gives(first, given)).leads_to == "/shift", "a second click"


async def test_a_code_is_good_once_and_for_a_clock_that_is_one_step_wrong(desk: TestDesk) -> None:
    _, secret = await ready(desk, OPERATOR)
    one, other = await signs_in(desk, OPERATOR), await signs_in(desk, OPERATOR)
    given = code(desk, secret)
    assert (await gives(one, given)).status == 303
    again = await gives(other, given)
    assert again.status == 422 and "used before" in again.text and not await opens(other)
    desk.moved += 5 * STEP
    totp, now = pyotp.TOTP(secret), desk.desk.now()
    for step in (-2, 2):
        assert (await gives(other, totp.at(now, counter_offset=step))).status == 422
    assert (await gives(other, totp.at(now, counter_offset=1))).status == 303
    last = await signs_in(desk, OPERATOR)
    assert (await gives(last, totp.at(now))).status == 422, "an earlier one than the last that was used"
    assert len(await audit_entries(desk.engine, 9, "account_code_again")) == 2
    desk.moved += 2 * STEP
    assert (await gives(last, code(desk, secret))).status == 303
    told = (await last.get("/account")).text
    assert "A code of your second factor that had been used was given once more" in told


async def test_a_code_that_two_browsers_give_at_once_lets_one_in(url: str) -> None:
    now, key = datetime.now(UTC), "a key"
    async with open_engine(url) as engine:
        await accounts.ensure_operator(engine, OPERATOR, "Safae Saffron", False, now)
        offered = factors.offer(key, OPERATOR, "a session", "A desk: here")
        totp = pyotp.parse_uri(offered.url)
        assert isinstance(totp, pyotp.TOTP) and (totp.secret, totp.name) == (offered.secret, OPERATOR)
        given = totp.at(now)
        for session in ("another", "a session", "a session"):
            found = await factors.set_up(engine, key, OPERATOR, session, offered.nonce, given, now, None)
            assert found is {"another": Verdict.WRONG}.get(session, found)
        assert found is Verdict.AGAIN, "there is one already"
        later = now + 2 * STEP
        tries = (factors.sign_in(engine, key, OPERATOR, "s", totp.at(later), later, "") for _ in range(4))
        assert sorted(await asyncio.gather(*tries)) == [Verdict.AGAIN] * 3 + [Verdict.RIGHT]
        last = later + 2 * STEP
        assert await factors.sign_in(engine, "another key", OPERATOR, "s", totp.at(last), last, "") is Verdict.WRONG


async def test_a_half_signed_in_browser_gets_nothing_but_the_page_for_the_code(desk: TestDesk) -> None:
    """No page, no stream, no ticket of a telephone: it is answered as one that is not signed in."""
    await ready(desk, KAY)
    browser = await signs_in(desk, KAY)

    async def status(route: APIRoute, method: str) -> int:
        path = route.path.replace("{", "").replace("}", "")
        answer = await (browser.post(path) if method == "POST" else browser.ask(method, path))
        return 401 if answer.leads_to.startswith("/sign-in") else answer.status

    for route in ROUTES:
        open_to_half = route.path.startswith("/sign-in/factor") or route.path == "/sign-out"
        if permission_of(route) is None or open_to_half:
            continue
        for method in route.methods or ():
            assert await status(route, method) == 401, f"{method} {route.path}"
    home = await browser.get("/")
    assert home.leads_to == "/sign-in"
    page = (await browser.get("/sign-in/factor")).text
    assert 'href="/people"' not in page and 'class="told"' not in page
    await browser.post("/preferences", {"language": "ar"})
    kay = await accounts.find(desk.engine, KAY)
    assert kay is not None and kay.language == "en"
    assert (await browser.post("/sign-out")).status == 303


async def test_an_administrator_without_a_factor_sets_one_up_before_anything_opens(desk: TestDesk) -> None:
    for by in (None, MAY):
        browser, to = await uses_link(desk, KAY, by)
        assert to == "/sign-in/factor?next=/account%3Ffirst%3D1"
        assert (await browser.get("/people")).leads_to == "/sign-in/factor?next=/people"
        page = (await browser.get("/sign-in/factor")).text
        assert "Administrators need one at this desk." in page
    await sets_up(desk, browser)
    assert (await browser.get("/people")).status == 200


async def test_a_link_of_the_server_lets_in_without_a_code_and_one_of_a_colleague_does_not(desk: TestDesk) -> None:
    _, secret = await ready(desk, KAY)
    by_may, to = await uses_link(desk, KAY, MAY)
    assert to.startswith("/sign-in/factor") and not await opens(by_may)
    by_server, to = await uses_link(desk, KAY)
    assert to == "/people" and await opens(by_server)
    assert 'name="code"' not in (await by_server.get("/account/factor")).text, "it may be lost"
    assert (await by_server.post("/account/factor")).leads_to == "/account"
    assert not await opens(by_server), "an administrator sets up a new one"
    new = await sets_up(desk, by_server)
    assert new != secret and await opens(by_server)


@pytest.mark.parametrize("desk", [{"listen": "127.0.0.1"}, {"listen": "::1"}], indirect=True)
async def test_a_desk_that_only_this_machine_reaches_asks_nobody(desk: TestDesk) -> None:
    browser, to = await uses_link(desk, KAY)
    assert to == "/account?first=1" and await opens(browser)
    secret = await sets_up(desk, browser)
    await chooses_password(browser)
    assert "Only this machine reaches this desk" in (await browser.get("/account")).text
    other = desk.browser()
    answer = await other.post("/sign-in", {"account": KAY, "password": PASSWORD})
    assert answer.leads_to == "/people" and await opens(other)
    assert (await other.post("/account/factor", {"code": "1"})).status == 422
    desk.moved += 2 * STEP
    assert (await other.post("/account/factor", {"code": code(desk, secret)})).status == 303
    assert not await factors.has(desk.engine, KAY)


@pytest.mark.parametrize("desk", [{"administrators_need_factor": False}], indirect=True)
async def test_a_site_may_do_without_for_administrators_but_asks_those_who_have_one(desk: TestDesk) -> None:
    browser, to = await uses_link(desk, KAY)
    assert to == "/account?first=1" and await opens(browser)
    await ready(desk, MAY)
    assert not await opens(await signs_in(desk, MAY))


def test_settings_say_whether_a_desk_asks(tmp_path: Path) -> None:
    plain = DeskSettings("UTC", ("fr",), "", 1, "none")
    assert not plain.asks_factor
    assert replace(plain, listen="192.0.2.10").asks_factor
    assert replace(plain, listen="::").asks_factor
    assert replace(plain, address="https://desk.example.org").asks_factor, "a proxy passes others on"
    assert DeskOfSite().administrators_need_factor


async def test_wrong_codes_are_slowed_down_and_a_new_sign_in_does_not_begin_anew(desk: TestDesk) -> None:
    _, secret = await ready(desk, OPERATOR)
    for _ in range(FREE_FAILURES):
        browser = await signs_in(desk, OPERATOR, "127.0.0.66")
        assert (await gives(browser, "no code")).status == 422
    assert (await gives(browser, code(desk, secret))).status == 429, "even the right one"
    elsewhere = await signs_in(desk, OPERATOR, "127.0.0.10")
    assert (await gives(elsewhere, code(desk, secret))).status == 303, "nobody is shut out elsewhere"
    desk.moved += timedelta(seconds=FIRST_PAUSE_S + 1)
    assert (await gives(browser, code(desk, secret))).status == 303
    refused = await audit_entries(desk.engine, 99, "account_refused")
    assert len(refused) == FREE_FAILURES + 1
    assert {(row.about, row.data["way"]) for row in refused} == {(f"account:{OPERATOR}", "code")}


async def test_a_code_that_could_not_be_checked_is_neither_wrong_nor_used(desk: TestDesk, tmp_path: Path) -> None:
    _, secret = await ready(desk, OPERATOR)
    browser = await signs_in(desk, OPERATOR)
    shutil.move(tmp_path / "hatif.db", tmp_path / "elsewhere.db")
    for _ in range(FREE_FAILURES + 1):
        assert (await gives(browser, code(desk, secret))).status == 503
    shutil.move(tmp_path / "elsewhere.db", tmp_path / "hatif.db")
    assert (await gives(browser, code(desk, secret))).status == 303


async def test_a_second_administrator_removes_a_lost_factor_which_ties_and_tells(desk: TestDesk) -> None:
    may, _ = await ready(desk, MAY)
    kay, _ = await ready(desk, KAY)
    page = (await may.get("/people")).text
    assert "/people/kay/remove-factor" in page and "/people/may/remove-factor" not in page
    assert (await may.post(f"/people/{MAY}/remove-factor")).status == 409, "one's own needs a code"
    assert (await may.post("/people/nobody/remove-factor")).status == 404
    assert (await may.post(f"/people/{KAY}/remove-factor")).leads_to == "/people"
    assert not await opens(kay) and await let_in_by(desk.engine, KAY) == {MAY}
    (removed,) = await audit_entries(desk.engine, 9, "account_factor_removed")
    assert (removed.by, removed.about) == (MAY, f"account:{KAY}")
    browser = await signs_in(desk, KAY)
    assert not await opens(browser), "a new one first"
    await sets_up(desk, browser)
    assert "Person may removed the second factor of your account" in (await browser.get("/people")).text
    await uses_link(desk, KAY)
    assert await let_in_by(desk.engine, KAY) == set(), "the server has renewed it"
    assert not await factors.has(desk.engine, KAY), "and forgets what was set up since"


async def test_a_factor_of_another_hand_ends_with_the_renewal_and_an_older_one_stays(url: str) -> None:
    """On both databases; also that those who have let the remover in are tied with them."""
    now, key = datetime.now(UTC), "a key"
    async with open_engine(url) as engine:
        for account in (KAY, MAY, "eve"):
            await accounts.add(engine, Person(account, f"Person {account}", AccountRole.ADMINISTRATOR), now)

        async def set_up(at: datetime) -> None:
            offered = factors.offer(key, KAY, "s", "Hatif")
            given = pyotp.TOTP(offered.secret).at(at)
            assert await factors.set_up(engine, key, KAY, "s", offered.nonce, given, at, None) is Verdict.RIGHT

        async def let_in(by: str | None, at: datetime) -> None:
            assert await links.use_link(engine, await links.make_link(engine, KAY, at, by), at) is not None

        await set_up(now)
        await let_in(MAY, now + STEP)
        await let_in(None, now + 2 * STEP)
        assert await factors.holders(engine) == {KAY}, "May has never held it"
        async with writing(engine) as connection:
            await tie(connection, MAY, "eve", now)
        assert await factors.remove(engine, KAY, now + 3 * STEP, MAY)
        assert await let_in_by(engine, KAY) == {MAY, "eve"}
        await set_up(now + 4 * STEP)
        await let_in(None, now + 5 * STEP)
        assert await factors.holders(engine) == set() and await let_in_by(engine, KAY) == set()
        whats = [notice.what for notice in await notices.latest(engine, KAY)]
        assert whats.count(AccountChange.FACTOR) == 2 and whats.count(AccountChange.FACTOR_REMOVED) == 2
        assert not await factors.remove(engine, KAY, now), "there is none"


async def test_a_new_and_a_removed_factor_are_told_by_e_mail(desk: TestDesk) -> None:
    async with receiving() as server:
        sending = MailSettings("127.0.0.1", "desk@example.org", server.port, "none")
        mailer = NoticeMailer(
            desk.desk.settings, desk.engine, Mailer(sending), desk.desk.pages, lambda: desk.desk.now()
        )
        browser, _ = await uses_link(desk, OPERATOR)
        await accounts.set_email(desk.engine, OPERATOR, "safae@example.org", desk.desk.now())
        await mailer.look()
        del server.letters[:]
        await sets_up(desk, browser)
        assert await factors.remove(desk.engine, OPERATOR, desk.desk.now())
        await mailer.look()
        texts = [letter.get_content() for letter in server.letters]
        assert "A second factor was set up for your account" in texts[0]
        assert "The second factor of your account was removed on the server" in texts[1]


async def test_newcomers_who_share_an_account_cannot_shut_each_other_out(desk: TestDesk) -> None:
    await accounts.ensure_visitor(desk.engine, desk.desk.now())
    browser, _ = await uses_link(desk, accounts.VISITOR)
    assert (await browser.get("/sign-in/factor")).status == 404
    assert "/sign-in/factor" not in (await browser.get("/account")).text


def test_an_installation_of_before_gets_a_key_and_keeps_it(tmp_path: Path) -> None:
    made = credentials.load(tmp_path, ("1001",))
    path = tmp_path / "secrets.json"
    before = json.loads(path.read_text())
    del before["factor_key"]
    path.write_text(json.dumps(before))
    first = credentials.load(tmp_path, ("1001",))
    assert first.factor_key and first.factor_key != made.factor_key
    assert credentials.load(tmp_path, ("1001",)) == first
    assert json.loads(path.read_text()) == {**before, "factor_key": first.factor_key}


async def test_a_factor_is_set_up_and_used_in_a_browser(desk: TestDesk, browser: RealBrowser, tmp_path: Path) -> None:
    browser_, _ = await uses_link(desk, MAY)
    await sets_up(desk, browser_)
    context = await browser.new_context(locale="en", viewport={"width": 1000, "height": 900})
    try:
        page = await context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        token = await links.make_link(desk.engine, KAY, desk.desk.now())
        await page.goto(f"{desk.url}/link/{token}")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("heading", name="Set up a second factor")).to_be_visible()
        box = await page.locator("svg.qr").bounding_box()
        assert box is not None and box["width"] == box["height"] > 150
        await usable(page, "setting it up")
        await page.screenshot(path=tmp_path / "new.png", full_page=True)
        secret = await page.locator("code.copied").inner_text()
        await page.get_by_label("Code").fill("123")
        await page.get_by_role("button", name="Set it up").click()
        await expect(page.get_by_text("This code is not right.")).to_be_visible()
        await page.get_by_label("Code").fill(code(desk, secret))
        await page.get_by_role("button", name="Set it up").click()
        await page.get_by_label("New password").fill(PASSWORD)
        await page.get_by_label("The same once more").fill(PASSWORD)
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("heading", name="People")).to_be_visible()
        await usable(page, "the people")
        await page.screenshot(path=tmp_path / "people.png", full_page=True)
        await page.get_by_role("link", name="Account", exact=True).click()
        await usable(page, "the account")
        await page.screenshot(path=tmp_path / "account.png", full_page=True)
        await page.get_by_role("button", name="Sign out").click()
        await page.get_by_label("Account").fill(KAY)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("heading", name="Your code")).to_be_visible()
        await usable(page, "the code")
        await page.screenshot(path=tmp_path / "code.png", full_page=True)
        desk.moved += 2 * STEP
        await page.get_by_label("Code").fill(code(desk, secret))
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("heading", name="People")).to_be_visible()
        assert not [text for text in said if "Content Security Policy" in text]
    finally:
        await context.close()
