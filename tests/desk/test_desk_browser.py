"""The pages in a real browser, without a telephone: usable by everybody, in several tabs; nothing typed is lost."""

import asyncio
import re
import shutil
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from controller import StandIn, operator, standing_in
from desk_server import TestDesk, serving
from playwright.async_api import Browser, BrowserContext, Page, expect
from sqlalchemy import insert, select
from stored_cases import store_case

from db.engine import reading, writing
from db.enums import AccountRole
from db.references import format_reference, make_reference
from db.tables import Call, Pairing
from desk import bundle

pytest_plugins = ["db_fixtures", "browser"]

AXE = bundle.FOLDER / "node_modules" / "axe-core" / "axe.min.js"
REFERENCE = make_reference(1, 17)
CASE: dict[str, Any] = {
    "reference": REFERENCE, "kind": "procedure", "state": "incomplete", "topic": "documents",
    "language": "fr", "country": "FR", "post": "Lyon", "caller": "+33612345678", "title": "First passport",
    "missing": "photograph", "owner": None, "priority": "high", "due": None,
}  # fmt: skip


@pytest_asyncio.fixture(scope="module")
async def shared_controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        yield found


@pytest_asyncio.fixture(scope="module")
async def desk(
    shared_controller: StandIn, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[TestDesk]:
    database = shutil.copy(sqlite_template, tmp_path_factory.mktemp("desk") / "hatif.db")
    async with serving(f"sqlite:///{database}", shared_controller.port) as found:
        await found.operator("1002")
        await store_case(found.engine, **CASE)
        yield found


@pytest.fixture
def controller(shared_controller: StandIn) -> StandIn:
    """The controller, whose operators are ready."""
    fresh = StandIn()
    shared_controller.answers = fresh.answers
    shared_controller.set(*fresh.operators, calls=[])
    return shared_controller


@pytest_asyncio.fixture(scope="module")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    found = await browser.new_context(locale="en", reduced_motion="reduce", viewport={"width": 1280, "height": 800})
    yield found
    await found.close()


@pytest_asyncio.fixture(scope="module")
async def shared_page(context: BrowserContext) -> Page:
    return await context.new_page()


@pytest_asyncio.fixture
async def page(desk: TestDesk, controller: StandIn, shared_page: Page) -> AsyncIterator[Page]:
    """The operator's page, in which nothing was done yet."""
    await desk.enters(shared_page.context, "1002")
    await shared_page.goto(f"{desk.url}/shift")
    await expect(shared_page.locator("#line")).to_have_class("line is-up")
    await expect(shared_page.locator("#call")).to_have_attribute("data-phase", "none")
    yield shared_page
    if not shared_page.is_closed():
        await shared_page.evaluate("localStorage.clear(); sessionStorage.clear()")


async def shift(desk: TestDesk, context: BrowserContext) -> Page:
    await desk.enters(context, "1002")
    page = await context.new_page()
    await page.goto(f"{desk.url}/shift")
    await expect(page.locator("#line")).to_have_class("line is-up")
    return page


async def violations(page: Page, part: str = "html") -> list[str]:
    """Return what axe finds that is serious or critical, with the contrast of the light and of the dark colours."""
    if not await page.evaluate("typeof axe === 'object'"):
        await page.evaluate(AXE.read_text())  # not as a script of the page, whose policy forbids it
    found: list[str] = []
    for scheme, rules in (("dark", {}), ("light", {"runOnly": ["color-contrast"]})):
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        look = "([part, rules]) => axe.run(part, {resultTypes: ['violations'], ...rules})"
        seen = await page.evaluate(look, [part, rules])
        found += [
            f"{scheme}: {row['id']}: {row['help']}: {[node['target'] for node in row['nodes']]}"
            for row in seen["violations"]
            if row["impact"] in ("serious", "critical")
        ]
    return found


async def usable(page: Page, what: str, part: str = "html", *, by_everybody: bool = True) -> None:
    """Check a page 1,280 pixels wide. `by_everybody`: also with axe, which takes long, and looks at a `part` of it."""
    if by_everybody:
        assert await violations(page, part) == [], what
    width = await page.evaluate("document.scrollingElement.scrollWidth")
    assert width <= 1280, f"{what} is {width} pixels wide"


@pytest.mark.parametrize("language", ["ar", *(pytest.param(code, marks=pytest.mark.long) for code in ("fr", "en"))])
async def test_everybody_can_use_every_page(
    desk: TestDesk, controller: StandIn, browser: Browser, language: str
) -> None:
    """In French, whose words are the longest, only the widths; most of them also: test_fits.py, test_arabic_page.py."""
    context = await browser.new_context(
        locale=language, reduced_motion="reduce", viewport={"width": 1280, "height": 800}
    )
    page = await context.new_page()
    check = partial(usable, page, by_everybody=language != "fr")

    await page.goto(f"{desk.url}/sign-in")
    assert await page.evaluate("document.dir") == ("rtl" if language == "ar" else "ltr")
    await check("the sign-in")
    await page.goto(desk.url + await desk.link("1002"))
    await check("a link")
    await page.click("button.primary")
    await page.wait_for_url("**/account?first=1")
    await check("choosing a password")
    await page.goto(f"{desk.url}/shift")
    await check("a shift")
    controller.offer(identity=str(uuid4()))
    await expect(page.locator(".hint p")).to_be_visible()
    await check("an offer", "#call")
    call = controller.connect("1002", identity=str(uuid4()), place="hold", case=REFERENCE)
    await expect(page.locator("#c-title")).to_be_visible()
    await check("a call with its case")
    controller.connect("1002", identity=call.id, place="together", case=REFERENCE)
    await expect(page.locator('[aria-keyshortcuts="F4"][aria-pressed]')).to_have_count(0)  # no longer on hold
    await page.keyboard.press("F7")
    await expect(page.locator("#hand-on")).to_be_visible()
    await check("handing on", "#hand-on")
    await page.keyboard.press("Escape")
    await desk.account("admin", AccountRole.ADMINISTRATOR)
    await page.goto(desk.url + await desk.link("admin"))
    await page.click("button.primary")
    await page.goto(f"{desk.url}/people")
    await page.click("tbody button >> nth=0")
    await expect(page.locator(".qr")).to_be_visible()
    await check("the people")
    await context.close()


async def test_the_callers_file_has_come_while_it_rang_and_is_shown_with_the_case_at_the_answer(
    desk: TestDesk, controller: StandIn, page: Page
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(desk.url)))
    for reload in (False, True):
        call = controller.offer(identity=str(uuid4())).id
        await expect(page.locator(".hint p")).to_contain_text("has not called before")
        await expect(page.locator(f'#coming [data-call="{call}"]')).to_be_hidden()
        if reload:
            await page.reload()
            await expect(page.locator(f'#coming [data-call="{call}"]')).to_be_attached()
        asked.clear()
        controller.connect(identity=call, case=REFERENCE)
        await expect(page.locator("#case-file #c-title")).to_have_value("First passport")
        await expect(page.locator(f'#case > [data-call="{call}"]')).to_be_visible()
        assert [path for path in asked if path.startswith("/case/")] == [f"/case/file/{REFERENCE}?call={call}"]
        assert await page.locator("#case-file").count() == 1
    call = controller.connect(identity=str(uuid4()), case=REFERENCE).id  # answered before the page knew that it rang
    await expect(page.locator(f'#case > [data-call="{call}"]')).to_be_visible()
    await expect(page.locator("#case-file #c-title")).to_have_value("First passport")
    assert f"/case/call/{call}" in asked


