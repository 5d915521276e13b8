"""The living guide in a browser and by telephone: proposed, refused, released by another person, heard, taken back."""

import asyncio
import json
import re
import urllib.error
from typing import Any

import pytest
import shared_audio
from browser_telephone import when
from desk_pages import DeskPages
from left import KEYS, begins
from left_amendments import propose_in_office
from line import Line
from playwright.async_api import Page, expect

from ivr.softphone.sound import find
from ivr.softphone.telephone import Call, Telephones

pytest_plugins = ["browser"]

TEXT = "guide_visa_documents_1"
WORDS = {
    "ar": "تَحْتَاجُونَ إِلَى جَوَازِ سَفَرِكُمْ وَصُورَةٍ وَاحِدَةٍ.",
    "fr": "Il vous faut votre passeport et une seule photo.",
    "es": "Necesita su pasaporte y una sola foto.",
    "it": "Servono il passaporto e una sola foto.",
    "nl": "U hebt uw paspoort en een enkele foto nodig.",
    "de": "Sie brauchen Ihren Reisepass und ein einziges Foto.",
    "en": "You need your passport and a single photograph.",
}
MAKING_S = 120_000
"""Milliseconds for a check and the audio, on a machine that does much else."""


async def open_procedure(pages: DeskPages, operator: str) -> Page:
    found = await pages.open(operator)
    await found.page.goto(re.sub("/shift.*", "/amend", found.page.url))
    await found.page.locator(".procedures a", has_text="For a visa for Morocco").click()
    await expect(found.page.locator("h1")).to_contain_text("For a visa for Morocco")
    return found.page


async def propose(page: Page, why: str) -> None:
    for language, text in WORDS.items():
        await page.locator(f"#{TEXT}-{language}").fill(text)
    await page.locator("#why").fill(why)
    await page.locator("button", has_text="Propose the amendment").click()
    await expect(page.locator(".notice.good")).to_contain_text("once another person has released it")


async def listens_again(call: Call) -> None:
    """Have a menu repeated until cancelled: a silent caller would be given to an operator."""
    while True:
        await asyncio.sleep(2)
        await call.press("#")


async def hears(line: Line, telephones: Telephones, caller: str, language: str, sound: Any) -> Call:
    """Call, choose the language and the procedure, and wait for a sound."""
    call = await line.dial(telephones, caller)
    await call.press(f"{KEYS[language]}261")
    await begins(call, sound, timeout_s=30)
    return call


