"""People see where they are signed in, and end it; a session that nobody uses ends by itself, but not on a shift."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from controller import StandIn, operator, standing_in
from desk_server import PASSWORD, Browser, TestDesk, serving
from playwright.async_api import Browser as Chromium
from playwright.async_api import Page, expect
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from background.telephone_ticket import ended_sessions
from db.engine import DatabaseError, reading
from db.enums import AccountRole
from db.tables import Audit, DeskSession
from desk.people import accounts, sessions
from desk.people.browsers import name_of
from desk.people.sessions import IDLE, IDLE_VISITOR, LONGEST, SEEN, Sessions
from desk.people.signed_in import SignedIn
from desk.people.telephone_sessions import TelephoneSessions

pytest_plugins = ["db_fixtures", "browser"]

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0"
CHROME = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Mobile Safari/537.36"
EDGE = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0 Safari/537.36 Edg/128.0"
SAFARI = "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1 (KHTML, like Gecko) Version/17.5 Safari/605.1"

IDLED = timedelta(minutes=30, seconds=1)
BY_ITSELF = {"X-By-Itself": "1"}


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        yield found


@pytest_asyncio.fixture
async def desk(sqlite_url: str, controller: StandIn) -> AsyncIterator[TestDesk]:
    async with serving(sqlite_url, controller.port) as found:
        await found.operator("1002")
        await controller.followed(found)
        yield found


@pytest_asyncio.fixture
async def on_both(url: str, controller: StandIn) -> AsyncIterator[TestDesk]:
    """A desk on SQLite, and one on PostgreSQL."""
    async with serving(url, controller.port) as found:
        await found.operator("1002")
        await controller.followed(found)
        yield found


async def is_signed_in(browser: Browser, **headers: str) -> bool:
    return (await browser.get("/account", **headers)).status == 200


async def be_away(desk: TestDesk, controller: StandIn) -> None:
    """Have operator 1002 off their shift."""
    controller.set(operator("1002", "away"))
    async with asyncio.timeout(5):
        while "1002" in (desk.app.state.hub.on_shift() or ("1002",)):  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)


async def from_browser(desk: TestDesk, user_agent: str) -> Browser:
    browser = desk.browser()
    form = {"account": "1002", "password": PASSWORD}
    assert (await browser.post("/sign-in", form, {"User-Agent": user_agent})).status == 303
    await browser.get("/account")
    return browser


async def audited(engine: AsyncEngine) -> list[tuple[str, Any]]:
    async with reading(engine) as connection:
        rows = await connection.execute(select(Audit).where(Audit.act == "account_sessions_ended").order_by(Audit.at))
        return [(row.by, row.data) for row in rows]


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (FIREFOX, "Firefox, Windows"),
        (CHROME, "Chrome, Android"),
        (EDGE, "Edge, Windows"),
        (SAFARI, "Safari, macOS"),
        ("curl/8", ""),
        (None, ""),
    ],
)
def test_a_browser_is_named_in_plain_words(user_agent: str | None, name: str) -> None:
    assert name_of(user_agent) == name


async def test_people_see_their_sessions_and_end_one_or_all_others(on_both: TestDesk) -> None:
    desk = on_both
    await desk.operator("1003")
    await desk.with_password("1002")
    await accounts.set_language(desk.engine, "1002", "en")
    stranger = await desk.signed_in("1003")
    this, phone, office = [await from_browser(desk, agent) for agent in (FIREFOX, CHROME, EDGE)]
    page = (await this.get("/account")).text
    listed = re.findall(r"<strong>(.*?)</strong>(?: · (this one))?", page)
    assert sorted(listed) == [
        ("Chrome, Android", ""), ("Edge, Windows", ""), ("Firefox, Windows", "this one"), ("Unknown browser", "")
    ]  # fmt: skip
    assert page.count("127.0.0.1") == 3
    keys = re.findall(r'Chrome, Android.*?name="key" value="(\w+)"', page, re.DOTALL)
    assert (await this.post("/account/sessions/end", {"key": keys[0]})).leads_to == "/account#sessions"
    assert not await is_signed_in(phone) and await is_signed_in(office)
    assert (await this.post("/account/sessions/end")).status == 303
    assert await is_signed_in(this) and not await is_signed_in(office)
    assert await is_signed_in(stranger), "another person's"
    assert [(by, data["sessions_ended"]) for by, data in await audited(desk.engine)] == [("1002", 1), ("1002", 2)]


async def test_nobody_ends_another_persons_session(on_both: TestDesk) -> None:
    desk = on_both
    await desk.operator("1003")
    person, stranger = await desk.signed_in("1002"), await desk.signed_in("1003")
    async with reading(desk.engine) as connection:
        theirs = select(DeskSession.token_hash).where(DeskSession.account_id == "1002")
        key = (await connection.scalars(theirs)).one()
    for wanted in (key, key[: sessions.KEY], "", "%"):
        await stranger.post("/account/sessions/end", {"key": wanted})
    assert await is_signed_in(person) and await is_signed_in(stranger)


async def test_visitors_who_share_an_account_see_and_end_nobody_elses_session(desk: TestDesk) -> None:
    await accounts.ensure_visitor(desk.engine, desk.desk.now())
    visitor, other = await desk.signed_in("visitor"), await desk.signed_in("visitor")
    assert "/account/sessions/end" not in (await visitor.get("/account")).text
    assert (await visitor.post("/account/sessions/end")).status == 303
    assert await is_signed_in(other)


async def test_an_ended_session_is_written_down_for_the_gate_and_its_stream_says_nothing_more(
    desk: TestDesk, tmp_path: Path, controller: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: Sessions = desk.app.state.sessions
    person, ours = await desk.operator("1002"), await desk.signed_in("1002")
    told = TelephoneSessions(tmp_path, "secret", used)
    token = await used.begin(person, desk.desk.now())
    session = await used.find(token, desk.desk.now())
    assert session is not None
    signed_in = SignedIn(person, session, token)
    await told.ticket(signed_in, "1002-web", desk.desk.now())
    held = desk.browser()
    held.has_session(f"hatif-{desk.desk.settings.port}", token)
    stream = await held.stream("/live/operator")
    await ours.post("/account/sessions/end")
    controller.offer("1002", caller="+33699999999")
    async with asyncio.timeout(5):  # the desk says something every 3 s
        rest = await stream.content.read()
    assert b"+33699999999" not in rest
    await told.look(desk.desk.now())
    assert ended_sessions(tmp_path) == frozenset({signed_in.mark})


async def test_a_session_that_nobody_uses_ends_after_30_minutes(desk: TestDesk, controller: StandIn) -> None:
    await be_away(desk, controller)
    browser = await desk.signed_in("1002")
    for _ in range(2):
        desk.moved += timedelta(minutes=28)
        assert await is_signed_in(browser)
    desk.moved += timedelta(minutes=20)
    assert await is_signed_in(browser, **BY_ITSELF), "a page that asks by itself"
    assert (await browser.get("/session", **BY_ITSELF)).status == 200
    desk.moved += timedelta(minutes=11)
    assert (await browser.get("/shift/day", **BY_ITSELF, **{"HX-Request": "true"})).headers[
        "HX-Trigger"
    ] == "hatif:session-over"
    assert (await browser.get("/account")).leads_to == "/sign-in?next=/account"


async def test_an_open_stream_is_no_use_and_ends_with_the_idle_session(desk: TestDesk, controller: StandIn) -> None:
    await be_away(desk, controller)
    browser = await desk.signed_in("1002")
    stream = await browser.stream("/live/operator")
    desk.moved = timedelta(minutes=29)
    await stream.content.readuntil(b": heartbeat")
    again = await browser.stream("/live/operator")  # as after a restart of the desk
    assert again.status == 200
    desk.moved = IDLED
    async with asyncio.timeout(10):
        await stream.content.read()
        await again.content.read()
    assert (await browser.get("/live/operator")).headers["HX-Trigger"] == "hatif:session-over"


async def test_an_operator_on_shift_with_a_registered_telephone_is_never_idle(
    desk: TestDesk, controller: StandIn
) -> None:
    used: Sessions = desk.app.state.sessions
    browsers = {state: await desk.signed_in("1002") for state in ("paused", "talking", "ready")}
    for state, browser in browsers.items():
        controller.set(operator("1002", state))
        desk.moved += timedelta(minutes=29)
        await used.sweep(desk.desk.now())
        desk.moved += timedelta(hours=1)
        assert await is_signed_in(browser, **BY_ITSELF), state
    await used.sweep(desk.desk.now())
    await be_away(desk, controller)
    desk.moved += IDLE - timedelta(minutes=2)  # from the end of the shift on
    assert await is_signed_in(browsers["ready"], **BY_ITSELF)
    desk.moved += timedelta(minutes=3)
    assert not await is_signed_in(browsers["ready"])


async def test_without_a_registered_telephone_a_shift_is_no_use(desk: TestDesk, controller: StandIn) -> None:
    absent = replace(operator("1002", "ready"), telephone=False)
    controller.set(absent)
    async with asyncio.timeout(5):
        while "1002" in (desk.app.state.hub.on_shift() or ("1002",)):  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)
    browser = await desk.signed_in("1002")
    desk.moved = IDLED
    assert not await is_signed_in(browser)


async def test_while_the_controller_is_away_no_operator_is_thrown_out(sqlite_url: str) -> None:
    async with serving(sqlite_url) as desk:  # no controller has ever answered
        await desk.operator("1002")
        await desk.account("admin", AccountRole.ADMINISTRATOR)
        person, administrator = await desk.signed_in("1002"), await desk.signed_in("admin")
        desk.moved = IDLED
        await desk.app.state.sessions.sweep(desk.desk.now())
        assert await is_signed_in(person) and not await is_signed_in(administrator)
        desk.moved = LONGEST + timedelta(seconds=1)
        assert not await is_signed_in(person)


async def test_a_visitor_has_12_hours(desk: TestDesk) -> None:
    await accounts.ensure_visitor(desk.engine, desk.desk.now())
    browser = await desk.signed_in("visitor")
    desk.moved = IDLE_VISITOR - timedelta(minutes=1)
    await desk.app.state.sessions.sweep(desk.desk.now())
    assert await is_signed_in(browser, **BY_ITSELF)
    desk.moved = IDLE_VISITOR + timedelta(minutes=1)
    assert not await is_signed_in(browser)


async def test_what_ended_by_itself_is_in_the_audit_and_stays_ended(on_both: TestDesk, controller: StandIn) -> None:
    desk = on_both
    await be_away(desk, controller)
    browser = await desk.signed_in("1002")
    used: Sessions = desk.app.state.sessions
    desk.moved = IDLED
    await used.sweep(desk.desk.now())
    controller.set(operator("1002", "ready"))
    async with asyncio.timeout(5):
        while "1002" not in (desk.app.state.hub.on_shift() or ()):  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)
    assert not await is_signed_in(browser), "a shift that begins later"
    assert await audited(desk.engine) == [("hatif", {"sessions_ended": 1, "why": "idle"})]


async def test_use_while_the_database_was_away_counts(
    on_both: TestDesk, controller: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = on_both
    await be_away(desk, controller)
    person = await desk.operator("1002")
    used, now = Sessions(desk.engine), desk.desk.now()
    token = await used.begin(person, now)
    assert await used.find(token, now) is not None

    def fail(_: object) -> None:
        raise DatabaseError("away")

    with monkeypatch.context() as away:
        away.setattr(sessions, "reading", fail)
        away.setattr(sessions, "writing", fail)
        for minutes in (20, 40, 60):
            assert await used.find(token, now + timedelta(minutes=minutes)) is not None
    late = now + timedelta(minutes=61)
    await used.sweep(late)
    assert await used.find(token, late) is not None
    assert await Sessions(desk.engine).find(token, late + SEEN) is not None


async def test_a_page_that_is_left_open_leaves_for_the_sign_in_and_comes_back(
    desk: TestDesk, controller: StandIn, browser: Chromium
) -> None:
    await be_away(desk, controller)
    await desk.with_password("1002")
    context = await browser.new_context(locale="en")
    await desk.enters(context, "1002")
    page = await context.new_page()
    await page.goto(f"{desk.url}/shift")
    await page.locator("#telephone").wait_for(state="attached")
    await tell_call(page, "talking")
    desk.moved += IDLED
    await expect(page.locator("#signed-out")).to_be_visible(timeout=15_000)  # the call goes on
    assert page.url == f"{desk.url}/shift"
    await tell_call(page, "ended")
    await expect(page.locator('input[name="password"]')).to_be_visible()
    assert page.url == f"{desk.url}/sign-in?next=%2Fshift"
    await page.fill('input[name="account"]', "1002")
    await page.fill('input[name="password"]', PASSWORD)
    await page.click("form button.primary")
    await page.wait_for_url(f"{desk.url}/shift")
    await context.close()


async def tell_call(page: Page, state: str) -> None:
    """Have the page's telephone report a call."""
    dispatch = "call => telephone.dispatchEvent(new CustomEvent('hatif:telephone', {detail: {call}, bubbles: true}))"
    await page.evaluate(dispatch, state)