async def test_a_click_on_the_page_of_a_call_and_of_a_case_shows_the_consulate_of_that_country(
    desk: TestDesk, controller: StandIn, page: Page
) -> None:
    texts = {"address": "12 Sample Street", "hours": "9 to 3", "appointment": "By telephone.", "not_done": "No visas."}
    numbers = {"telephone": "+33465710101", "duty": "+33465710102"}
    lyon = {"city": "Consulate in Lyon", "languages": ["fr", "ar"], **texts, **numbers, "status": "sample"}
    controller.answers["/consulates?country=FR&language=en"] = (200, [lyon])
    call = controller.connect(identity=str(uuid4()), country="FR", case=REFERENCE)
    await expect(page.locator(f'#case > [data-call="{call.id}"]')).to_be_visible()
    for place in (f'[data-call="{call.id}"].caller', "#case-file"):
        if place == "#case-file":
            await page.locator(".cases .case-link").first.click()  # the same case, on its own
        shown = page.locator(f"#case {place} .consulate")
        await shown.get_by_role("button", name="Consulate: France").click()
        for words in (lyon["city"], *texts.values(), *numbers.values(), "Sample content"):
            await expect(shown.locator(".consulate-of")).to_contain_text(str(words))
    assert await violations(page, "#case") == []


async def test_a_consultation_shows_who_asks_that_it_is_one_and_about_which_case_and_no_waiting_time(
    controller: StandIn, page: Page
) -> None:
    call = page.locator("#call")
    asks = next(row.name for row in controller.operators if row.id == "1003")
    for place, words in (("consult", "Consultation: {} asks for your advice"), ("together", "Interpreting: {} asks")):
        talk = controller.connect("1003", place, identity=str(uuid4()), case=REFERENCE)
        controller.join("1002", talk, "offered")
        await expect(call).to_have_attribute("data-call", talk.id)
        await expect(call.locator(".offer-word")).to_contain_text(words.format(asks))
        await expect(page.locator("#announcements")).to_contain_text(words.format(asks))
        await expect(call.locator(".offer-word time")).to_have_count(0)
        await expect(call.locator("dl")).to_contain_text(format_reference(REFERENCE))
        await expect(call.locator("dl")).not_to_contain_text("Open case")
        controller.set(operator("1002"), operator("1003", name=asks), calls=[])
        await expect(call).to_have_attribute("data-phase", "none")
    controller.offer(identity=str(uuid4()))
    await expect(call.locator(".offer-word")).to_contain_text("Incoming call")


