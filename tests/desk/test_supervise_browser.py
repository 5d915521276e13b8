"""Supervisors and the worklist in a real browser, with real telephones and Asterisk; and the wallboard in a rush."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from browser_telephone import when
from carrier import address, calling, carrier, forgotten
from conftest import LONE_OFFSET, short_folder
from desk_pages import DeskPages
from left import rows
from left_messages import leave
from line import FRENCH_NUMBER, Line
from playwright.async_api import Page, expect
from talking import CALLER_HZ

from db.tables import Callback, Message
from ivr.site.operators import OperatorEntry
from ivr.softphone.sound import tone_share
from ivr.softphone.telephone import Call, Telephones

pytest_plugins = ["browser"]

NUMBER = "+33612350071"
OPERATOR_HZ = 2350.0
HEARD, NOT_HEARD = 0.004, 0.001
"""Shares of the energy. A browser takes a steady tone for noise: beside a telephone's, 0.013 of it is left."""


@pytest.fixture(scope="module")
async def desk_line(scripts: None) -> AsyncIterator[Line]:
    """A line with the desk and a trunk."""
    with short_folder("hatif-desk-") as folder:
        async with calling(Path(folder), LONE_OFFSET, desk=True) as up:
            await up.desk_answers()
            yield up
            await forgotten(up)


def supervisor_of(line: Line) -> OperatorEntry:
    return next(operator for operator in line.operators if operator.supervisor)


async def hears_only(call: Call, tones: set[float], others: set[float]) -> None:
    """Wait until a telephone receives these tones and none of the others."""
    shares: dict[float, float] = {}
    for _ in range(240):
        await asyncio.sleep(0.05)
        heard = call.heard(call.clock - 0.5)
        shares = {tone: tone_share(heard, tone) for tone in tones | others}
        if all(shares[tone] > HEARD for tone in tones) and all(shares[tone] < NOT_HEARD for tone in others):
            return
    raise AssertionError(f"{call} is to hear {tones} Hz and not {others}; it hears {shares}")


async def test_a_request_for_help_rings_on_the_supervisors_page_and_they_listen_whisper_and_join_by_its_telephone(
    desk_line: Line, telephones: Telephones, desk_pages: DeskPages
) -> None:
    entry = supervisor_of(desk_line)
    supervisor = await desk_pages.open(entry.id)
    page, own = supervisor.page, supervisor.heard_hz
    await page.goto(f"{page.url.partition('/shift')[0]}/supervise")
    await page.locator('[data-telephone="start-shift"]').click()
    await expect(page.locator("body")).to_have_attribute("data-telephone", "registered")
    desk_line.control("POST", f"/operators/{entry.id}/state", {"state": "paused", "reason": "meeting"})
    operator = desk_line.speaks("fr", but=(entry.id,))
    desk = await desk_pages.open(operator)
    phone = await desk_line.phone(telephones, operator, answers=OPERATOR_HZ)
    caller = await desk_line.asks_for_operator(telephones, "+33613000931")
    there = await phone.next_call(10)
    caller.tone(CALLER_HZ)
    await there.hears_tone(CALLER_HZ)

    # The operator asks for help, and says why.
    await desk.phase("talking")
    await desk.page.locator('#call [data-opens="ask-help"]').click()
    await desk.page.locator("#ask-help").get_by_text("Somebody is in danger").click()
    await expect(desk.page.locator("#ask-help")).to_be_hidden()
    await expect(desk.page.locator("#help-asked")).to_be_visible()
    help_ = page.locator(f"#help-{operator}")
    await expect(help_).to_contain_text("Somebody is in danger")
    await expect(help_).to_contain_text("France")
    await when(page, "() => Number(document.body.dataset.rang) === 1")
    await page.reload()
    await expect(help_).to_contain_text("Somebody is in danger")
    await help_.locator("button.good").click()
    await expect(help_).to_have_count(0)
    await expect(desk.page.locator("#help-asked")).to_have_count(0)

    # The supervisor listens, whispers and joins.
    await expect(page.locator("body")).to_have_attribute("data-telephone", "registered")
    row = page.locator(f"#talk-{operator}")
    await expect(row).to_contain_text("French")
    await row.locator('[data-mode="listen"]').click()
    await when(page, "() => now.call === 'talking'")  # it answers by itself
    await supervisor.hears_tone(CALLER_HZ, 10)
    await hears_only(caller, {OPERATOR_HZ}, {own})
    await hears_only(there, {CALLER_HZ}, {own})
    await page.locator('#call [data-digit="2"]').click()
    await hears_only(there, {CALLER_HZ, own}, set())
    await hears_only(caller, {OPERATOR_HZ}, {own})
    await page.locator('#call [data-digit="3"]').click()
    await hears_only(caller, {OPERATOR_HZ, own}, set())
    await page.locator('#call-bar .in-call[data-telephone="hangup"]').click()
    await hears_only(caller, {OPERATOR_HZ}, {own})
    await hears_only(there, {CALLER_HZ}, {own})
    acts = [row["act"] for row in desk_line.json("audit") if row["by"] == entry.id]
    assert {"supervision_asked", "listen", "whisper", "join"} <= set(acts)
    await caller.hangup()
    await desk_line.until_state(operator, "wrapping_up")
    assert desk.errors == supervisor.errors == []


