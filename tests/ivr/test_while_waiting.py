"""What callers hear and do while they wait: position, estimated wait, call-back requests, messages, the guide."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from left import KEYS, begins, rows
from line import Line

from db.tables import Callback
from ivr.softphone.telephone import Call, Telephones

OPERATOR_HZ = 1870.0
SPEAKS_ALL_THREE = "1003"  # ar, nl and fr
CALLED_BACK, MESSAGE, GUIDE = "1", "2", "3"


def tells(line: Line, first_s: int, every_s: int) -> None:
    """Change when announcements are due, from the next call on."""
    path = line.site / "flow.yaml"
    text = path.read_text()
    changed = text.replace("say_first_s: 20 ", f"say_first_s: {first_s} ").replace(
        "say_every_s: 40", f"say_every_s: {every_s}"
    )
    assert changed.count(f"say_first_s: {first_s} ") == changed.count(f"say_every_s: {every_s}") == 1
    path.write_text(changed)


def since(line: Line) -> dict[str, float]:
    """Return who waits, and since when."""
    return {row["call"]: row["since"] for row in line.control("GET", "/queue")}


async def offered(line: Line, telephones: Telephones, caller: str, language: str) -> Call:
    """Return a waiting caller who hears the alternatives, so that keys choose among them from now on."""
    call = await line.waiting(telephones, caller, KEYS[language])
    await begins(call, line.audio(language, "closed_callback"), timeout_s=20)
    return call


async def served(line: Line, caller: Call, operator: str) -> None:
    """Connect the caller with the operator and hang up; the operator is free again."""
    await caller.hears_tone(OPERATOR_HZ, 12)
    await caller.hangup()
    await line.until_state(operator, "ready")


def of_kind(story: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [item["data"] for item in story["events"] if item["kind"] == kind]


# Position and wait


async def test_position_and_wait_are_announced_only_once_they_are_reliable(line: Line, telephones: Telephones) -> None:
    tells(line, first_s=1, every_s=600)
    await line.restart()  # a floor without estimates yet
    await line.phone(telephones, SPEAKS_ALL_THREE, answers=OPERATOR_HZ)
    for number in range(5):
        await served(line, await line.asks_for_operator(telephones, f"+3362400010{number}", "20"), SPEAKS_ALL_THREE)
    talks = await line.asks_for_operator(telephones, "+33624000110")
    await talks.hears_tone(OPERATOR_HZ, 12)
    waiting = [await line.waiting(telephones, f"+3362400012{number}") for number in range(5)]
    for call in waiting:  # calls were answered, but no announced wait has come true yet
        await begins(call, line.audio("fr", "wait"))
    await talks.hangup()
    for call in waiting[:-1]:
        await call.hears_tone(OPERATOR_HZ, 12)
        await call.hangup()
    talks = waiting[-1]
    await talks.hears_tone(OPERATOR_HZ, 12)
    languages = ("fr",)
    calls = [await line.waiting(telephones, f"+3362400013{KEYS[language]}", KEYS[language]) for language in languages]
    for position, (language, call) in enumerate(zip(languages, calls, strict=True), 1):
        await call.hears(line.audio(language, f"position_{position}", "wait_under_2"), 20)
        story = await line.story(f"+3362400013{KEYS[language]}", ended=False)
        assert of_kind(story, "place") == [{"position": position, "wait": "under_2", "earned": True}]
    first = of_kind(await line.story("+33624000120"), "place")
    assert [item["earned"] for item in first] == [False]


# Instead of waiting


@pytest.mark.parametrize("language", ["fr"])
async def test_a_call_back_request_ends_the_wait_and_keeps_its_start_time(
    line: Line, telephones: Telephones, language: str
) -> None:
    tells(line, first_s=1, every_s=2)
    caller = f"+3362400030{KEYS[language]}"
    call = await offered(line, telephones, caller, language)
    (began,) = since(line).values()
    chosen = call.clock
    await call.press(CALLED_BACK)
    asked = await begins(call, line.audio(language, "callback_this_number"), chosen)
    assert since(line) == {}
    await call.press("1")
    await begins(call, line.audio(language, "callback_noted"), asked.offset_s)
    await call.hangup()
    story = await line.story(caller)
    (request,) = await rows(line, Callback, call_id=story["call"]["id"])
    assert (request.kind, request.number, request.language) == ("waiting", caller, language)
    assert request.waiting_since.timestamp() == pytest.approx(began, abs=0.001)
    assert request.wished.timestamp() - began > 1
    assert request.due <= datetime.now(UTC)
    assert story["call"]["outcome"] == "callback"
    assert story["call"]["path"][-3:] == ["queue", "waiting_callback", "goodbye"]


# The guide


@pytest.mark.parametrize("language", ["ar"])
async def test_an_operator_interrupts_the_guide_of_a_caller_who_kept_their_position(
    line: Line, telephones: Telephones, language: str
) -> None:
    tells(line, first_s=1, every_s=2)
    caller = f"+3362400040{KEYS[language]}"
    call = await offered(line, telephones, caller, language)
    before = since(line)
    await call.press(GUIDE)
    await begins(call, line.audio(language, "guide_passport_title"))
    await call.press("1#")
    heard = await begins(call, line.audio(language, "guide_passport_documents_1"), for_s=1.5)
    assert since(line) == before
    phone = await line.phone(telephones, SPEAKS_ALL_THREE)
    leg = await phone.next_call(5)
    await begins(call, line.audio(language, "to_operator"), heard.offset_s)
    await leg.answer()
    leg.tone(OPERATOR_HZ)
    await call.hears_tone(OPERATOR_HZ)
    await call.hangup()
    story = await line.story(caller)
    assert story["call"]["outcome"] == "answered"
    assert story["call"]["path"][-3:] == ["queue", "waiting_guide", "queue"]
    assert {"procedure": "passport", "step": "documents_1"} in of_kind(story, "guide")


# The controller is killed meanwhile


async def test_after_a_restart_a_caller_in_the_guide_is_still_there_and_one_who_heard_the_alternatives_can_choose(
    line: Line, telephones: Telephones
) -> None:
    tells(line, first_s=1, every_s=2)
    reads, chooses = "+33624000501", "+33624000511"
    reading = await offered(line, telephones, reads, "nl")
    await reading.press(GUIDE)
    await begins(reading, line.audio("nl", "guide_passport_title"))
    choosing = await offered(line, telephones, chooses, "fr")
    before = since(line)
    (began,) = (row["since"] for row in line.control("GET", "/queue") if row["caller"] == chooses)
    killed = reading.clock
    await line.restart()
    await begins(reading, line.audio("nl", "guide_passport_title"), killed)
    await line.until(lambda: since(line) == before, 5, "both keep their position")
    await asyncio.sleep(0.2)
    chosen = choosing.clock
    await choosing.press(CALLED_BACK)
    asked = await begins(choosing, line.audio("fr", "callback_this_number"), chosen)
    await choosing.press("1")
    await begins(choosing, line.audio("fr", "callback_noted"), asked.offset_s)
    await choosing.hangup()
    (request,) = await rows(line, Callback, call_id=(await line.story(chooses))["call"]["id"])
    assert request.waiting_since.timestamp() == pytest.approx(began, abs=0.001)
    phone = await line.phone(telephones, SPEAKS_ALL_THREE, answers=OPERATOR_HZ)
    await phone.next_call(5)
    await reading.hears_tone(OPERATOR_HZ)
    await reading.hangup()
    assert (await line.story(reads))["call"]["outcome"] == "answered"
