"""On the page *Try the line*, whoever hangs up while the browser still asks for the microphone has hung up."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest_asyncio
from browser_telephone import when
from controller import StandIn, standing_in
from desk_server import TestDesk, serving
from playwright.async_api import Browser, expect

pytest_plugins = ["db_fixtures", "browser"]

ASKS = """
window.sockets = [];
window.WebSocket = class extends EventTarget { constructor(url) { super(); sockets.push(url); } close() {} };
navigator.mediaDevices.getUserMedia = () => new Promise((resolve) => {
  window.track = new AudioContext().createMediaStreamDestination().stream.getTracks()[0];
  window.allow = () => resolve(new MediaStream([track]));
});
"""
"""A browser that asks for the microphone until `allow()`, and notes the connections of the page's telephone."""


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        number = {"number": "+33800212000", "country": "FR", "languages": ["fr"]}
        found.answers["/site"] = (200, {"languages": ["en"], "numbers": [number], "topics": [], "scoring": {}})
        found.answers["/flow/picture?language=en"] = (200, {"svg": '<svg xmlns="http://www.w3.org/2000/svg"/>'})
        given = {"endpoint": "try-1", "user": "try-1", "password": "secret"}
        found.answers["/try/telephone"] = (200, given)
        yield found


@pytest_asyncio.fixture
async def desk(sqlite_url: str, controller: StandIn) -> AsyncIterator[TestDesk]:
    async with serving(sqlite_url, controller.port) as found:
        found.desk.settings = replace(found.desk.settings, has_try=True)
        await found.operator("1002")
        yield found


async def test_a_call_that_is_hung_up_before_the_microphone_is_allowed_is_not_made(
    desk: TestDesk, browser: Browser
) -> None:
    context = await browser.new_context(locale="en")
    page = await context.new_page()
    await page.goto(desk.url + await desk.link("1002"))
    await page.click("button.primary")
    await page.wait_for_url("**/account*")
    await context.add_init_script(ASKS)
    await page.goto(f"{desk.url}/try")
    await page.click("#try-call")
    await when(page, "() => window.allow")
    await page.click("#try-end")
    await expect(page.locator("#try")).to_have_attribute("data-phase", "ended")
    await page.evaluate("() => allow()")
    await when(page, "() => track.readyState === 'ended'")  # nobody listens to the room any more
    assert await page.evaluate("() => sockets") == []
    await page.evaluate("() => { window.allow = null }")
    await page.click("#try-call")  # and the next call is made
    await when(page, "() => window.allow")
    await page.evaluate("() => allow()")
    await when(page, "() => sockets.length === 1")
    await context.close()
