"""What callers hear and do while they wait: place and time once these have earned it, a wish, a message, the guide."""

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
    """Changes when callers who wait are told something; the next call has it."""
    path = line.site / "flow.yaml"
    text = path.read_text()
    changed = text.replace("say_first_s: 20 ", f"say_first_s: {first_s} ").replace(
        "say_every_s: 60", f"say_every_s: {every_s}"
    )
    assert changed.count(f"say_first_s: {first_s} ") == changed.count(f"say_every_s: {every_s}") == 1
    path.write_text(changed)


def since(line: Line) -> dict[str, float]:
    """Who waits, and since when."""
    return {row["call"]: row["since"] for row in line.control("GET", "/waiting")}


async def offered(line: Line, telephones: Telephones, caller: str, language: str) -> Call:
    """A caller who waits and is being told what else he may do; from now on his keys are for that."""
    call = await line.waiting(telephones, caller, KEYS[language])
    await begins(call, line.audio(language, "wait_nobody"), timeout_s=20)
    return call


async def served(line: Line, caller: Call, operator: str) -> None:
    """He has the operator and hangs up; the operator is free again."""
    await caller.hears_tone(OPERATOR_HZ, 12)
    await caller.hangup()
    await line.until_state(operator, "ready")


def of_kind(story: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [each["data"] for each in story["events"] if each["kind"] == kind]


# Place and time


async def test_place_and_time_are_told_when_they_have_earned_it_and_not_before(
    line: Line, telephones: Telephones
) -> None:
    tells(line, first_s=1, every_s=600)
    await line.restart()  # a floor that has foretold nothing yet
    await line.phone(telephones, SPEAKS_ALL_THREE, answers=OPERATOR_HZ)
    for number in range(5):
        await served(line, await line.asks_for_operator(telephones, f"+3362400010{number}", "20"), SPEAKS_ALL_THREE)
    talks = await line.asks_for_operator(telephones, "+33624000110")
    await talks.hears_tone(OPERATOR_HZ, 12)
    waiting = [await line.waiting(telephones, f"+3362400012{number}") for number in range(5)]
    for call in waiting:  # calls were accepted, but what was foretold has not been seen to come
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
    assert [each["earned"] for each in first] == [False]


# Instead of waiting


@pytest.mark.parametrize("language", ["fr"])
async def test_a_wish_to_be_called_back_ends_the_wait_and_keeps_its_age(
    line: Line, telephones: Telephones, language: str
) -> None:
    tells(line, first_s=1, every_s=60)
    caller = f"+3362400030{KEYS[language]}"
    call = await offered(line, telephones, caller, language)
    (began,) = since(line).values()
    await call.press(CALLED_BACK)
    await begins(call, line.audio(language, "callback_this_number"))
    assert since(line) == {}
    await call.press("1")
    await begins(call, line.audio(language, "callback_noted"))
    await call.hangup()
    story = await line.story(caller)
    (wish,) = await rows(line, Callback, call_id=story["call"]["id"])
    assert (wish.kind, wish.number, wish.language) == ("waiting", caller, language)
    assert wish.waiting_since.timestamp() == pytest.approx(began, abs=0.001)
    assert wish.wished.timestamp() - began > 1
    assert wish.due <= datetime.now(UTC)
    assert story["call"]["outcome"] == "callback"
    assert story["call"]["path"][-3:] == ["queue", "waiting_callback", "goodbye"]


# The guide


@pytest.mark.parametrize("language", ["ar"])
async def test_an_operator_ends_the_guide_of_who_has_kept_his_place(
    line: Line, telephones: Telephones, language: str
) -> None:
    tells(line, first_s=1, every_s=60)
    caller = f"+3362400040{KEYS[language]}"
    call = await offered(line, telephones, caller, language)
    before = since(line)
    await call.press(GUIDE)
    await begins(call, line.audio(language, "guide_passport_title"))
    await call.press("1#")
    heard = await begins(call, line.audio(language, "guide_passport_documents"), for_s=1.5)
    assert since(line) == before
    phone = await line.phone(telephones, SPEAKS_ALL_THREE)
    rung = await phone.next_call(5)
    await begins(call, line.audio(language, "to_operator"), heard.offset_s)
    await rung.answer()
    rung.tone(OPERATOR_HZ)
    await call.hears_tone(OPERATOR_HZ)
    await call.hangup()
    story = await line.story(caller)
    assert story["call"]["outcome"] == "answered"
    assert story["call"]["path"][-3:] == ["queue", "waiting_guide", "queue"]
    assert {"procedure": "passport", "step": "documents"} in of_kind(story, "guide")


# The controller is killed meanwhile


async def test_who_is_in_the_guide_is_there_after_a_restart_and_has_kept_his_place(
    line: Line, telephones: Telephones
) -> None:
    tells(line, first_s=1, every_s=60)
    caller = "+33624000501"
    call = await offered(line, telephones, caller, "nl")
    before = since(line)
    await call.press(GUIDE)
    await begins(call, line.audio("nl", "guide_passport_title"))
    killed = call.clock
    await line.restart()
    await begins(call, line.audio("nl", "guide_passport_title"), killed)
    assert since(line) == before
    phone = await line.phone(telephones, SPEAKS_ALL_THREE, answers=OPERATOR_HZ)
    await phone.next_call(5)
    await call.hears_tone(OPERATOR_HZ)
    await call.hangup()
    assert (await line.story(caller))["call"]["outcome"] == "answered"


async def test_who_has_heard_the_offers_may_take_them_after_a_restart(line: Line, telephones: Telephones) -> None:
    tells(line, first_s=1, every_s=60)
    caller = "+33624000511"
    call = await offered(line, telephones, caller, "fr")
    (began,) = since(line).values()
    await line.restart()
    await line.until(lambda: list(since(line).values()) == [began], 5, "he waits again")
    await asyncio.sleep(0.2)
    await call.press(CALLED_BACK)
    await begins(call, line.audio("fr", "callback_this_number"))
    await call.press("1")
    await begins(call, line.audio("fr", "callback_noted"))
    await call.hangup()
    (wish,) = await rows(line, Callback, call_id=(await line.story(caller))["call"]["id"])
    assert wish.waiting_since.timestamp() == pytest.approx(began, abs=0.001)