@pytest.mark.long  # seven languages are built twice
async def test_an_amendment_is_refused_then_released_by_another_person_heard_in_seven_languages_and_taken_back(
    desk_line: Line, telephones: Telephones, desk_pages: DeskPages
) -> None:
    line = desk_line
    shared_audio.own(line.home / "sounds")
    former = {language: line.audio(language, TEXT) for language in WORDS}
    one, other = await open_procedure(desk_pages, "1901"), await open_procedure(desk_pages, "1902")
    await propose(one, "One photograph is enough")
    mine = one.locator(".amendment").first
    await expect(mine).to_contain_text("Another person releases or refuses it.")
    await expect(mine.locator("button", has_text="Release")).to_have_count(0)
    (proposed,) = line.control("GET", "/guide/amendments")
    assert proposed["proposed_by"] == "1901" and proposed["texts"] == {TEXT: WORDS}

    # Whoever proposed it is refused by the line itself, whatever a page offers; and nothing has changed.
    with pytest.raises(urllib.error.HTTPError) as own:
        release(line, proposed["id"], "1901")
    assert own.value.code == 403 and json.load(own.value)["code"] == "own"
    assert WORDS["en"] not in (line.site / "guide" / "visa.yaml").read_text()

    await other.reload()
    theirs = other.locator(".amendment").first
    await theirs.locator("button", has_text="Refuse").click()
    await expect(other.locator("#notices")).to_contain_text("Write why you refuse it")
    await theirs.locator("input[name=why]").fill("The embassy asks for two")
    await theirs.locator("button", has_text="Refuse").click()
    await expect(theirs).to_contain_text("refused")
    await one.reload()
    await expect(one.locator(".amendment").first).to_contain_text("The embassy asks for two")

    # Again; the other person listens to it first.
    await propose(one, "The embassy has confirmed it")
    await other.reload()
    theirs = other.locator(".amendment").first
    for language in ("Arabic", "French"):
        await theirs.get_by_label(f"Listen: {language}").click()
    said = theirs.locator("audio")
    await expect(said).to_have_count(2, timeout=MAKING_S)
    await when(other, "() => [...document.querySelectorAll('.amendment audio')].every(audio => audio.duration > 1)")

    # A call that is up keeps the words with which it began.
    before = await line.dial(telephones, "+33631000001")
    await before.press("2")
    await begins(before, line.audio("fr", "institution"))
    listening = asyncio.create_task(listens_again(before))
    await theirs.locator("button", has_text="Release").click()
    await expect(theirs.locator(".state")).to_have_text("in use", timeout=MAKING_S)
    await expect(theirs.locator("button", has_text="Take back")).to_be_visible(timeout=MAKING_S)
    listening.cancel()
    await before.press("261")
    await begins(before, former["fr"], timeout_s=30)
    await before.hangup()

    new = {language: line.audio(language, TEXT) for language in WORDS}
    calls = await asyncio.gather(
        *(hears(line, telephones, f"+3363100001{KEYS[code]}", code, sound) for code, sound in new.items())
    )
    for call, language in zip(calls, new, strict=True):
        assert not find(call.heard(), former[language]).same, language
        await call.hangup()
    shown = line.control("GET", "/guide?language=en")["procedures"]
    assert next(row for row in shown if row["id"] == "visa")["fields"]["documents"].startswith(WORDS["en"])

    # The translation turned out wrong: one click, and callers hear the former words.
    await theirs.locator("button", has_text="Take back").click()
    await expect(theirs.locator(".state")).to_have_text("taken back", timeout=MAKING_S)
    await line.until(lambda: back_in_use(line), 120, "the former words are in use")
    after = await hears(line, telephones, "+33631000021", "fr", former["fr"])
    assert not find(after.heard(), new["fr"]).same
    await after.hangup()
    states = [row["state"] for row in line.control("GET", "/guide/amendments")]
    assert states == ["taken_back", "refused"]


async def test_a_released_amendment_is_heard_on_the_next_call_in_each_of_its_languages(
    desk_line: Line, telephones: Telephones
) -> None:
    """In two languages: speaking all seven takes longest."""
    line, words = desk_line, {language: WORDS[language] for language in ("ar", "fr")}
    shared_audio.own(line.home / "sounds")
    former = {language: line.audio(language, TEXT) for language in words}
    proposed = await propose_in_office(line, "1901", "visa", {TEXT: words}, "One photograph is enough")
    release(line, str(proposed.id), "1902")
    await line.until(lambda: in_use(line), 120, "the new words are in use")
    new = {language: line.audio(language, TEXT) for language in words}
    calls = await asyncio.gather(
        *(hears(line, telephones, f"+3363100003{KEYS[code]}", code, sound) for code, sound in new.items())
    )
    for call, language in zip(calls, new, strict=True):
        assert not find(call.heard(), former[language]).same, language
        await call.hangup()


def in_use(line: Line) -> bool:
    changes = line.control("GET", "/site/changes")
    return bool(changes) and changes[0]["effect"] is not None and changes[0]["effect"]["state"] == "done"


def back_in_use(line: Line) -> bool:
    (newest, *_) = line.control("GET", "/site/changes")
    return newest["takes_back"] is not None and newest["effect"]["state"] == "done"


def release(line: Line, amendment: str, actor: str) -> Any:
    return line.control_as(actor, "POST", f"/guide/amendments/{amendment}/release", {})
