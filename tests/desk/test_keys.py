"""Keys that pages show do what they say, and typing is never disturbed; what nobody should miss is said beside it."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest_asyncio
from controller import StandIn, operator, standing_in
from desk_server import TestDesk, serving
from playwright.async_api import Browser, Page, expect
from stored_cases import store_case
from test_desk_browser import CASE, REFERENCE

from wire.live import OperatorCallback

pytest_plugins = ["db_fixtures", "browser"]

KEYS = """() => {
  window.keys = [];
  document.addEventListener("hatif:key", ({ detail }) => keys.push(detail.key));
  const detail = { call: "talking" };
  document.getElementById("telephone").dispatchEvent(new CustomEvent("hatif:telephone", { detail, bubbles: true }));
}"""


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        yield found


@pytest_asyncio.fixture
async def desk(sqlite_url: str, controller: StandIn) -> AsyncIterator[TestDesk]:
    async with serving(sqlite_url, controller.port) as found:
        await found.operator("1040", supervisor=True)
        await found.operator("1002")
        await store_case(found.engine, **CASE)
        await controller.followed(found)
        yield found


async def opened(desk: TestDesk, browser: Browser, who: str, path: str) -> Page:
    context = await browser.new_context(locale="en", reduced_motion="reduce", viewport={"width": 1280, "height": 800})
    await desk.enters(context, who)
    page = await context.new_page()
    await page.goto(desk.url + path)
    await expect(page.locator("#line")).to_have_class("line is-up")
    return page


async def test_the_keys_1_2_and_3_of_supervision_are_the_telephones_unless_something_is_typed(
    desk: TestDesk, browser: Browser
) -> None:
    page = await opened(desk, browser, "1040", "/supervise")
    await page.evaluate(KEYS)
    await expect(page.locator("#call [data-digit='2']")).to_be_visible()
    for key in "213":
        await page.keyboard.press(key)
    assert await page.evaluate("keys") == ["2", "1", "3"]
    await page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<input id=typed>')")
    await page.locator("#typed").press_sequentially("123")
    assert await page.evaluate("keys") == ["2", "1", "3"]
    await expect(page.locator("#typed")).to_have_value("123")
    await page.context.close()


async def test_one_key_leads_to_the_note_of_the_case(desk: TestDesk, controller: StandIn, browser: Browser) -> None:
    page = await opened(desk, browser, "1002", "/shift")
    controller.connect("1002", identity=str(uuid4()), case=REFERENCE)
    await expect(page.locator("#note-text")).to_be_visible()
    await page.keyboard.press("F6")
    await page.keyboard.type("They will call again.")
    await expect(page.locator("#note-text")).to_have_value("They will call again.")
    await page.context.close()


async def test_whoever_calls_somebody_back_in_a_language_that_they_do_not_speak_is_warned_before(
    desk: TestDesk, controller: StandIn, browser: Browser
) -> None:
    page = await opened(desk, browser, "1002", "/shift")
    for language, hints in (("fr", 0), ("nl", 1)):
        asked = OperatorCallback(
            id=str(uuid4()),
            call=str(uuid4()),
            number="+31612345678",
            language=language,
            topic="documents",
            country="NL",
            case=None,
            caller_rings=False,
        )
        controller.set(operator("1002", "offered", callback=asked))
        await expect(page.locator("#call .offer-language")).to_have_text({"fr": "French", "nl": "Dutch"}[language])
        await expect(page.locator("#call .notice.warn")).to_have_count(hints)
    await page.context.close()
