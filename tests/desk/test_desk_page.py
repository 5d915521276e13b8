"""A day at the desk in a real browser: calls come from real telephones, and go through a real Asterisk."""

import asyncio
import re
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from browser_telephone import HIDE, comes_back, started, when
from desk_pages import DeskPage, DeskPages
from left import begins
from line import Line
from offers import french, pairings
from playwright.async_api import Page, expect
from talking import CALLER_HZ, COLLEAGUE_HZ, hears_music, kinds, never_silent, stands

from ivr.softphone.telephone import Telephones

pytest_plugins = ["browser"]

CALLER = "+33613000916"
RINGING_HZ = 425.0
"""Of the tone that an operator hears while a colleague's telephone rings."""

MICROPHONE = "connection.getSenders().find(({ track }) => track?.kind === 'audio').track.getSettings().deviceId"
"""The device that the call of a page uses."""

WATCH = """() => {
  window.seen = {};
  const see = (name) => { seen[name] ??= Math.round(performance.now()); };
  document.addEventListener("keydown", () => see("key"), true);
  const look = () => {
    if (document.querySelector('#call[data-phase="talking"]')) see("answered");
    if (document.querySelector("#case > .caller")) see("caller");
    if (document.querySelector("#case-file #c-title")) see("case");
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
}"""
"""Notes when a key is pressed, and when the page shows the answer, the caller's file and their case; in ms."""


async def test_from_the_sign_in_to_a_saved_case_by_keyboard_alone_and_a_call_goes_on_while_the_desk_is_down(
    desk_line: Line,
    telephones: Telephones,
    desk_pages: DeskPages,
    record_property: Callable[[str, object], None],
) -> None:
    assert (
        f"The operators' desk: {desk_line.json('status')['addresses']['desk']}"
        in (desk_line.home / "up.log").read_text()
    )
    operator = desk_line.speaks("fr")
    desk = await desk_pages.open(operator, by_keyboard=True)
    await expect(desk.page.locator('[data-telephone="start-shift"]')).to_be_enabled()
    await desk.press('[data-telephone="start-shift"]')
    await expect(desk.page.locator("body")).to_have_attribute("data-telephone", "registered")
    await desk.state("ready")
    call = await desk_line.asks_for_operator(telephones, "+33613000911")
    call.tone(CALLER_HZ)
    await desk.phase("offered")
    await expect(desk.page.locator("#call")).to_contain_text("French")
    await expect(desk.page.locator("#call")).to_contain_text("France")
    await expect(desk.page.locator("#call .offer-word")).to_have_text(re.compile(r"waiting 0:\d\d"))
    await expect(desk.page.locator("#announcements")).to_contain_text("Incoming call: French")
    await desk.page.evaluate(WATCH)
    await desk.page.keyboard.press("F2")
    await desk.phase("talking")
    await call.hears_tone(desk.heard_hz, 5)
    await desk.hears_tone(CALLER_HZ)

    await desk.page.keyboard.press("F4")
    await expect(desk.page.locator("#call-bar")).to_contain_text("On hold")
    await desk.page.keyboard.press("F4")
    await expect(desk.page.locator("#call-bar")).not_to_contain_text("On hold")

    await expect(desk.page.locator(".file #c-title")).to_be_visible()
    seen = await desk.page.evaluate("seen")
    for what in ("answered", "caller", "case"):
        record_property(f"from the key to {what}, ms", seen[what] - seen["key"])  # wanted: 150 from the answer
    await desk.tab_to("#c-title")
    await desk.page.keyboard.type("First passport for a child")
    await desk.press("details.rare summary")
    await desk.tab_to("#c-priority")
    await desk.page.keyboard.type("Hi")
    await desk.press(".file form.grid button.primary")
    await expect(desk.page.locator(".file")).to_contain_text("Saved.")

    await desk.tab_to("#guide-find")
    # On a busy machine, some letters of the word may be looked for as well, and their results replaced. Results take
    # keys once they are settled.
    await desk.page.evaluate(
        """document.addEventListener("htmx:afterSettle", event => {
            if (event.detail.pathInfo.finalRequestPath.endsWith("=passport")) window.guideSettled = true;
        })"""
    )
    await desk.page.keyboard.type("passport")
    await desk.page.wait_for_function("() => window.guideSettled")
    await desk.press("#guide-found button")
    await expect(desk.page.locator("#guide-page h3")).to_have_count(2)  # the operator's language, and the caller's
    await desk.press("#guide-page button")
    await expect(desk.page.locator("#guide-page")).to_contain_text("Noted.")

    await desk.page.keyboard.press("Shift+F2")
    await desk.state("wrapping_up")
    await expect(desk.page.locator("#missing")).to_have_text("Still missing: a note, how it ended")
    await desk.page.keyboard.press("F6")
    await desk.page.keyboard.type("Will bring the photograph.")
    await expect(desk.page.locator("#missing")).to_have_text("Still missing: the note is not saved, how it ended")
    await desk.page.keyboard.press("Shift+F9")
    await desk.page.keyboard.type("Ans")
    await expect(desk.page.locator("#missing")).to_have_text("Still missing: the note is not saved")
    await desk.page.keyboard.press("F9")
    await desk.state("ready")
    await expect(desk.page.locator("#notes ol")).to_contain_text("Will bring the photograph.")
    await call.hangup()

    await desk.tab_to("#find")
    await desk.page.keyboard.type("passport for")
    await expect(desk.page.locator("#found")).to_contain_text(
        "Why do you look at this?"
    )  # they are in no call any more
    await desk.press("#found button")
    await expect(desk.page.locator("#found")).to_contain_text("First passport for a child")
    (found,) = [case for case in desk_line.json("cases") if case["title"] == "First passport for a child"]
    assert found["caller"] == "+33613000911"

    # The next call is answered and ended while the desk is down, and the page comes back. The telephone is cut off
    # meanwhile, and its gate killed: it has nothing but its ticket.
    call = await desk_line.asks_for_operator(telephones, "+33613000913")
    call.tone(CALLER_HZ)
    await desk.phase("offered")
    await desk_line.stop_process("desk")
    await desk.page.locator('#call-bar [data-telephone="answer"]').click()
    await desk.hears_tone(CALLER_HZ)
    await call.hears_tone(desk.heard_hz, 5)
    await expect(desk.page.locator("#connection-lost")).to_be_visible()
    began = time.monotonic()
    async with comes_back(desk.page):
        await desk.page.evaluate("dispatchEvent(new Event('offline'))")
    took_s = round(time.monotonic() - began, 2)
    record_property("without the desk, from a cut until the telephone is registered, s", took_s)
    with ExitStack() as running:
        began = time.monotonic()
        async with comes_back(desk.page):
            running.enter_context(desk_line.replaced("gate"))
        took_s = round(time.monotonic() - began, 2)
        record_property("without the desk, from a killed gate until the telephone is registered, s", took_s)
        await call.hears_tone(desk.heard_hz, 5)
        await desk.page.locator('#call-bar .in-call[data-telephone="hangup"]').click()
        await call.hears(desk_line.audio("fr", "survey_question")[:6000])
    desk_line.start_processes()
    await desk.state("ready", within_s=60)
    await call.hangup()
    assert desk.errors == []


