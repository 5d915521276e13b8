"""The page *Try the line* in a real browser: it calls the line's own numbers, and shows where the call is."""

import asyncio
import json
import re
import time
import wave
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any
from urllib.error import HTTPError

import numpy as np
import pytest
from browser_telephone import when
from desk_pages import DeskPages
from guest_sip import GuestSip
from line import FRENCH_NUMBER, Line
from playwright.async_api import Browser, Page, expect
from sessions_of import enter_line

from db.enums import AccountRole
from ivr.model.endpoints import TRY_TELEPHONES
from ivr.site import site, training
from ivr.softphone.sound import RATE, Samples, find
from ivr.softphone.telephone import Telephones
from prompts import training_audio

pytest_plugins = ["browser"]

RECORD = """
window.heard = [];
const Real = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Real {
  constructor(...given) {
    super(...given);
    const context = new AudioContext({ sampleRate: 8000 });
    this.addEventListener("track", ({ track }) => {
      const source = context.createMediaStreamSource(new MediaStream([track]));
      const recorder = context.createScriptProcessor(4096, 1, 1);
      recorder.onaudioprocess = ({ inputBuffer }) => window.heard.push(...inputBuffer.getChannelData(0));
      source.connect(recorder).connect(context.destination);
    });
  }
};
window.places = [];
addEventListener("DOMContentLoaded", () => {
  new MutationObserver(() => {
    const here = document.querySelector("#try-picture .is-here")?.id.slice("node-".length);
    if (here && window.places.at(-1)?.node !== here) window.places.push({ node: here, at: Date.now() });
  }).observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ["class"] });
});
"""
"""Keeps what the page hears, and when the picture shows the call at which node."""


class TryPage:
    """The page of somebody who has an account of their own."""

    def __init__(self, line: Line, page: Page) -> None:
        self.line, self.page = line, page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    async def call(self, number: str = FRENCH_NUMBER) -> None:
        await self.page.locator("#try-number").select_option(number)
        await self.page.locator("#try-call").click()
        await expect(self.page.locator("#try")).to_have_attribute("data-phase", "talking")

    async def sounds(self) -> None:
        """Wait until something is heard: a key of the first instant may be lost, as on any telephone."""
        await when(self.page, "() => heard.some((sample) => Math.abs(sample) > 0.02)")

    async def at(self, node: str) -> None:
        """Wait until the picture shows the call at a node."""
        await expect(self.page.locator(f"#try-picture #node-{node}.is-here")).to_be_visible()

    async def press(self, digit: str) -> None:
        await self.page.locator(f'[data-digit="{digit}"]').click()

    async def hears(self, reference: Samples, within_s: float = 30) -> None:
        """Wait until the page has heard a clip."""
        until, samples = time.monotonic() + within_s, np.zeros(0, np.int16)
        while True:
            more = await self.page.evaluate("from => heard.slice(from)", len(samples))
            looked_at = max(0, len(samples) - len(reference))
            samples = np.append(samples, (np.array(more, np.float32) * 32767).astype(np.int16))
            if len(samples) > len(reference) and has_clip(samples[looked_at:], reference):
                return
            assert time.monotonic() < until, f"the clip was not heard in {len(samples) / RATE:.1f} s of sound"
            await asyncio.sleep(0.3)

    def calls(self) -> list[dict[str, Any]]:
        return [call for call in self.line.json("calls", "--tests") if not call["live"]]


def has_clip(samples: Samples, reference: Samples) -> bool:
    """Return whether a page has heard a clip.

    A page takes its samples anywhere between those of the line: half-way, a noise is hardly like itself (.42).
    """
    return any(find(samples, moved(reference, quarters / 4)).same for quarters in range(4))


def moved(sound: Samples, by: float) -> Samples:
    """Return a sound that comes later by part of a sample."""
    waves = np.fft.rfft(sound)
    turned = waves * np.exp(-2j * np.pi * np.arange(len(waves)) * by / len(sound))
    return np.rint(np.fft.irfft(turned, len(sound))).clip(-32768, 32767).astype(np.int16)


async def opened(line: Line, browser: Browser, *, recorded: bool = False, language: str = "en") -> TryPage:
    """Return the page of a visitor, after a sign-in. `recorded`: it keeps what it hears."""
    context = await browser.new_context(
        locale=language, reduced_motion="reduce", viewport={"width": 1280, "height": 800}
    )
    await context.grant_permissions(["microphone"])
    if recorded:
        await context.add_init_script(RECORD)
    page = TryPage(line, await context.new_page())
    home = await enter_line(context, line, "visitor", "Visitor", role=AccountRole.VISITOR)
    await page.page.goto(f"{home}/try")
    return page