async def test_what_was_typed_survives_a_reload_until_the_desk_has_it(
    desk: TestDesk, controller: StandIn, page: Page
) -> None:
    controller.connect("1002", identity=str(uuid4()), case=REFERENCE)
    await page.fill("#c-title", "Lost passport <of> الأم")
    await page.fill("#note-text", "Calls again on Monday.")
    await page.reload()
    await expect(page.locator("#c-title")).to_have_value("Lost passport <of> الأم")
    await expect(page.locator("#note-text")).to_have_value("Calls again on Monday.")
    await expect(page.locator("#c-state")).to_have_value("incomplete")
    await page.click(".file form.grid button.primary")
    await expect(page.locator(".file")).to_contain_text("Saved.")
    await store_case(desk.engine, **CASE, version=3)
    await page.reload()
    await expect(page.locator("#c-title")).to_have_value("First passport")  # as the desk says, which has it
    await expect(page.locator("#note-text")).to_have_value("Calls again on Monday.")


async def test_a_focused_field_keeps_its_text_and_the_focus_while_the_page_changes(
    desk: TestDesk, controller: StandIn, page: Page
) -> None:
    await page.locator("#find").focus()
    await page.keyboard.type("pass")
    controller.set(operator("1003", "paused"), operator("1002", "paused", reason="break"))
    await expect(page.locator("#call-bar")).to_contain_text("Paused")
    await page.keyboard.type("port")
    await expect(page.locator("#find")).to_have_value("passport")


async def test_a_call_that_only_the_telephone_knows_is_answered_and_ended_in_the_page(
    desk: TestDesk, controller: StandIn, page: Page
) -> None:
    """As in emergency operation, when there is no controller."""
    await page.evaluate(
        """() => {
            window.asked = [];
            for (const what of ["answer", "hangup"]) addEventListener(`hatif:${what}`, () => asked.push(what));
            window.report = (call) => document.getElementById("telephone")
                .dispatchEvent(new CustomEvent("hatif:telephone", { detail: { call }, bubbles: true }));
        }"""
    )
    own = page.locator("#call-bar")
    await page.evaluate("report('ringing')")
    await expect(own).to_contain_text("Incoming call")
    await page.keyboard.press("F2")
    await page.evaluate("report('talking')")
    await expect(own.get_by_role("button", name="Mute")).to_be_visible()
    await page.keyboard.press("Shift+F2")
    assert await page.evaluate("asked") == ["answer", "hangup"]
    assert await violations(page) == []
    controller.connect("1002")  # which the line shows itself
    await expect(page.locator("#call")).to_have_attribute("data-phase", "talking")
    await page.evaluate("report('none')")
    await expect(own.get_by_role("button", name="Mute")).to_be_hidden()