async def test_a_page_without_a_stream_leaves_as_well_and_typing_is_use(sqlite_url: str, browser: Chromium) -> None:
    async with serving(sqlite_url) as desk:
        await desk.account("admin", AccountRole.ADMINISTRATOR)
        context = await browser.new_context(locale="en")
        await desk.enters(context, "admin")
        page = await context.new_page()
        await page.clock.install()
        await page.goto(f"{desk.url}/account?changed=1")
        desk.moved += timedelta(minutes=29)
        async with page.expect_response("**/session") as looked:
            await page.clock.run_for(31_000)
        assert "x-by-itself" in (await looked.value).request.headers
        await page.clock.run_for(300_000)
        async with page.expect_response(lambda answer: "x-by-itself" not in answer.request.headers):
            await page.keyboard.press("a")
        desk.moved += timedelta(minutes=29)
        async with page.expect_response("**/session") as looked:
            await page.clock.run_for(31_000)
        assert (await looked.value).status == 200
        desk.moved += timedelta(minutes=2)
        await page.clock.run_for(31_000)
        await page.wait_for_url(f"{desk.url}/sign-in?next=%2Faccount%3Fchanged%3D1")
        await context.close()


async def test_what_a_page_asks_for_by_itself_says_so(desk: TestDesk, browser: Chromium) -> None:
    context = await browser.new_context(locale="en")
    await desk.enters(context, "1002")
    page = await context.new_page()
    async with page.expect_request("**/shift/day") as by_itself:
        await page.goto(f"{desk.url}/shift")
    assert "x-by-itself" in (await by_itself.value).headers
    async with page.expect_request("**/worklist") as by_a_person:
        await page.click('[data-opens="worklist"]')
    assert "x-by-itself" not in (await by_a_person.value).headers
    await context.close()