async def test_a_supervisors_telephone_gets_callers_only_once_they_say_so_and_then_answers_on_their_page(
    desk_line: Line, telephones: Telephones, desk_pages: DeskPages
) -> None:
    entry = next(operator for operator in desk_line.operators if operator.supervisor and operator.id == "1902")
    supervisor = await desk_pages.open(entry.id)
    page = supervisor.page
    await page.goto(f"{page.url.partition('/shift')[0]}/supervise")
    await page.locator('[data-telephone="start-shift"]').click()
    await expect(page.locator("body")).to_have_attribute("data-telephone", "registered")
    await desk_line.until(lambda: desk_line.control("GET", f"/operators/{entry.id}")["telephone"], 10, "it is there")
    caller = await desk_line.waiting(telephones, "+33613000932")
    await supervisor.state("away")
    assert [row["caller"] for row in desk_line.json("waiting")] == ["+33613000932"]

    await page.get_by_role("button", name="Take callers, too").click()
    await when(page, "() => now.call === 'ringing'")
    await page.keyboard.press("F2")
    await when(page, "() => now.call === 'talking'")
    caller.tone(CALLER_HZ)
    await supervisor.hears_tone(CALLER_HZ)
    await expect(page.locator("#call")).to_contain_text("You have a caller of your own.")

    # A second call would not ring: the page says why it listens to nobody.
    operator = desk_line.speaks("fr", but=(entry.id,))
    phone = await desk_line.phone(telephones, operator, answers=OPERATOR_HZ)
    other = await desk_line.asks_for_operator(telephones, "+33613000933")
    await phone.next_call(10)
    await page.locator(f'#talk-{operator} [data-mode="listen"]').click()
    await expect(page.locator("#notices")).to_contain_text("Your telephone has a call.")
    await page.keyboard.press("Shift+F2")
    await caller.hangup()
    await other.hangup()
    await page.get_by_role("button", name="Take no callers").click()
    await supervisor.state("away")
    await desk_line.until_state(operator, "wrapping_up")
    assert supervisor.errors == []


async def counts(page: Page) -> dict[str, int]:
    """Return how many wait by language, as the wallboard shows it."""
    rows: list[tuple[str, int]] = await page.evaluate(
        "[...document.querySelectorAll('#board-waiting tbody tr')].map((row) => "
        "[row.dataset.language, Number(row.children[1].textContent)])"
    )
    return {code: count for code, count in rows if count}


def queue(line: Line) -> dict[str, int]:
    """Return how many wait by language, as `hatif waiting` says."""
    found: dict[str, int] = {}
    for row in line.json("waiting"):
        if row["place"] is not None:
            found[row["language"]] = found.get(row["language"], 0) + 1
    return found


async def agree(line: Line, page: Page, expected: dict[str, int]) -> None:
    """Wait until the wallboard and `hatif waiting` both show these callers."""
    shown: dict[str, Any] = {}
    for _ in range(100):
        shown = {"board": await counts(page), "hatif waiting": await asyncio.to_thread(queue, line)}
        if all(found == expected for found in shown.values()):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{expected} wait: {shown}")