async def test_a_softphones_call_is_shown_and_controlled_by_the_page_also_after_the_controller_was_killed(
    desk_line: Line, telephones: Telephones, desk_pages: DeskPages
) -> None:
    operator = desk_line.speaks("fr", but=(desk_line.speaks("fr"),))
    desk = await desk_pages.open(operator)
    await desk_line.phone(telephones, operator, answers=1870.0)
    await desk.state("ready")
    call = await desk_line.asks_for_operator(telephones, "+33613000912")
    await desk.phase("talking")
    await expect(desk.page.locator('#call-bar .in-call[data-telephone="hangup"]')).to_be_hidden()
    await desk_line.stop_process("ivr")
    await expect(desk.page.locator("#line")).to_have_class("line is-down")
    desk_line.start_processes()
    await expect(desk.page.locator("#line")).to_have_class("line is-up", timeout=15_000)
    await desk.phase("talking")
    await desk.page.keyboard.press("F4")
    await expect(desk.page.locator("#call-bar")).to_contain_text("On hold")
    await desk.page.keyboard.press("Shift+F2")
    await desk.state("wrapping_up")
    await desk.phase("none")
    await call.hangup()


async def test_a_tab_that_takes_the_telephone_over_says_that_its_sound_is_blocked_and_a_click_allows_it(
    desk_line: Line, telephones: Telephones, tmp_path: Path
) -> None:
    """Then the operator chooses devices, their loudspeaker is unplugged, and the page rings behind others."""
    async with started(tmp_path, unasked_sound=False) as browser:
        first = await DeskPages(desk_line, browser).open(desk_line.speaks("fr"))
        await first.start_telephone()
        await when(first.page, "() => playing().length === 0")  # the ringer was heard once
        page = await first.page.context.new_page()
        desk = DeskPage(desk_line, page, first.operator)

        def contact() -> str:
            listed = desk_line.console(f"pjsip show aor {desk.operator}-web")
            return "".join(re.findall(r"(?m)^\s*Contact: +\S+/(sip:\S+)", listed))

        former = contact()
        await page.goto(first.page.url)
        await first.page.close()
        # Nothing may be evaluated in the page before it rings: that would count as a click.
        await desk_line.until(lambda: contact() not in ("", former), 8, "the other has taken over")
        await desk_line.until(lambda: desk_line.operator_state(desk.operator) == "ready", 8, "its operator is ready")
        call = await desk_line.asks_for_operator(telephones, "+33613000914")
        call.tone(CALLER_HZ)
        await desk_line.until(lambda: desk_line.operator_state(desk.operator) == "offered", 8, "the call is offered")
        await asyncio.sleep(0.5)
        await expect(page.locator("#telephone-problem")).to_contain_text("blocks sound")
        assert await page.evaluate("playing()") == []
        await page.mouse.click(5, 5)
        await when(page, "() => playing().some(({ loop }) => loop)")
        await expect(page.locator("#telephone-problem")).to_be_empty()
        await desk.takes()
        await when(page, "() => !playing().some(({ loop }) => loop)")
        await call.hears_tone(desk.heard_hz)

        await page.locator('[data-opens="settings"]').click()
        chosen = {kind: await choose(page, kind) for kind in ("Microphone", "Loudspeaker", "Ringing")}
        await page.keyboard.press("Escape")
        await when(page, "id => playing()[0].sinkId === id", chosen["Loudspeaker"])
        await when(page, f"id => {MICROPHONE} === id", chosen["Microphone"])
        await call.hears_tone(desk.heard_hz)

        await page.evaluate("id => unplugSpeaker(id)", chosen["Loudspeaker"])
        await when(page, "() => playing()[0].sinkId === ''")
        await page.evaluate("id => plugIn(id)", chosen["Loudspeaker"])
        await when(page, "id => playing()[0].sinkId === id", chosen["Loudspeaker"])
        await page.keyboard.press("Shift+F2")
        await desk.state("ready")
        await call.hangup()

        await page.evaluate(HIDE)
        call = await desk_line.asks_for_operator(telephones, "+33613000915")
        await when(page, "() => notifications.includes('Incoming call')")
        await when(page, "() => playing().length === 1")
        assert await page.evaluate("playing()") == [{"loop": True, "sinkId": chosen["Ringing"]}]
        await page.evaluate("document.querySelector('#telephone-settings button:last-child').click()")  # a trial
        await asyncio.sleep(1.2)
        assert await page.evaluate("playing()") == [{"loop": True, "sinkId": chosen["Ringing"]}]
        await desk.takes()
        await when(page, "() => notifications.length === 0")
        await call.hears_tone(desk.heard_hz)
        assert await page.evaluate("playing()") == [{"loop": False, "sinkId": chosen["Loudspeaker"]}]
        assert await page.evaluate(MICROPHONE) == chosen["Microphone"]
        await page.keyboard.press("Shift+F2")
        await call.hangup()
        await desk.state("ready")


