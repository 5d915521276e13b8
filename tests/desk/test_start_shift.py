"""One click on "Start shift" is all that a browser needs from a person: for sound, microphone and notifications."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest_asyncio
from controller import StandIn, operator, standing_in
from desk_server import serving
from playwright.async_api import Browser, Page, expect

pytest_plugins = ["db_fixtures", "browser"]

WATCH = """
window.did = [];
window.blocked = false;
const play = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = function () {
  did.push(navigator.userActivation.isActive ? "rings" : "rings without a click");
  if (blocked) return Promise.reject(new DOMException("no", "NotAllowedError"));
  return play.call(this).then(() => did.push("sounds"));
};
const devices = navigator.mediaDevices, open = devices.getUserMedia.bind(devices);
devices.getUserMedia = (wanted) => { did.push("microphone"); return open(wanted); };
window.Notification = class {
  static permission = "default";
  static requestPermission() { did.push("notifications"); return Promise.resolve("granted"); }
};
const Context = window.AudioContext;
window.AudioContext = class extends Context {
  constructor(...given) { super(...given); window.context = this; }
};
"""
CREDENTIAL = {"endpoint": "1002-web", "user": "1002-web", "password": "none", "expires": 0}


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        found.answers["/operators/1002/web_telephone"] = (200, CREDENTIAL)
        yield found


@pytest_asyncio.fixture
async def page(sqlite_url: str, controller: StandIn, browser: Browser) -> AsyncIterator[Page]:
    """An operator's page whose telephone was not started yet."""
    async with serving(sqlite_url, controller.port) as desk:
        await desk.operator("1002")
        context = await browser.new_context(
            locale="en", reduced_motion="reduce", viewport={"width": 1280, "height": 800}
        )
        await context.grant_permissions(["microphone"])
        await context.add_init_script(WATCH)
        await desk.enters(context, "1002")
        found = await context.new_page()
        await found.goto(f"{desk.url}/shift")
        yield found
        await context.close()


async def start(page: Page) -> list[str]:
    """Click, and return what happened until the telephone connects."""
    await page.get_by_role("button", name="Start shift").click()
    await expect(page.locator("body")).not_to_have_attribute("data-telephone", "off")
    did: list[str] = await page.evaluate("did")
    return did


async def test_one_click_rings_asks_for_microphone_and_notifications_and_registers(
    page: Page, controller: StandIn
) -> None:
    assert await page.evaluate("did") == []  # nothing before the click
    assert await start(page) == ["rings", "sounds", "notifications", "microphone"]
    assert await page.evaluate("context.state") == "running"
    asked: list[Any] = [(path, who) for method, path, who, _ in controller.asked if method == "POST"]
    assert asked == [("/operators/1002/web_telephone", "1002")]
    await expect(page.locator("#telephone-problem")).to_be_empty()


async def test_sound_that_the_browser_blocks_is_said_until_a_click_lets_it_sound(page: Page) -> None:
    await page.evaluate("blocked = true")
    await start(page)
    await expect(page.locator("#telephone-problem")).to_contain_text("The browser blocks sound.")
    await page.evaluate("blocked = false")
    await page.click("h1 + .columns .search h2, .guide label")
    await expect(page.locator("#telephone-problem")).to_be_empty()
    assert (await page.evaluate("did"))[-1] == "sounds"


async def test_a_microphone_that_is_denied_is_said_with_what_to_do(page: Page) -> None:
    await page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError')); }"
    )
    button = page.get_by_role("button", name="Start shift")
    await button.click()
    await expect(page.locator("#telephone-problem")).to_contain_text("then start your shift again")
    await expect(button).to_be_enabled()


async def test_one_button_and_one_key_begin_a_shift_and_make_ready(page: Page, controller: StandIn) -> None:
    controller.set(replace(operator("1002", "away"), telephone=False))
    await expect(page.locator("#state")).to_have_class("state is-away")
    buttons = page.get_by_role("button", name=re.compile("shift"))
    await expect(buttons).to_have_count(1)
    await page.keyboard.press("F9")
    await expect(page.locator("body")).not_to_have_attribute("data-telephone", "off")
    made = [(path, body) for method, path, _, body in controller.asked if path.endswith("/state")]
    assert made == [("/operators/1002/state", {"state": "ready", "reason": ""})]


async def test_with_a_softphone_one_button_begins_a_shift_and_leaves_the_pages_telephone_off(
    page: Page, controller: StandIn
) -> None:
    controller.set(operator("1002", "away"))
    await expect(page.locator("#state")).to_have_class("state is-away")
    await page.get_by_role("button", name=re.compile("shift")).click()
    async with asyncio.timeout(5):
        while not [path for _, path, _, _ in controller.asked if path.endswith("/state")]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await expect(page.locator("body")).to_have_attribute("data-telephone", "off")


async def opened_again(page: Page) -> Page:
    """Close the browser's only page, and open the same one in another tab."""
    address, context = page.url, page.context
    await page.close()
    found = await context.new_page()
    await found.goto(address)
    await expect(found.locator("#telephone-problem")).to_be_attached()
    await expect(found.locator('[data-telephone="start-shift"]')).to_be_enabled()  # its script is there
    return found


async def test_the_telephone_of_an_operator_on_shift_goes_on_in_whatever_tab_and_that_of_one_who_is_not_stays_off(
    page: Page, controller: StandIn
) -> None:
    await start(page)
    page = await opened_again(page)
    await expect(page.locator("body")).not_to_have_attribute("data-telephone", "off")
    asked = [path for method, path, _, _ in controller.asked if method == "POST"]
    assert asked == ["/operators/1002/web_telephone"] * 2
    controller.set(operator("1002", "away"))
    await expect(page.locator("#state")).to_have_class("state is-away")
    page = await opened_again(page)
    controller.set(operator("1002", "ready"))
    await expect(page.locator("#state")).to_have_class("state is-ready")
    page = await opened_again(page)  # that shift was begun elsewhere
    await expect(page.locator("body")).to_have_attribute("data-telephone", "off")
    assert len([path for method, path, _, _ in controller.asked if method == "POST"]) == 2
