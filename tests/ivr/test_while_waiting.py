"""What callers do while they wait, over a kill of the controller: call-back requests, the guide."""

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
CALLED_BACK, GUIDE = "7", "2"


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


def of_kind(story: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [item["data"] for item in story["events"] if item["kind"] == kind]


async def test_after_a_restart_a_caller_in_the_guide_keeps_their_position_and_one_who_heard_the_alternatives_can_choose(
    line: Line, telephones: Telephones
) -> None:
    tells(line, first_s=1, every_s=2)
    reads, chooses = "+33624000501", "+33624000511"
    reading = await offered(line, telephones, reads, "nl")
    choosing = await line.waiting(telephones, chooses, KEYS["fr"])
    await reading.press(GUIDE)
    await begins(choosing, line.audio("fr", "closed_callback"), timeout_s=20)
    await begins(reading, line.audio("nl", "guide_passport_title"))
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
    assert before.keys() - since(line).keys() == {str((await line.story(chooses, ended=False))["call"]["id"])}
    await choosing.press("1")
    await begins(choosing, line.audio("fr", "callback_noted"), asked.offset_s)
    await choosing.hangup()
    story = await line.story(chooses)
    assert (story["call"]["outcome"], story["call"]["path"][-2:]) == ("callback", ["waiting_callback", "goodbye"])
    assert of_kind(story, "nobody_on_duty")
    assert not any(item["earned"] for item in of_kind(story, "place")), "no wait is announced without experience"
    (request,) = await rows(line, Callback, call_id=story["call"]["id"])
    assert (request.kind, request.number, request.language) == ("waiting", chooses, "fr")
    assert request.waiting_since.timestamp() == pytest.approx(began, abs=0.001)
    assert request.wished.timestamp() - began > 1
    assert request.due <= datetime.now(UTC)
    # An operator interrupts the guide.
    await reading.press("1#")
    heard = await begins(reading, line.audio("nl", "guide_passport_documents_1"), killed, for_s=1.5)
    phone = await line.phone(telephones, SPEAKS_ALL_THREE)
    leg = await phone.next_call(5)
    await begins(reading, line.audio("nl", "to_operator"), heard.offset_s)
    await leg.answer()
    leg.tone(OPERATOR_HZ)
    await reading.hears_tone(OPERATOR_HZ)
    await reading.hangup()
    story = await line.story(reads)
    assert story["call"]["outcome"] == "answered"
    assert story["call"]["path"][-1] == "queue" and "waiting_guide" in story["call"]["path"]
    assert {"procedure": "passport", "step": "documents_1"} in of_kind(story, "guide")