async def test_all_that_an_operator_does_with_a_caller_and_colleagues(
    desk_line: Line, telephones: Telephones, desk_pages: DeskPages
) -> None:
    """One call through two pages and three telephones. The site records, so this test is the last one of the line."""
    site = desk_line.site / "site.toml"
    site.write_text(site.read_text().replace("conversations = false", "conversations = true"))
    await desk_line.restart()
    mine, other = french(desk_line, 2)
    desk, colleague = await desk_pages.open(mine), await desk_pages.open(other)
    await desk.start_telephone()
    call = await desk_line.asks_for_operator(telephones, CALLER)
    await begins(call, desk_line.audio("fr", "consent_question"))
    call.tone(CALLER_HZ)
    await call.press("1")
    await desk.takes()
    await call.hears_tone(desk.heard_hz)
    began = call.clock
    assert codec(desk_line, mine) == "opus"

    # A secret is dictated.
    await desk.says("This call is recorded")
    await desk.page.keyboard.press("Shift+F4")
    await desk.says("The recording is paused")
    assert stands(desk_line, CALLER)["recording"] == "paused"
    await desk.page.keyboard.press("Shift+F4")
    await desk.says("This call is recorded")

    # Hold by a code on the keypad; the page is loaded again meanwhile.
    await desk.page.locator('[data-opens="keypad"]').click()
    for digit in desk_line.settings.codes.hold:
        await desk.page.locator(f'#keypad [data-digit="{digit}"]').click()
    await desk.page.keyboard.press("Escape")
    await expect(desk.page.locator("#call-bar")).to_contain_text("On hold")
    await hears_music(call, call.clock)
    await desk.page.reload()
    await when(desk.page, "() => now.call === 'talking'")
    await expect(desk.page.locator("#call-bar")).to_contain_text("On hold")
    await hears_music(call, call.clock)
    await desk.page.keyboard.press("F4")
    await call.hears_tone(desk.heard_hz)
    await desk.hears_tone(CALLER_HZ)

    # A colleague is asked first, and takes over; the page is loaded again meanwhile.
    await colleague.start_telephone()
    await desk.hand_on("Talk first", f"operator:{other}")
    await colleague.phase("offered")
    await colleague.says("asks for your advice")
    await desk.page.reload()
    await when(desk.page, "() => now.call === 'talking'")
    await desk.hears_tone(RINGING_HZ)
    await colleague.takes()
    await desk.hears_tone(colleague.heard_hz)
    await colleague.hears_tone(desk.heard_hz)
    await desk.page.reload()
    await when(desk.page, "() => now.call === 'talking'")
    await desk.hears_tone(colleague.heard_hz)
    await colleague.hears_tone(desk.heard_hz)
    await hears_music(call, call.clock)
    assert stands(desk_line, CALLER)["place"] == "consult"
    await desk.page.get_by_role("button", name="Hand over").click()
    await colleague.hears_tone(CALLER_HZ)
    await call.hears_tone(colleague.heard_hz)
    await desk.state("ready")

    # A supervisor helps, and somebody interprets.
    await desk_line.phone(telephones, "1901", answers=COLLEAGUE_HZ)
    await colleague.page.get_by_role("button", name="Help", exact=True).click()
    await colleague.hears_tone(COLLEAGUE_HZ)
    await hears_music(call, call.clock)
    await colleague.page.get_by_role("button", name="Let").click()
    await call.hears_tone(colleague.heard_hz)
    interpreter = desk_line.speaks("it")
    phone = await desk_line.phone(telephones, interpreter, answers=COLLEAGUE_HZ)
    await colleague.hand_on("Add an interpreter", f"operator:{interpreter}")
    await colleague.says("is in the conversation")
    await call.hears_tone(COLLEAGUE_HZ, share=0.05)
    # The browser takes a steady tone for noise, and lets little of it through.
    await call.hears_tone(colleague.heard_hz, 15, share=0.008)
    await phone.calls[-1].hangup()
    await expect(colleague.page.locator(".colleague-in-call")).to_have_count(0)

    # Handed on at once: to a colleague, then to a language.
    await colleague.hand_on("Hand on at once", f"operator:{mine}")
    await desk.phase("offered")
    await desk.says("Handed on")
    await desk.takes()
    await call.hears_tone(desk.heard_hz)
    await desk_line.until(lambda: desk_line.operator_state(interpreter) == "ready", 5, "the interpreter is ready")
    await desk.hand_on("Hand on at once", "language:it")
    await call.hears_tone(COLLEAGUE_HZ)
    assert stands(desk_line, CALLER)["operator"] == interpreter
    never_silent(call, began)
    await phone.calls[-1].hangup()
    await desk_line.until(lambda: desk_line.operator_state(interpreter) != "talking", 10, "the talk has ended")
    await call.hangup()

    story = await desk_line.story(CALLER)
    assert pairings(story) == [
        (mine, "operator", "transfer"),
        (other, "operator", "transfer"),
        ("1901", "consulted", "operator"),
        (interpreter, "interpreter", "colleague"),
        (mine, "operator", "transfer"),
        (interpreter, "operator", "operator"),
    ]
    done = kinds(story)
    assert done.count("page_gone") == done.count("page_back") == 3
    assert [kind for kind in done if kind.startswith("recording_")] == ["recording_paused", "recording_resumed"]
    assert desk.errors == colleague.errors == []


def codec(line: Line, operator: str) -> str:
    """Return the codec of an operator's browser telephone in its call, as Asterisk names it."""
    (found,) = [item for item in line.ari("GET", "/channels") if item["name"].startswith(f"PJSIP/{operator}-web-")]
    formats = line.ari("GET", f"/channels/{found['id']}/variable", variable="CHANNEL(audionativeformat)")["value"]
    return str(formats).strip("()")


async def choose(page: Page, kind: str) -> str:
    """Choose the second device of a kind in the settings, and return its id."""
    select = page.locator("#telephone-settings label").filter(has_text=kind).locator("select")
    found = await select.locator("option").filter(has_text=re.compile("2$")).get_attribute("value")
    assert found
    await select.select_option(found)
    return found
