"""The question why, in a real browser: one click, and what was asked for is there; during a call nobody is asked."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest_asyncio
from controller import StandIn, standing_in
from desk_server import TestDesk, serving
from playwright.async_api import Browser, expect
from stored_cases import NUMBER, REFERENCE
from test_desk_browser import shift, usable
from test_desk_case import seed

from db.enums import AccountRole

pytest_plugins = ["db_fixtures", "browser"]

ASKED = "Why do you look at this?"


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        yield found


@pytest_asyncio.fixture
async def desk(sqlite_url: str, controller: StandIn) -> AsyncIterator[TestDesk]:
    async with serving(sqlite_url, controller.port) as found:
        await found.operator("1002")
        await found.account("admin", AccountRole.ADMINISTRATOR)
        await seed(found.engine)
        await controller.followed(found)
        yield found


async def test_one_click_says_why_and_shows_what_was_asked_for_and_a_call_needs_none(
    desk: TestDesk, controller: StandIn, browser: Browser
) -> None:
    context = await browser.new_context(locale="en", reduced_motion="reduce", viewport={"width": 1280, "height": 800})
    try:
        page = await shift(desk, context)
        found, file = page.locator("#found"), page.locator("#case-file")
        await page.locator("#find").fill("passport")
        await expect(found).to_contain_text(ASKED)
        await expect(found).not_to_contain_text("First passport")
        await usable(page, "the question why", "#found")
        await found.get_by_role("button", name="A colleague has asked me").click()
        await expect(found).to_contain_text("First passport")
        await expect(page.get_by_text(ASKED)).to_have_count(0)
        await found.get_by_role("button", name="First passport").click()
        await expect(file.locator("input[name=title]")).to_have_value("First passport")
        assert [(row["act"], row["reason"]) for row in desk.traces()] == [
            ("read_search", "colleague"), ("read_case", "colleague"),
        ]  # fmt: skip
        # With the reason gone, a call is one: the file comes by itself as the operator answers.
        desk.app.state.readings._reasons.clear()
        call = str(uuid4())
        controller.connect("1002", identity=call, caller=NUMBER, case=REFERENCE)
        await expect(page.locator("#case .caller")).to_have_attribute("data-call", call)
        await expect(file.locator("input[name=title]")).to_have_value("First passport")
        await expect(page.get_by_text(ASKED)).to_have_count(0)
        assert {row["reason"] for row in desk.traces()[2:]} == {"call"}
    finally:
        await context.close()


async def test_a_file_that_is_taken_out_of_the_desk_comes_after_one_click(desk: TestDesk, browser: Browser) -> None:
    context = await browser.new_context(locale="en", reduced_motion="reduce", viewport={"width": 1280, "height": 800})
    try:
        await desk.enters(context, "admin")
        page = await context.new_page()
        await page.goto(f"{desk.url}/site/audit")
        await page.get_by_role("link", name="CSV").click()
        await expect(page.get_by_text(ASKED)).to_be_visible()
        async with page.expect_download() as coming:
            await page.get_by_role("button", name="A complaint, or quality").click()
        assert (await coming.value).suggested_filename.endswith(".csv")
        assert [(row["act"], row["about"], row["reason"]) for row in desk.traces()] == [
            ("read_list", "list:audit", None),
            ("read_export", "export:audit", "complaint"),
        ]
    finally:
        await context.close()