async def test_the_call_bar_takes_clicks_however_far_the_page_is_scrolled_and_with_a_dialog_open(
    desk: TestDesk, controller: StandIn, page: Page
) -> None:
    controller.connect("1002", identity=str(uuid4()), place="together", case=REFERENCE)
    await expect(page.locator("#c-title")).to_be_visible()
    await page.evaluate("scrollTo(0, document.body.scrollHeight)")
    hold = page.locator('#call-bar [aria-keyshortcuts="F4"]')
    await hold.click(trial=True)
    assert await page.evaluate("scrollY") > 0
    await page.click('[data-opens="settings"]')
    await expect(page.locator("#settings #call-bar")).to_be_visible()
    await hold.click(trial=True)
    await page.keyboard.press("Escape")
    await expect(page.locator("#top-home #call-bar")).to_be_visible()


async def test_save_and_ready_saves_what_was_typed_and_stops_at_what_the_desk_refuses(
    desk: TestDesk, controller: StandIn, page: Page
) -> None:
    controller.connect("1002", identity=str(uuid4()), place="together", case=REFERENCE)
    await expect(page.locator("#c-title")).to_be_visible()
    controller.set(operator("1002", "wrapping_up", until=time.time() + 600), calls=[])
    missing, ended = page.locator("#missing"), ("POST", "/operators/1002/wrap_up", "1002", {"change": "end"})
    await expect(missing).to_have_text("Still missing: a note")
    await page.keyboard.press("F6")
    await page.keyboard.type("Comes on Monday.")
    await page.fill("#c-title", "")
    await page.locator("details.rare > summary").click()
    await page.fill("#c-caller", "no number")
    words = "the note is not saved, What it is about, the case is not saved"
    await expect(missing).to_have_text(f"Still missing: {words}")
    await page.keyboard.press("F9")
    await expect(page.locator("#c-caller-note")).to_contain_text("This is not a telephone number")
    await expect(page.locator("#notes ol")).to_contain_text("Comes on Monday.")
    assert ended not in controller.asked
    await page.fill("#c-caller", "+33612345678")
    await page.fill("#c-title", "Second passport")
    await page.keyboard.press("F9")
    await expect(page.locator(".file")).to_contain_text("Saved.")
    await expect(missing).to_have_text("")
    async with asyncio.timeout(5):
        while ended not in controller.asked:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_rare_fields_are_folded_and_open_where_one_is_refused(
    desk: TestDesk, controller: StandIn, page: Page
) -> None:
    controller.connect("1002", identity=str(uuid4()), place="together", case=REFERENCE)
    await expect(page.locator("#c-state")).to_be_visible()
    await expect(page.locator("#c-due")).to_be_hidden()
    await page.locator("details.rare > summary").click()
    await page.fill("#c-caller", "no number")
    await page.locator(".file form.grid button.primary").click()
    await expect(page.locator("#c-caller-note")).to_be_visible()
    await expect(page.locator("#c-due")).to_be_visible()


def shows_site(monkeypatch: pytest.MonkeyPatch, controller: StandIn, **members: object) -> None:
    """Have the desk ask for the site again: the controller has another list of operators."""
    for name, value in members.items():
        monkeypatch.setattr(controller, name, value)
    controller.operators = controller.operators[::-1]
    controller.changed.set()