@pytest.fixture(scope="module", autouse=True)
def patient_menus(desk_line: Line) -> None:
    """Menus wait longer for a key: beside other lines a page is late, and after a silence they ask for an operator."""
    flow = desk_line.site / "flow.yaml"
    flow.write_text(flow.read_text().replace("silence_s: 2", "silence_s: 20"))
    desk_line.control("POST", "/flow/reload")


@pytest.fixture
async def page(desk_line: Line, browser: Browser) -> AsyncIterator[TryPage]:
    page = await opened(desk_line, browser, recorded=True)
    yield page
    await page.page.close()  # which hangs up, also after a test that failed
    await page.page.context.close()
    assert page.errors == []


@pytest.mark.parametrize("eighths", range(8))
def test_a_clip_is_found_in_what_a_page_hears_wherever_its_samples_lie(eighths: int) -> None:
    clip, codec = noise(1), 0.7 * np.concatenate((noise(2), noise(3), noise(4)))
    heard = np.concatenate((noise(5), moved(clip, eighths / 8), noise(6))) + codec
    samples = np.rint(heard).clip(-32768, 32767).astype(np.int16)
    assert has_clip(samples, clip)
    assert not has_clip(samples, noise(7))


async def test_a_visitor_hears_the_line_in_french_the_picture_follows_and_no_figure_has_the_call(
    desk_line: Line, page: TryPage, record_property: Callable[[str, object], None]
) -> None:
    before = desk_line.json("report")["total"]["calls"]
    await page.call()
    await page.at("language")
    await page.sounds()
    await page.press("2")
    await page.at("main")
    await expect(page.page.locator("#try-language")).to_have_text("French")
    await page.hears(desk_line.audio("fr", "main_file")[:4000])
    await page.page.keyboard.press("2")  # the computer's own keys count as well
    await page.at("documents")
    await page.press("0")
    await desk_line.until(lambda: bool(desk_line.control("GET", "/queue")), 10, "the call waits for an operator")
    (waits,) = desk_line.control("GET", "/queue")
    assert waits["test"] and waits["language"] == "fr"
    live = desk_line.control("GET", "/figures")
    assert sum(row["callers"] for row in live["waiting"].values()) == 0 and live["calls"] == {}
    await page.page.locator("#try-end").click()
    await expect(page.page.locator("#try")).to_have_attribute("data-phase", "ended")
    shown = {place["node"]: place["at"] for place in await page.page.evaluate("places")}
    assert {"language", "main", "documents"} <= set(shown)
    await desk_line.until(lambda: bool(page.calls()), 5, "the call is recorded")
    (call,) = page.calls()
    assert (call["caller"], call["language"], call["number"]) == (None, "fr", FRENCH_NUMBER)
    assert call["id"] not in {row["id"] for row in desk_line.json("calls")}
    assert desk_line.json("report")["total"]["calls"] == before
    entered = [event for event in desk_line.json("call", call["id"])["events"] if event["kind"] == "node"]
    for event in entered:
        if (at := shown.get(event["flow_node"])) is not None:
            late = at - 1000 * datetime.fromisoformat(event["at"]).timestamp()
            record_property(f"from the node {event['flow_node']} to its light in the picture, ms", round(late))


async def test_nothing_but_the_sites_numbers_can_be_called(page: TryPage) -> None:
    before = len(page.calls())
    for target in ("+33999999999", "1002", "*10", "s"):
        await page.page.evaluate("target => { document.querySelector('#try-number option').value = target; }", target)
        await page.page.locator("#try-number").select_option(target)
        await page.page.locator("#try-call").click()
        await expect(page.page.locator("#try")).to_have_attribute("data-phase", "ended")
        assert "did not take the call" in await page.page.locator("#try-says").inner_text(), target
    assert len(page.calls()) == before


async def test_the_page_is_in_arabic_for_those_who_read_it(desk_line: Line, browser: Browser) -> None:
    page = await opened(desk_line, browser, language="ar")
    assert await page.page.locator("html").get_attribute("dir") == "rtl"
    await expect(page.page.locator("#try-picture svg")).to_be_visible()
    assert re.search("[\u0600-\u06ff]{3}", await page.page.locator("#try-picture").inner_text())
    await page.page.context.close()


