"""What a caller has said in a message appears beside its player, in a real browser."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest_asyncio
from controller import StandIn, standing_in
from desk_server import serving
from message_line import WITHIN_S, MessageLine
from playwright.async_api import Browser, expect
from test_desk_browser import shift

from ivr.model import clock
from speech.models import Models

pytest_plugins = ["db_fixtures", "browser", "speech_models"]


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        yield found


async def test_the_text_of_a_message_appears_beside_its_player_marked_as_automatic(
    tmp_path: Path, models: Models, controller: StandIn, browser: Browser
) -> None:
    texts = MessageLine(tmp_path)
    async with serving(texts.url, controller.port) as desk:
        desk.desk.settings = replace(desk.desk.settings, home=texts.home)
        await desk.operator("1002")
        await controller.followed(desk)
        taken = {"taken": clock.now(), "taken_by": "1002", "duration_ms": 4000, "caller": "+33612345678"}
        message = await texts.leave(texts.say(), **taken)
        context = await browser.new_context(locale="en", viewport={"width": 1280, "height": 800})
        page = await shift(desk, context)
        row = page.locator(f"#message-{message}")
        await page.click('[data-opens="worklist"]')
        await expect(row.locator("audio")).to_be_visible()
        await expect(row.locator(".transcript")).to_have_count(0)
        async with texts.transcriber():
            await texts.ended(message)
        await page.reload()
        await page.click('[data-opens="worklist"]')
        await expect(row.locator("audio")).to_be_visible()
        await expect(row.locator("blockquote")).to_contain_text("lost my passport", timeout=1000 * WITHIN_S)
        await expect(row.locator("figcaption")).to_contain_text("Automatic text, may be wrong")
        await expect(row.locator("figcaption")).to_contain_text("English")
        await context.close()
