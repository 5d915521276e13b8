"""Seven tabs of one browser all show what happens, though a browser has six connections for a host."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest_asyncio
from controller import StandIn, call, operator, standing_in
from desk_server import TestDesk, serving
from playwright.async_api import Browser, BrowserContext, Page, expect

from wire.live import OperatorCall

pytest_plugins = ["db_fixtures", "browser"]

SUPERVISOR, COLLEAGUE = "1040", "1003"
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg"><g id="node-operator"><rect width="9" height="9"/></g></svg>'


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        for language in ("en", "fr"):
            found.answers[f"/flow/picture?language={language}"] = (200, {"svg": PICTURE})
        yield found


@pytest_asyncio.fixture
async def desk(sqlite_url: str, controller: StandIn) -> AsyncIterator[TestDesk]:
    async with serving(sqlite_url, controller.port) as found:
        found.desk.settings = replace(found.desk.settings, has_try=True)
        await found.operator(SUPERVISOR, supervisor=True)
        await controller.followed(found)
        yield found


async def tab(context: BrowserContext, url: str, shows: str) -> Page:
    page = await context.new_page()
    await page.goto(url)
    await expect(page.locator(shows).first).to_be_visible()
    return page


async def test_seven_tabs_of_one_browser_all_show_the_next_event_and_still_answer(
    desk: TestDesk, controller: StandIn, browser: Browser
) -> None:
    context = await browser.new_context(locale="en", reduced_motion="reduce", viewport={"width": 1280, "height": 900})
    context.set_default_timeout(60_000)
    await desk.enters(context, SUPERVISOR)
    first = await context.new_page()
    await first.goto(f"{desk.url}/shift")
    await expect(first.locator("#state")).to_be_visible()
    board = await tab(context, f"{desk.url}/board", f"#seat-{COLLEAGUE}")
    supervise = await tab(context, f"{desk.url}/supervise", f"#person-{COLLEAGUE}")
    reports = await tab(context, f"{desk.url}/reports", "#span")
    tries = [await tab(context, f"{desk.url}/try", "#try-picture svg") for _ in range(3)]

    trained = call(training=SUPERVISOR, state="waiting")
    offered = OperatorCall(id=trained.id, language="fr", caller=trained.caller, place=None)
    controller.set(
        operator(SUPERVISOR, "offered", supervisor=True, training=True, call=offered),
        operator(COLLEAGUE, "paused", reason="lunch"),
        calls=[trained],
    )

    await expect(first.locator("#call")).to_have_attribute("data-phase", "offered")
    await expect(board.locator(f"#seat-{COLLEAGUE}")).to_contain_text("Paused")
    await expect(supervise.locator(f"#person-{COLLEAGUE}")).to_contain_text("Paused")
    for page in tries:
        await expect(page.locator("#node-operator.is-here")).to_be_visible()
        await expect(page.locator("#try")).to_have_attribute("data-node", "operator")
    # What is asked for gets through as well: the page of reports, and the worklist beside the call.
    await reports.select_option("#by", "language")
    await reports.click("button.primary")
    await reports.wait_for_url("**by=language**")
    await first.locator('[data-opens="worklist"]').click()
    await expect(first.locator("#work")).to_be_visible()
    await tries[0].close()  # it may be the one that reads for the others
    controller.set(operator(SUPERVISOR, "ready", supervisor=True), calls=[])
    controller.set(operator(COLLEAGUE, "ready"))
    await expect(board.locator(f"#seat-{COLLEAGUE}")).to_contain_text("Ready")
    controller.set(calls=[call("next", training=SUPERVISOR, node="operator")])
    for page in tries[1:]:
        await expect(page.locator("#try-facts")).to_be_visible()
        await expect(page.locator("#node-operator.is-here")).to_be_visible()
    await context.close()