async def test_sign_ins_at_the_same_moment_get_telephones_of_their_own(desk_line: Line) -> None:
    def ask(holder: str) -> str:
        return str(desk_line.control("POST", "/try/telephone", {"holder": holder})["endpoint"])

    holders = [f"moment{number}" for number in range(len(TRY_TELEPHONES))]
    given = await asyncio.gather(*(asyncio.to_thread(ask, holder) for holder in holders))
    assert sorted(given) == sorted(TRY_TELEPHONES)
    for holder in holders:
        desk_line.control("DELETE", f"/try/telephone?holder={holder}")


async def test_a_sign_in_has_one_call_at_a_time_and_a_fifth_one_gets_a_telephone_unless_four_are_in_calls(
    desk_line: Line, browser: Browser
) -> None:
    """A page that is closed hangs up."""
    *pages, late = [await opened(desk_line, browser) for _ in range(len(TRY_TELEPHONES) + 1)]
    other = TryPage(desk_line, await pages[1].page.context.new_page())
    await other.page.goto(pages[1].page.url)
    for page in pages:
        await page.call()
    await other.page.locator("#try-call").click()
    await expect(other.page.locator("#try")).to_have_attribute("data-phase", "ended")
    await expect(other.page.locator("#try-says")).to_contain_text("no room")

    await late.page.locator("#try-call").click()
    await expect(late.page.locator("#try-says")).to_contain_text("Others are trying the line")
    await pages[0].page.locator("#try-end").click()
    await expect(pages[0].page.locator("#try")).to_have_attribute("data-phase", "ended")
    await desk_line.until(lambda: desk_line.status()["calls"].get("menu", 0) == 3, 10, "a call has ended")
    await late.call()
    for page in (*pages, other, late):
        await page.page.close()
    await desk_line.until(lambda: desk_line.status()["calls"].get("menu", 0) == 0, 20, "no page has a call any more")
    for page in (*pages, late):
        await page.page.context.close()


TRAINEE, COLLEAGUE, AT_A_PAGE = "1001", "1002", "1003"
SCRIPT = """
title: {en: A lost key}
language: fr
country: FR
caller: "+33199005212"
keys: {language: "2", main: "0"}
say:
  - {recording: first.wav, after_s: 1}
  - {recording: second.wav, after_s: 1}
"""