@pytest.mark.parametrize("rush", [10, pytest.param(50, marks=pytest.mark.long)])
async def test_the_wallboard_agrees_with_hatif_waiting_through_a_rush_of_calls(
    desk_line: Line, telephones: Telephones, desk_pages: DeskPages, rush: int
) -> None:
    desk = await desk_pages.open(supervisor_of(desk_line).id)
    page, errors = desk.page, desk.errors
    base = page.url.partition("/shift")[0]
    await page.goto(f"{base}/board")
    await expect(page.locator("#line")).to_have_class("line is-up")
    await agree(desk_line, page, {})
    keys = [("20", "fr"), ("10", "ar"), ("20", "fr"), ("50", "nl"), ("70", "en")]
    plan = [(f"+336140{number:05}", *keys[number % len(keys)]) for number in range(rush)]
    callers: list[tuple[Call, str]] = []
    expected: dict[str, int] = {}
    at_once = min(10, rush // 2)
    for begin in range(0, rush, at_once):
        part = plan[begin : begin + at_once]
        calls = await asyncio.gather(
            *(desk_line.asks_for_operator(telephones, caller, pressed) for caller, pressed, _ in part)
        )
        callers += [(call, language) for call, (_, _, language) in zip(calls, part, strict=True)]
        for _, _, language in part:
            expected[language] = expected.get(language, 0) + 1
        await agree(desk_line, page, expected)
    await expect(page.locator("#board-row-all")).to_have_attribute("data-waiting", str(rush))
    alarm = page.locator('[data-alarm="many_waiting"]')
    await expect(alarm).to_contain_text(f"{rush} callers wait")
    await alarm.locator("button").click()
    await expect(alarm).to_have_class(re.compile("acknowledged"))
    await expect(alarm).to_contain_text("sees to it")
    await desk_line.until(
        lambda: "alarm_acknowledged" in [row["act"] for row in desk_line.json("audit")], 10, "the audit has it"
    )

    # The last caller goes to the front, and gets the operator who has just come.
    last, language = callers[-1]
    assert language == "en"
    place = next(row for row in desk_line.json("waiting") if row["caller"] == plan[-1][0])
    await page.goto(f"{base}/supervise")
    await page.locator(f"#caller-{place['call']} button").click()
    await page.locator('#change-body button[value="front:"]').click()
    await expect(page.locator("#supervise-waiting li").first).to_have_attribute("id", f"caller-{place['call']}")
    operator = desk_line.speaks("en", but=(desk.operator,))
    phone = await desk_line.phone(telephones, operator, answers=OPERATOR_HZ)
    answered = await phone.next_call(10)
    await last.hears_tone(OPERATOR_HZ, 10)
    expected["en"] -= 1
    await page.goto(f"{base}/board")
    await agree(desk_line, page, expected)
    await desk_line.until_state(operator, "talking")

    # A supervisor lets an operator speak another language: whoever waits in it is served.
    desk_line.control("POST", f"/operators/{operator}/state", {"state": "paused", "reason": "break"})
    await answered.hangup()
    await desk_line.until_state(operator, "paused")
    await page.goto(f"{base}/supervise")
    await page.locator(f"#person-{operator} button").click()
    for code in ("ar", "fr", "es", "it", "de", "en"):
        await page.locator(f'[name="level-{code}"]').select_option("0")
    await page.locator('[name="level-nl"]').select_option("4")
    await page.locator('[name="first"]').select_option("nl")
    await page.locator("#change-body form button.primary").click()
    await expect(page.locator(f"#person-{operator} .codes")).to_have_class(re.compile("changed"))
    desk_line.control("POST", f"/operators/{operator}/state", {"state": "ready"})
    await phone.next_call(20)
    expected["nl"] -= 1
    await page.goto(f"{base}/board")
    await agree(desk_line, page, expected)

    for call, _ in callers:
        if call is not last:
            await call.hangup()
    await agree(desk_line, page, {})
    desk_line.control("PUT", f"/operators/{operator}/languages", {"languages": None})
    assert errors == []


async def test_a_message_is_taken_by_one_of_two_heard_and_its_caller_called_back(
    desk_line: Line, telephones: Telephones, desk_pages: DeskPages
) -> None:
    out = await carrier(telephones, address(desk_line))
    operator = desk_line.speaks("fr")
    message = await leave(desk_line, NUMBER)
    desk = await desk_pages.open(operator)
    other = await desk_pages.open(desk_line.speaks("fr", but=(operator,)))
    await desk.start_telephone()
    for page in (desk.page, other.page):
        await page.click('[data-opens="worklist"]')
        await expect(page.locator("#work")).to_be_visible()

    row = f"#message-{message}"
    await desk.page.locator(f"{row} button").first.press("Enter")
    await expect(desk.page.locator(f"{row} audio")).to_be_visible()
    await when(desk.page, "id => document.getElementById(id).currentTime > 0.5", f"audio-{message}")
    assert await desk.page.evaluate("row => document.querySelector(row).contains(document.activeElement)", row)
    (kept,) = await rows(desk_line, Message, id=message, taken_by=operator)
    assert kept.heard_by == operator
    await other.page.locator(f"{row} button").first.press("Enter")
    await expect(other.page.locator("#notices")).to_contain_text("Somebody else has just taken that.")
    await expect(other.page.locator(f"{row} button")).to_have_count(0)

    await desk.page.locator(f"{row} [hx-post$='/call']").press("Enter")
    await expect(desk.page.locator("#work")).to_contain_text("Your telephone rings as soon as you are ready")
    await desk.phase("offered")
    await expect(desk.page.locator("#call")).to_contain_text(NUMBER)
    await expect(desk.page.locator("#worklist")).to_be_hidden()
    await desk.page.keyboard.press("F2")
    await desk.phase("calling")
    called = await out.phone.next_call()
    assert out.dialled == [NUMBER]
    assert FRENCH_NUMBER in called.peer  # the line's own, not the operator's
    await called.answer()
    called.tone(1130)
    await called.hears(desk_line.audio("fr", "callback_hello"))
    await called.press("1")
    await desk.phase("talking")
    await called.hears_tone(desk.heard_hz, 5)
    await desk.hears_tone(1130)
    await desk.page.keyboard.press("Shift+F2")
    await called.hangup()
    (request,) = await rows(desk_line, Callback, number=NUMBER)
    assert (request.kind, request.operator_id) == ("operator", operator)

    # The list is read anew when it opens: a key that is pressed before would be for the former one.
    await desk.page.evaluate("document.getElementById('work').dataset.former = 'yes'")
    await desk.page.click('[data-opens="worklist"]')
    await expect(desk.page.locator("#work:not([data-former])")).to_be_visible()
    await desk.page.locator(f"{row} [hx-vals*='done']").press("Enter")
    await expect(desk.page.locator(row)).to_have_count(0)
    (done,) = await rows(desk_line, Message, id=message, done_by=operator)
    assert done.done is not None
    assert desk.errors == other.errors == []


@pytest.mark.long  # the line checks its whole site before it changes it
async def test_a_swap_of_shifts_reaches_the_roster_of_the_line_and_each_step_the_audit(
    desk_line: Line, desk_pages: DeskPages
) -> None:
    head = "operators,days,from,to,valid_from,valid_until,what\n"
    roster = desk_line.site / "roster.csv"
    roster.write_text(f"{head}1001 1002 1003,daily,08:00,14:00,,,\n1004 1901,daily,14:00,20:00,,,\n")
    try:
        asker, colleague, supervisor = [(await desk_pages.open(who)).page for who in ("1002", "1003", "1901")]
        home = asker.url.partition("/shift")[0]
        for page in (asker, colleague):
            await page.goto(f"{home}/roster")
        shift = asker.locator('form[action="/roster/swaps"]').last
        await shift.locator("select").select_option("1003")
        await shift.locator("button").click()
        await expect(asker.locator(".swap").first).to_contain_text("is to take it")
        await colleague.reload()
        await colleague.get_by_role("button", name="Agree").click()
        await supervisor.goto(f"{home}/staffing/roster")
        release = supervisor.get_by_role("button", name="Release")
        await release.click(timeout=120_000)  # the line checks its site
        await expect(release).to_have_count(0)
        absent, takes = roster.read_text().splitlines()[-2:]
        assert absent.startswith("1002,") and absent.endswith(",08:00,14:00,,,absent")
        assert takes == absent.replace("1002,", "1003,", 1).removesuffix("absent")
        await asker.reload()
        await expect(asker.locator(".swap").first).to_contain_text("released")
        acts = {(row["act"], row["by"]) for row in desk_line.json("audit") if row["act"].startswith("shift_swap_")}
        assert acts == {("shift_swap_asked", "1002"), ("shift_swap_agreed", "1003"), ("shift_swap_released", "1901")}
    finally:
        roster.unlink()
