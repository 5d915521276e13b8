"""What must fit a screen: pages, the bar of an administrator, and a wallboard with two alarms and 36 operators."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from controller import StandIn, call, operator, standing_in, waiter
from desk_server import TestDesk, serving
from playwright.async_api import Browser, expect

from db.enums import AccountRole
from wire.live import Alarm, AlarmKind, OperatorCall

pytest_plugins = ["db_fixtures", "browser"]

WHO = "1040"

ARABIC = {"/supervise": "المحادثات", "/board": "مستوى الخدمة", "/recordings": "التسجيلات"}
ALL = ("/shift", "/board", "/supervise", "/reports", "/try", "/people")
PATHS = {"fr": ALL, "ar": tuple(ARABIC), "en": ALL}
"""The pages that are looked at, in each language."""

BAR = """() => {
  const bar = document.querySelector(".bar"), entries = [...bar.querySelectorAll(".pages a")];
  const rows = new Set(entries.map((entry) => Math.round(entry.getBoundingClientRect().top)));
  const most = Math.max(...[...bar.querySelectorAll("a, button")].map((one) => one.offsetHeight));
  const page = document.scrollingElement.scrollWidth;
  return { rows: rows.size, wide: bar.scrollWidth - bar.clientWidth, most, page };
}"""

TWO_CM = 2 / 68.5 * 1080
"""Pixels of a screen of 55 inches with 1080 lines."""

DIGITS = """() => {
  const canvas = document.createElement("canvas").getContext("2d");
  const far = ".board-waiting td.number, .board-waiting tbody th, .figure dd:not(.before), .alarm-text";
  return [...document.querySelectorAll(far)].map((one) => {
    const style = getComputedStyle(one);
    canvas.font = `${style.fontWeight} 1000px ${style.fontFamily}`;
    return canvas.measureText("0").actualBoundingBoxAscent * parseFloat(style.fontSize) / 1000;
  });
}"""
"""How high the digits are of all that is read from 5 m."""


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


def rush(controller: StandIn) -> None:
    """Have 36 operators there, ten callers waiting, and two alarms."""
    languages, now = ("ar", "fr", "es", "it", "nl", "de", "en"), time.time()
    controller.calls = [call(f"call-{number}", language=languages[number % 7]) for number in range(36)]
    talking = [
        OperatorCall(id=row.id, language=row.language, caller=row.caller, place=None) for row in controller.calls
    ]
    controller.operators = [
        operator(str(1001 + number), ("talking", "paused", "ready")[number % 3], reason="lunch", call=talking[number])
        for number in range(36)
    ]
    controller.queue = [
        waiter(place, languages[place % 7], now - 30 * place, topic="documents") for place in range(1, 11)
    ]
    controller.alarms = [
        Alarm(id="many_waiting", kind=AlarmKind.MANY_WAITING, text="", since=now - 95, figure=10),
        Alarm(id="service_level", kind=AlarmKind.SERVICE_LEVEL, text="", since=now - 95, figure=0.62),
    ]
    controller.answers["/outlook"] = (200, {"expected_s": dict.fromkeys(languages, 95.0)})
    controller.answers["/hours"] = (200, {"open": True, "until": None})
    controller.changed.set()


@pytest.mark.parametrize("language", ["fr", "ar", pytest.param("en", marks=pytest.mark.long)])
async def test_each_page_fits_a_common_screen_with_its_bar_in_one_row_and_the_wallboard_a_large_one(
    desk: TestDesk, controller: StandIn, browser: Browser, language: str
) -> None:
    """In French, whose words are the longest, and in Arabic, whose pages are read from the right."""
    context = await browser.new_context(
        locale=language, reduced_motion="reduce", viewport={"width": 1280, "height": 800}
    )
    await desk.enters(context, WHO)
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    too_high = []
    for path in PATHS[language]:
        await page.goto(desk.url + path)
        assert await page.evaluate("document.dir") == ("rtl" if language == "ar" else "ltr"), path
        if language == "ar":
            await expect(page.locator("main")).to_contain_text(ARABIC[path])
        assert await page.locator(".pages a").count() > 9
        for width in (1280, 1440, 1920):
            await page.set_viewport_size({"width": width, "height": 800})
            bar = await page.evaluate(BAR)
            if bar["rows"] != 1 or bar["wide"] > 0 or bar["most"] > 46 or bar["page"] > width:
                too_high.append((path, width, bar))
    assert too_high == []

    rush(controller)
    await controller.seen(desk)
    await page.set_viewport_size({"width": 1920, "height": 1080})
    await page.goto(f"{desk.url}/board")
    await page.wait_for_selector(".alarm:nth-child(2)")
    await expect(page.locator(".seat").nth(35)).to_be_attached()
    assert await page.evaluate("document.documentElement.scrollHeight") <= 1080, "the wallboard is too high"
    digits = await page.evaluate(DIGITS)
    assert len(digits) > 20 and min(digits) >= TWO_CM, "digits that are read from 5 m are too small"
    assert errors == []
    await context.close()