def noise(seed: int) -> Samples:
    """Return what a scripted caller of the tests says: half a second that is like nothing else."""
    return np.random.default_rng(seed).normal(0, 3000, RATE // 2).clip(-32768, 32767).astype(np.int16)


@pytest.fixture
def script(desk_line: Line) -> str:
    """A scripted caller of the line's site, whose audio is made."""
    folder = desk_line.site / "training"
    for name, seed in (("first", 1), ("second", 2)):
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes(np.repeat(noise(seed), 2).astype("<i2").tobytes())
    (folder / "lost_key.yaml").write_text(SCRIPT)
    loaded = training.load(desk_line.site, site.load(desk_line.site))["lost_key"]
    assert training_audio.build(loaded.sentences, desk_line.home / "training").problems == ()
    return loaded.name


def figures(line: Line) -> object:
    """Return all that calls count for: in the report, without the time in which operators are only there, and live."""
    total, live = line.json("report")["total"], line.control("GET", "/figures")
    there = ("logged_in_s", "ready_s", "paused_s")
    counted = {name: value or 0 for name, value in total.items() if name not in there}
    return counted, [live[name] for name in ("ended", "answers", "offers", "waiting")]


async def test_a_scripted_caller_rings_the_operator_in_training_only_and_no_figure_has_it(
    desk_line: Line, telephones: Telephones, script: str
) -> None:
    before = figures(desk_line)
    trainee = await desk_line.phone(telephones, TRAINEE)
    colleague = await desk_line.phone(telephones, COLLEAGUE)
    desk_line.control("POST", f"/operators/{TRAINEE}/training", {"script": script})
    await desk_line.until(lambda: bool(trainee.calls), 20, "the trainee's telephone rings")
    state = desk_line.control("GET", f"/operators/{TRAINEE}")
    assert (state["state"], state["training"]) == ("offered", True)
    await trainee.calls[0].answer()
    trainee.calls[0].tone(1310)  # while the operator speaks, the caller listens
    # Who asks for help by code hears that it is training; no supervisor is rung or alarmed.
    asking = await trainee.dial("*17")
    await asking.hears(desk_line.audio("ar", "code_pause_training"))
    await asking.hangup()
    with pytest.raises(HTTPError) as refused:
        desk_line.control("POST", f"/operators/{TRAINEE}/help", {"why": "alone"})
    assert json.load(refused.value)["code"] == "in_training"
    assert desk_line.control("GET", f"/operators/{TRAINEE}")["help_since"] is None
    await asyncio.sleep(2.5)
    assert not find(trainee.calls[0].heard(), noise(1)).same
    trainee.calls[0].silence()
    await trainee.calls[0].hears(noise(1))
    await trainee.calls[0].hears(noise(2))
    (up,) = desk_line.control("GET", "/calls")
    assert (up["training"], up["caller"], up["country"]) == (TRAINEE, "+33199005212", "FR")
    assert desk_line.control("GET", "/queue") == []
    assert desk_line.control("GET", "/figures")["operators"]["talking"] == 0
    # The caller has said everything, and hangs up once the operator has had time to answer.
    await trainee.calls[0].ended(10)
    await desk_line.until(lambda: desk_line.operator_reason(TRAINEE) == "training", 25, "they are in their pause again")
    assert colleague.calls == []
    await desk_line.until(lambda: up["id"] in [row["id"] for row in desk_line.json("calls", "--tests")], 5, "recorded")
    call = desk_line.json("call", up["id"])
    assert (call["outcome"], call["operator"], call["case"]) == ("answered", TRAINEE, up["case"])
    assert up["id"] not in [row["id"] for row in desk_line.json("calls")]
    assert figures(desk_line) == before


async def test_a_scripted_caller_rings_the_browser_telephone_of_an_operator_in_training(
    desk_line: Line, desk_pages: DeskPages, script: str
) -> None:
    page = await desk_pages.open(AT_A_PAGE)
    await page.start_telephone()
    desk_line.control("POST", f"/operators/{AT_A_PAGE}/training", {"script": script})
    await page.takes()
    await page.state("talking")
    (up,) = desk_line.control("GET", "/calls")
    assert (up["training"], up["operator"]) == (AT_A_PAGE, AT_A_PAGE)
    await page.page.keyboard.press("Shift+F2")
    await desk_line.until(
        lambda: desk_line.operator_reason(AT_A_PAGE) == "training", 25, "they are in their pause again"
    )
    await page.state("paused")
    assert page.errors == []


async def test_a_scripted_caller_hangs_up_if_the_controller_restarts_and_rings_nobody_else(
    desk_line: Line, telephones: Telephones, script: str
) -> None:
    trainee = await desk_line.phone(telephones, TRAINEE)
    colleague = await desk_line.phone(telephones, COLLEAGUE)
    trainee.will_answer()
    desk_line.control("POST", f"/operators/{TRAINEE}/training", {"script": script})
    await desk_line.until(lambda: desk_line.operator_state(TRAINEE) == "talking", 20, "the trainee has the caller")
    await desk_line.restart()
    await trainee.calls[0].ended(10)
    await desk_line.until(lambda: desk_line.operator_reason(TRAINEE) == "training", 25, "they are in their pause again")
    await desk_line.until(lambda: desk_line.left() == [], 10, "nothing of the call is left")
    assert len(trainee.calls) == 1 and colleague.calls == []


async def test_a_guest_who_speaks_sip_calls_the_sites_numbers_only_and_has_no_part_in_another_guests_call(
    desk_line: Line,
) -> None:
    async with GuestSip(desk_line, "guest1") as first, GuestSip(desk_line, "guest2") as second:
        for to in ("1002", "1002-web", "*10", "s", "+33999999999", second.endpoint, "hatif-entry", "0", "%2A10"):
            assert (to, await first.status("INVITE", to)) == (to, 404)
        answer = await first.ask("INVITE", FRENCH_NUMBER, call_id=first.call_id)
        assert answer.startswith("SIP/2.0 200 ")
        for method in ("BYE", "INVITE", "INFO", "UPDATE", "REFER"):
            guess = {"call_id": first.call_id, "tags": (first.tag, "guessed")}
            assert (method, await second.status(method, FRENCH_NUMBER, **guess)) == (method, 481)
        taken_over = f"Replaces: {first.call_id};to-tag=guessed;from-tag={first.tag}\r\n"
        assert await second.status("INVITE", FRENCH_NUMBER, more=taken_over) == 481
        assert desk_line.status()["calls"] == {"menu": 1}
        await second.leave()
        assert await second.status("INVITE", FRENCH_NUMBER) == 401, "its password has ended with the sign-in"
        answered = re.search(r"(?m)^To:.*;tag=(\S+)", answer)
        assert answered is not None
        in_it = {"call_id": first.call_id, "tags": (first.tag, answered[1])}
        assert await first.status("BYE", FRENCH_NUMBER, **in_it) == 200
