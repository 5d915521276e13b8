"""An operator's telephone in a real browser: it rings, both hear each other, and it survives what happens to pages."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from browser_telephone import MICROPHONE_HZ, Pages, WebTelephone, desk_of, started
from conftest import OFFSET, short_folder
from line import Line
from playwright.async_api import Browser, BrowserContext
from talking import CALLER_HZ, call_id

from ivr.softphone.sound import longest_silence
from ivr.softphone.telephone import Call, Telephones

OPERATOR_HZ = 2350.0
"""Of an operator on an ordinary telephone."""


@pytest.fixture(scope="module")
async def shared_desk_line() -> AsyncIterator[Line]:
    """A line whose site has the desk."""
    with short_folder("hatif-desk-") as folder:
        line = Line(Path(folder), OFFSET + 1000)
        site = line.site / "site.toml"
        address = f'address = "http://localhost:{8580 + line.offset}"'  # of the tests' pages, for the gate
        text = site.read_text().replace("enabled = false", f"enabled = true\n{address}")
        site.write_text(text.replace("whisper = false", "whisper = true"))  # which the desk does without
        try:
            await line.up()
            yield line
        finally:
            await line.down()


@pytest.fixture
async def desk_line(shared_desk_line: Line) -> AsyncIterator[Line]:
    """The line for one test, which leaves nothing behind. Request it before telephones and pages."""
    yield shared_desk_line
    shared_desk_line.start_processes()
    await shared_desk_line.cleared()


@pytest.fixture(scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with started(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture
async def pages(desk_line: Line, browser: Browser) -> AsyncIterator[Pages]:
    async with desk_of(desk_line, 8580 + desk_line.offset) as url:
        context = await allowed(browser, url)
        yield Pages(context, url)
        await context.close()


async def allowed(browser: Browser, url: str) -> BrowserContext:
    """Return a browser of its own in which pages may use the microphone and show notifications."""
    context = await browser.new_context()
    await context.grant_permissions(["microphone", "notifications"], origin=url)
    return context


async def talking(line: Line, telephones: Telephones, page: WebTelephone, caller: str) -> Call:
    """Return a caller who talks with the operator of a page."""
    if (await page.now()).get("state") != "registered":
        await page.start()
    await line.until(lambda: line.operator_state(page.operator) == "ready", 8, "the operator is ready")
    call = await line.asks_for_operator(telephones, caller)
    call.tone(CALLER_HZ)
    await page.reports("call", "ringing")
    await page.ask("answer")
    await page.reports("call", "talking")
    await call.hears_tone(MICROPHONE_HZ)
    await page.hears_tone(CALLER_HZ)
    return call


async def test_a_caller_rings_the_browser_and_both_hear_each_other(
    desk_line: Line, telephones: Telephones, pages: Pages
) -> None:
    operator = desk_line.speaks("fr")
    page = await pages.open(operator)
    call = await talking(desk_line, telephones, page, "+33613000901")
    await page.ask("hangup")
    await page.reports("call", "none")
    await call.hangup()
    story = await desk_line.story("+33613000901")
    assert story["call"]["operator"] == operator
    assert "whispered" not in [event["kind"] for event in story["events"]]


async def test_a_page_that_is_loaded_again_in_a_call_takes_the_same_call_back_within_five_seconds(
    desk_line: Line,
    telephones: Telephones,
    pages: Pages,
    record_property: Callable[[str, object], None],
) -> None:
    page = await pages.open(desk_line.speaks("fr"))
    call = await talking(desk_line, telephones, page, "+33613000902")
    before, began = call_id(desk_line, "+33613000902"), time.monotonic()
    await page.page.reload()
    await page.reports("call", "talking")
    await call.hears_tone(MICROPHONE_HZ)
    took = time.monotonic() - began
    record_property("from the reload to audio again, s", round(took, 2))
    assert took < 5.0
    await page.hears_tone(CALLER_HZ)
    assert call_id(desk_line, "+33613000902") == before
    await call.hangup()
    story = await desk_line.story("+33613000902")
    assert decisions_of(story) == [page.operator]
    kinds = [event["kind"] for event in story["events"]]
    assert kinds.count("page_gone") == kinds.count("page_back") == kinds.count("connected") == 1


async def test_a_caller_whose_operators_page_does_not_come_back_goes_to_the_next_one_with_their_place(
    desk_line: Line, telephones: Telephones, pages: Pages
) -> None:
    first = desk_line.speaks("fr")
    page = await pages.open(first)
    call = await talking(desk_line, telephones, page, "+33613000903")
    second = desk_line.speaks("fr", but=(first,))
    await desk_line.phone(telephones, second, answers=OPERATOR_HZ)
    since, began = call.clock, time.monotonic()
    await page.page.close()
    await call.hears(desk_line.audio("fr", "moment")[:6000], since_s=since)
    await call.hears(desk_line.audio("fr", "operator_gone")[:6000], 12, since_s=since)
    await call.hears_tone(OPERATOR_HZ)
    assert time.monotonic() - began < 12.0
    await call.hangup()
    story = await desk_line.story("+33613000903")
    assert decisions_of(story) == [first, second]


async def test_a_connection_that_is_cut_for_ten_seconds_does_not_disturb_the_call(
    desk_line: Line, telephones: Telephones, pages: Pages
) -> None:
    page = await pages.open(desk_line.speaks("fr"))
    call = await talking(desk_line, telephones, page, "+33613000904")
    since = call.clock
    await desk_line.stop_process("gate")
    await page.reports("state", "lost")
    await asyncio.sleep(10)
    desk_line.start_processes()
    await page.reports("state", "registered", 15)
    await asyncio.sleep(1)  # the call is renegotiated
    assert longest_silence(call.heard(since)).length_s < 0.5
    await call.hears_tone(MICROPHONE_HZ)
    await page.hears_tone(CALLER_HZ)
    await page.ask("hangup")  # which Asterisk hears from the new connection
    await page.reports("call", "none")
    await call.hangup()
    assert "page_gone" not in [event["kind"] for event in (await desk_line.story("+33613000904"))["events"]]


async def test_another_tab_shows_the_telephone_and_takes_it_over_when_its_tab_is_closed(
    desk_line: Line, telephones: Telephones, pages: Pages
) -> None:
    operator = desk_line.speaks("fr")
    first, second = await pages.open(operator), await pages.open(operator)
    call = await talking(desk_line, telephones, first, "+33613000905")
    await second.reports("call", "talking")  # as the first tab says
    await second.ask("mute")
    await first.reports("muted", True)
    await second.ask("mute")
    await first.reports("muted", False)
    began = time.monotonic()
    await first.page.close()
    await call.hears_tone(MICROPHONE_HZ)
    assert time.monotonic() - began < 5.0
    await second.hears_tone(CALLER_HZ)
    await call.hangup()
    await second.reports("call", "none")


async def test_a_second_computer_asks_before_it_takes_the_telephone_away(
    desk_line: Line, browser: Browser, pages: Pages
) -> None:
    operator = desk_line.speaks("fr")
    first = await pages.open(operator)
    await first.start()
    context = await allowed(browser, pages.url)
    second = await Pages(context, pages.url).open(operator, holder="other")
    await second.ask("start-shift")
    await second.says("on another computer")
    await second.start()
    await first.says("on another computer")
    assert (await first.now())["state"] == "off"
    await context.close()


async def test_a_telephone_whose_password_was_ended_gets_a_new_one(desk_line: Line, pages: Pages) -> None:
    operator = desk_line.speaks("fr")
    page = await pages.open(operator)
    await page.start()
    await desk_line.until(lambda: desk_line.operator_state(operator) == "ready", 8, "the operator is ready")
    before = desk_line.control("POST", f"/operators/{operator}/web_telephone", {"holder": "test"})
    desk_line.control("DELETE", f"/operators/{operator}/web_telephone")
    await desk_line.until(lambda: desk_line.operator_state(operator) == "ready", 8, "the operator is ready again")
    after = desk_line.control("POST", f"/operators/{operator}/web_telephone", {"holder": "test"})
    assert before["password"] != after["password"]


async def test_a_telephone_registers_by_itself_after_a_restart_of_asterisk(desk_line: Line, pages: Pages) -> None:
    operator = desk_line.speaks("fr")
    page = await pages.open(operator)
    await page.start()
    os.kill(desk_line.pid("asterisk"), signal.SIGKILL)
    await page.has_reported("state", "lost")
    await page.reports("state", "registered", 20)
    await desk_line.until(lambda: desk_line.operator_state(operator) == "ready", 10, "the operator is ready")


def decisions_of(story: dict[str, Any]) -> list[str]:
    """Return the operators to whom the call was offered."""
    return [event["data"]["operator"] for event in story["events"] if event["kind"] == "offered"]
