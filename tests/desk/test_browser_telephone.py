"""An operator's telephone in a real browser: it rings, both hear each other, and it survives what happens to pages."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from browser_telephone import MICROPHONE_HZ, Pages, desk_of, started
from conftest import OFFSET, short_folder
from line import Line
from playwright.async_api import Browser
from talking import CALLER_HZ

from ivr.softphone.telephone import Telephones


@pytest.fixture(scope="module")
async def desk_line() -> AsyncIterator[Line]:
    """A line whose site has the desk."""
    with short_folder("hatif-desk-") as folder:
        line = Line(Path(folder), OFFSET + 1000)
        site = line.site / "site.toml"
        site.write_text(site.read_text().replace("enabled = false", "enabled = true"))
        try:
            await line.up()
            yield line
        finally:
            await line.down()


@pytest.fixture(scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with started(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture
async def pages(desk_line: Line, browser: Browser) -> AsyncIterator[Pages]:
    async with desk_of(desk_line, 8080 + desk_line.offset + 500) as url:
        context = await browser.new_context()
        await context.grant_permissions(["microphone", "notifications"], origin=url)
        yield Pages(desk_line, context, url)
        await context.close()


async def test_a_caller_rings_the_browser_and_both_hear_each_other(
    desk_line: Line, telephones: Telephones, pages: Pages
) -> None:
    operator = desk_line.speaks("fr")
    page = await pages.open(operator)
    await page.start()
    await desk_line.until(lambda: desk_line.operator_state(operator) == "ready", 5, "the operator is ready")
    call = await desk_line.asks_for_operator(telephones, "+33613000901")
    call.tone(CALLER_HZ)
    await page.reports("call", "ringing")
    await page.ask("answer")
    await page.reports("call", "talking")
    await call.hears_tone(MICROPHONE_HZ)
    await page.hears_tone(CALLER_HZ)
    await page.ask("hangup")
    await page.reports("call", "none")
    await call.hangup()
    story = await desk_line.story("+33613000901")
    assert story["call"]["operator"] == operator
