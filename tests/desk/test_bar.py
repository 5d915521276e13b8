"""The bar at the top has all pages of an administrator in one row, on the screens that supervisors have."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from controller import StandIn, standing_in
from desk_server import TestDesk, serving
from playwright.async_api import Browser

from db.enums import AccountRole

pytest_plugins = ["db_fixtures", "browser"]

WHO = "1040"


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        yield found


@pytest_asyncio.fixture
async def desk(sqlite_url: str, controller: StandIn) -> AsyncIterator[TestDesk]:
    async with serving(sqlite_url, controller.port) as found:
        found.desk.settings = replace(found.desk.settings, has_try=True)
        await found.account(WHO, AccountRole.ADMINISTRATOR, WHO)
        await controller.followed(found)
        yield found


@pytest.mark.parametrize("language", ["en", "fr", "ar"])
async def test_the_bar_is_one_row_on_common_screens(
    desk: TestDesk, controller: StandIn, browser: Browser, language: str
) -> None:
    context = await browser.new_context(locale=language, viewport={"width": 1280, "height": 800})
    page = await context.new_page()
    await page.goto(desk.url + await desk.link(WHO))
    await page.click("button.primary")
    await page.wait_for_url("**/account*")
    too_high = []
    for path in ("/shift", "/board", "/supervise", "/reports", "/try"):
        await page.goto(desk.url + path)
        assert await page.locator(".pages a").count() > 9
        for width in (1280, 1440, 1920):
            await page.set_viewport_size({"width": width, "height": 800})
            bar = await page.evaluate(
                """() => {
                  const bar = document.querySelector(".bar"), entries = [...bar.querySelectorAll(".pages a")];
                  const rows = new Set(entries.map((entry) => Math.round(entry.getBoundingClientRect().top)));
                  const most = Math.max(...[...bar.querySelectorAll("a, button")].map((one) => one.offsetHeight));
                  return { rows: rows.size, wide: bar.scrollWidth - bar.clientWidth, most };
                }"""
            )
            if bar["rows"] != 1 or bar["wide"] > 0 or bar["most"] > 46:
                too_high.append((path, width, bar))
    assert too_high == []
    await context.close()
