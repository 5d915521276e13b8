"""An operator's telephone in a real browser: it rings, both hear each other, and it survives what happens to pages."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from browser_telephone import HIDE, MICROPHONE_HZ, Pages, WebTelephone, desk_of, when
from conftest import LONE_OFFSET, short_folder
from levels import longest_silence
from line import FRENCH_NUMBER, Line
from offers import outcomes
from playwright.async_api import Browser, BrowserContext
from talking import CALLER_HZ, call_id

from ivr.softphone.sound import RATE, Samples, tone_share
from ivr.softphone.telephone import Call, Telephones

pytest_plugins = ["browser"]

OPERATOR_HZ = 2350.0
"""Of an operator on an ordinary telephone."""


@pytest.fixture(scope="module")
async def shared_desk_line() -> AsyncIterator[Line]:
    """A line whose site has the desk."""
    with short_folder("hatif-desk-") as folder:
        line = Line(Path(folder), LONE_OFFSET)
        site = line.site / "site.toml"
        address = f'address = "http://localhost:{8580 + line.offset}"'  # of the tests' pages, for the gate
        text = site.read_text().replace("[desk]\nenabled = false", f"[desk]\nenabled = true\n{address}")
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


async def test_a_caller_rings_the_browser_and_both_hear_each_other_until_the_operator_hangs_up(
    desk_line: Line, telephones: Telephones, pages: Pages
) -> None:
    """Meanwhile the microphone is unplugged, and much of the audio is lost."""
    operator, caller = desk_line.speaks("fr"), "+33613000901"
    page = await pages.open(operator)
    call = await talking(desk_line, telephones, page, caller)
    await page.page.evaluate("unplug()")
    await page.has_said("The microphone is gone")
    await page.reports("problem", None)
    await call.hears_tone(MICROPHONE_HZ)
    identity = call_id(desk_line, caller)
    await page.page.evaluate("id => document.getElementById('call').dataset.call = id", identity)
    await page.page.evaluate("lose()")
    await page.says("packets are lost")
    await page.ask("hangup")
    await page.reports("call", "none")
    await page.reports("problem", None)
    await call.hangup()
    story = await desk_line.story(caller)
    assert story["call"]["operator"] == operator
    assert "whispered" not in [event["kind"] for event in story["events"]]
    (bad,) = [event["data"] for event in story["events"] if event["kind"] == "bad_audio"]
    assert (bad["operator"], round(bad["loss"], 2)) == (operator, 0.1)


async def test_an_answer_that_is_faster_than_the_call_is_not_lost_and_answers_no_later_one(
    desk_line: Line, telephones: Telephones, pages: Pages
) -> None:
    """The desk shows an offer by itself, which can be before the telephone rings."""
    page = await pages.open(desk_line.speaks("fr"))
    await page.start()
    await page.page.evaluate("window.holds = []")
    call = await desk_line.asks_for_operator(telephones, "+33613000917")
    await when(page.page, "() => holds.length > 0")
    await page.ask("answer")
    await page.page.evaluate("comes()")
    await page.reports("call", "talking")
    await call.hears_tone(MICROPHONE_HZ)
    await call.hangup()
    await page.reports("call", "none")
    call = await desk_line.asks_for_operator(telephones, "+33613000918")
    await page.reports("call", "ringing")
    await asyncio.sleep(0.2)
    assert (await page.now())["call"] == "ringing"
    await call.hangup()


@pytest.mark.parametrize("cut_s", [2, pytest.param(10, marks=pytest.mark.long)])
async def test_a_call_survives_another_controller_a_page_that_is_loaded_again_and_a_connection_that_is_cut(
    desk_line: Line,
    telephones: Telephones,
    pages: Pages,
    record_property: Callable[[str, object], None],
    cut_s: float,
) -> None:
    page = await pages.open(desk_line.speaks("fr"))
    call = await talking(desk_line, telephones, page, "+33613000902")
    before, since = call_id(desk_line, "+33613000902"), call.clock
    await desk_line.restart()
    assert longest_silence(call.heard(since)).length_s < 0.3, "another controller is not heard"

    began = time.monotonic()
    await page.page.reload()
    await page.reports("call", "talking")
    await call.hears_tone(MICROPHONE_HZ)
    record_property("from the reload to audio again, s", round(time.monotonic() - began, 2))  # wanted: 5
    await page.hears_tone(CALLER_HZ)
    assert call_id(desk_line, "+33613000902") == before, "the page takes the same call back"

    since = call.clock
    # The desk is away as well: the page has nothing but its ticket.
    await page.page.context.route("**/credential", lambda route: route.abort())
    await desk_line.stop_process("gate")
    await page.reports("state", "lost")
    await asyncio.sleep(cut_s)
    desk_line.start_processes()
    await page.reports("state", "registered", 15)
    await asyncio.sleep(1)  # the call is renegotiated
    assert longest_silence(call.heard(since)).length_s < 0.5, "a cut of the signalling is not heard"
    await call.hears_tone(MICROPHONE_HZ)
    await page.hears_tone(CALLER_HZ)
    await page.ask("hangup")  # which Asterisk hears from the new connection
    await page.reports("call", "none")
    await call.hangup()
    story = await desk_line.story("+33613000902")
    assert decisions_of(story) == [page.operator]
    kinds = [event["kind"] for event in story["events"]]
    assert kinds.count("page_gone") == kinds.count("page_back") == kinds.count("connected") == 1


async def test_an_operator_without_a_connection_mutes_and_ends_their_call_and_it_does_not_come_back(
    desk_line: Line, telephones: Telephones, pages: Pages
) -> None:
    page = await pages.open(desk_line.speaks("fr"))
    call = await talking(desk_line, telephones, page, "+33613000917")
    await desk_line.stop_process("gate")
    await page.reports("state", "lost")
    await page.ask("mute")
    await page.reports("muted", True)
    await desk_line.until(lambda: longest_silence(call.heard(call.clock - 0.5)).length_s > 0.3, 8, "the page is muted")
    await page.ask("hangup")
    await page.reports("call", "none")
    since, reported = call.clock, await page.page.evaluate("reports.length")
    desk_line.start_processes()
    await page.reports("state", "registered", 15)
    await call.hears(desk_line.audio("fr", "survey_question")[:6000], 12, since)
    assert not await page.page.evaluate("since => reports.slice(since).some(({ call }) => call)", reported)
    await call.hangup()
    story = await desk_line.story("+33613000917")
    assert decisions_of(story) == [page.operator]
    assert [pairing["reason"] for pairing in story["pairings"]] == ["operator"]


async def test_a_caller_whose_operators_page_does_not_come_back_goes_to_the_next_one_with_their_place(
    desk_line: Line, telephones: Telephones, pages: Pages, record_property: Callable[[str, object], None]
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
    record_property("from a closed page to the next operator, s", round(time.monotonic() - began, 2))  # wanted: 12
    await call.hangup()
    story = await desk_line.story("+33613000903")
    assert decisions_of(story) == [first, second]


async def test_a_consulted_colleague_whose_page_hangs_is_given_up_after_two_seconds(
    desk_line: Line, telephones: Telephones, pages: Pages, record_property: Callable[[str, object], None]
) -> None:
    """In virtual time to the second: test_browsers_that_do_not_ring.py."""
    first = desk_line.speaks("fr")
    await desk_line.phone(telephones, first, answers=OPERATOR_HZ)
    call = await desk_line.asks_for_operator(telephones, "+33613000912")
    await call.hears_tone(OPERATOR_HZ)
    page = await pages.open(desk_line.speaks("fr", but=(first,)))
    await page.start()
    await desk_line.until(lambda: desk_line.operator_state(page.operator) == "ready", 8, "the colleague is ready")
    await page.page.evaluate("window.hangs = true")
    began, path = time.monotonic(), f"/calls/{call_id(desk_line, '+33613000912')}/consult"
    await asyncio.to_thread(desk_line.control, "POST", path, {"operator": page.operator})
    gone = "the colleague is given up"
    await desk_line.until(lambda: desk_line.operator_reason(page.operator) == "unreachable", 6, gone)
    took = time.monotonic() - began
    record_property("until a consulted colleague whose page hangs is given up, s", round(took, 2))
    assert took > 2.0
    await call.hears_tone(OPERATOR_HZ)
    await call.hangup()
    story = await desk_line.story("+33613000912")
    assert outcomes(story) == [(first, "accepted"), (page.operator, "unreachable")]


async def test_another_tab_shows_the_telephone_and_takes_it_over_when_its_tab_is_closed(
    desk_line: Line, telephones: Telephones, pages: Pages, record_property: Callable[[str, object], None]
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
    await second.hears_tone(CALLER_HZ, 15)  # first: what the caller has heard last may be the closed tab
    await call.hears_tone(MICROPHONE_HZ)
    record_property("from a closed tab to audio in the other one, s", round(time.monotonic() - began, 2))  # wanted: 5
    await call.hangup()
    await second.reports("call", "none")


async def test_a_telephone_tests_its_sound_and_a_second_computer_asks_before_it_takes_it_away(
    desk_line: Line, browser: Browser, pages: Pages
) -> None:
    """Then it gets a new password, as its former one is ended."""
    operator = desk_line.speaks("fr")
    first = await pages.open(operator)
    await first.start()
    await first.ask("test-sound")
    await first.reports("call", "talking")
    await first.hears_tone(MICROPHONE_HZ)
    assert (await first.page.evaluate("level")) > 0.3  # of the microphone, which the page shows
    await first.ask("hangup")
    await first.reports("call", "none")

    context = await allowed(browser, pages.url)
    second = await Pages(context, pages.url).open(operator, holder="other")
    await second.ask("start-shift")
    await second.says("on another computer")
    await second.start()
    await first.says("on another computer")
    assert (await first.now())["state"] == "off"

    await desk_line.until(lambda: desk_line.operator_state(operator) == "ready", 8, "the operator is ready")
    before = desk_line.control("POST", f"/operators/{operator}/web_telephone", {"holder": "other"})
    desk_line.control("DELETE", f"/operators/{operator}/web_telephone")
    await desk_line.until(lambda: desk_line.operator_state(operator) == "ready", 8, "the operator is ready again")
    after = desk_line.control("POST", f"/operators/{operator}/web_telephone", {"holder": "other"})
    assert before["password"] != after["password"]
    await context.close()


async def test_a_page_without_a_microphone_says_what_to_do_and_registers_by_itself_after_a_restart_of_asterisk(
    desk_line: Line, pages: Pages
) -> None:
    operator = desk_line.speaks("fr")
    page = await pages.open(operator)
    await page.page.evaluate("forbid(true)")
    await page.ask("start-shift")
    await page.says("Allow it beside the page's address")
    assert (await page.now())["state"] == "off"
    await page.page.evaluate("forbid(false)")
    await page.start()
    os.kill(desk_line.pid("asterisk"), signal.SIGKILL)
    await page.has_reported("state", "lost")
    await page.reports("state", "registered", 60)
    await desk_line.until(lambda: desk_line.operator_state(operator) == "ready", 10, "the operator is ready")


@pytest.mark.long
async def test_from_the_click_both_hear_each_other(
    desk_line: Line, telephones: Telephones, pages: Pages, record_property: Callable[[str, object], None]
) -> None:
    page = await pages.open(desk_line.speaks("fr"))
    await page.start()
    took: list[float] = []
    for number in range(40):
        await desk_line.until(lambda: desk_line.operator_state(page.operator) == "ready", 8, "the operator is ready")
        call = await desk_line.asks_for_operator(telephones, f"+336130092{number:02}")
        call.tone(CALLER_HZ)
        await page.reports("call", "ringing")
        clicked = call.clock
        in_page = await page.page.evaluate("answered()")
        await call.hears_tone(MICROPHONE_HZ)
        in_caller = first_tone(call.heard(clicked), MICROPHONE_HZ)
        took.append(max(in_page, in_caller))
        await call.hangup()
        await page.reports("call", "none")
    took.sort()
    figures = {"p50": took[len(took) // 2], "p95": took[-1 - len(took) // 20], "largest": took[-1]}
    record_property("from the click to audio both ways, s", figures)  # wanted: p95 of 0.5 s


async def test_without_a_controller_asterisk_rings_the_browser(
    desk_line: Line, telephones: Telephones, pages: Pages
) -> None:
    page = await pages.open(desk_line.speaks("fr"))
    await page.start()
    await desk_line.until_astdb("hatif-operator", page.operator, "ready|")  # Asterisk knows it, not only the controller
    await desk_line.without_controller()
    call = await telephones.caller("+33613000907").dial(f"sip:{FRENCH_NUMBER}@{desk_line.sip}")
    call.tone(CALLER_HZ)
    await page.reports("call", "ringing", 40)  # after the prompts, and some attempts to reach the controller
    await page.ask("answer")
    await call.hears_tone(MICROPHONE_HZ)
    await page.hears_tone(CALLER_HZ)
    await call.hangup()
    await page.reports("call", "none")
    await desk_line.controller_again()


@pytest.mark.long
async def test_a_page_in_the_background_for_twenty_minutes_still_rings(
    desk_line: Line, telephones: Telephones, pages: Pages
) -> None:
    page = await pages.open(desk_line.speaks("fr"))
    await page.start()
    front = await page.page.context.new_page()
    await front.bring_to_front()
    await page.page.evaluate(HIDE)
    await asyncio.sleep(20 * 60)
    assert desk_line.operator_state(page.operator) == "ready"
    call = await desk_line.asks_for_operator(telephones, "+33613000909")
    call.tone(CALLER_HZ)
    await page.reports("call", "ringing")
    await when(page.page, "() => playing().some(({ loop }) => loop) && notifications.length === 1")
    await page.ask("answer")
    await call.hears_tone(MICROPHONE_HZ)
    await call.hangup()


def first_tone(heard: Samples, hz: float) -> float:
    """Return after how many seconds a tone begins."""
    window, hop = RATE // 20, RATE // 100
    starts = range(0, len(heard) - window, hop)
    return next(start / RATE for start in starts if tone_share(heard[start : start + window], hz) > 0.5)


def decisions_of(story: dict[str, Any]) -> list[str]:
    """Return the operators to whom the call was offered."""
    return [event["data"]["operator"] for event in story["events"] if event["kind"] == "offered"]