async def test_a_site_that_requires_it_is_told_how_the_call_ended_before_one_key_makes_ready(
    desk: TestDesk, controller: StandIn, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity, now = uuid4(), datetime.now(UTC)
    async with writing(desk.engine) as connection:
        await connection.execute(insert(Call).values(id=identity, node="node1", started=now))
        pairing = {"id": uuid4(), "node": "node1", "call_id": identity, "operator_id": "1002", "began": now}
        await connection.execute(insert(Pairing).values(**pairing))
    endings = {"answered": {"en": "Answered"}, "elsewhere": {"en": "Sent elsewhere", "fr": "Renvoyé"}}
    shows_site(monkeypatch, controller, endings=endings, ending_required=True)
    controller.set(operator("1002", "wrapping_up", until=time.time() + 600), calls=[])
    missing, ended = page.locator("#missing"), ("POST", "/operators/1002/wrap_up", "1002", {"change": "end"})
    before = controller.asked.count(ended)
    await expect(missing).to_contain_text("how it ended")
    await page.keyboard.press("F9")
    await expect(page.locator("#ending")).to_be_focused()
    assert controller.asked.count(ended) == before
    await page.keyboard.type("Sent")
    await expect(missing).not_to_contain_text("how it ended")
    await page.keyboard.press("F9")
    async with asyncio.timeout(5):
        while controller.asked.count(ended) == before:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    async with reading(desk.engine) as connection:
        assert await connection.scalar(select(Call.ending).where(Call.id == identity)) == "elsewhere"
    monkeypatch.undo()
    shows_site(monkeypatch, controller)
    await expect(page.locator("#ending")).to_have_count(0)


async def test_an_open_dialog_hides_no_announcement(desk: TestDesk, controller: StandIn, page: Page) -> None:
    await page.click('[data-opens="settings"]')
    controller.offer()
    await expect(page.locator("#settings[open] #announcements")).to_contain_text("Incoming call")
    await page.evaluate("document.querySelector('[data-opens=\"worklist\"]').click()")  # a second one, as by a key
    await expect(page.locator("#worklist[open] #announcements")).to_be_attached()
    await page.keyboard.press("Escape")
    await expect(page.locator("#settings[open] #announcements")).to_be_attached()
    await page.keyboard.press("Escape")
    await expect(page.locator("body > #announcements")).to_contain_text("Incoming call")
    await expect(page.locator("body > #notices")).to_be_attached()


async def test_a_text_that_is_refused_stays_in_its_form(desk: TestDesk, controller: StandIn, page: Page) -> None:
    controller.connect("1002", identity=str(uuid4()), case=REFERENCE)
    await page.locator("#note-text").evaluate("(field) => field.removeAttribute('maxlength')")
    await page.fill("#note-text", "x" * 4001)
    await page.click("#notes form button")
    await expect(page.locator("#notices")).to_contain_text("write 4,000 at most")
    await expect(page.locator("#note-text")).to_have_value("x" * 4001)


async def test_a_page_whose_session_has_ended_goes_on_after_a_sign_in_in_another_tab(
    desk: TestDesk, controller: StandIn, page: Page
) -> None:
    await page.fill("#find", "not sent yet")
    await page.context.clear_cookies()
    await page.click('[hx-vals*="lunch"]')
    await expect(page.locator("#signed-out")).to_be_visible()
    await desk.enters(page.context, "1002")
    await page.evaluate("window.dispatchEvent(new Event('focus'))")
    await expect(page.locator("#signed-out")).to_be_hidden()
    await expect(page.locator("#find")).to_have_value("not sent yet")
    async with page.expect_response(lambda answer: answer.request.method == "POST"):
        await page.click('[hx-vals*="lunch"]')
    await expect(page.locator("#notices")).to_be_empty()
    assert controller.asked[-1][1:] == ("/operators/1002/state", "1002", {"state": "paused", "reason": "lunch"})
    controller.offer()
    await expect(page.locator("#call")).to_have_attribute("data-phase", "offered")


async def test_two_tabs_share_one_stream_and_one_goes_on_when_the_other_is_closed(
    desk: TestDesk, controller: StandIn, page: Page
) -> None:
    """This test is the last one, as it closes the page that all share."""
    hub = desk.app.state.hub
    second = await page.context.new_page()
    await second.goto(f"{desk.url}/shift")
    controller.offer()
    for tab in (page, second):
        await expect(tab.locator("#call")).to_have_attribute("data-phase", "offered")
        await expect(tab.locator("#call .offer-word")).to_have_text(re.compile(r"waiting 0:[123]\d"))  # 12 s, and more
    assert len(hub._readers) == 1
    await page.close()
    controller.connect("1002")
    await expect(second.locator("#call")).to_have_attribute("data-phase", "talking")
    third = await second.context.new_page()
    await third.goto(f"{desk.url}/shift")
    controller.set(operator("1002", "paused", reason="lunch"), calls=[])
    await expect(third.locator("#call-bar")).to_contain_text("Paused")
    assert len(hub._readers) == 1
