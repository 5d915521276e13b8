"""Closing time by telephone: who waits is served or called back, who comes too late is told so, and who was cut off is
served.

The line closes here by a holiday that the administrator adds, or at the end of what he has forced open: both are an end
of the plan's hours, and may come at any moment.
"""

import asyncio
import re
from datetime import datetime, timedelta
from typing import Any

from left import begins, rows
from line import Line

from db.tables import Callback
from ivr.model import clock
from ivr.softphone.sound import find
from ivr.softphone.telephone import Call, Telephones

OPERATOR_HZ = 1870.0
TALK_S = 1.5
IN_TIME_S = 10.0
"""Until closing, for who is told then that he comes too late: less than the five conversations before him last."""


def closes(line: Line) -> None:
    """From now on the line is closed by its plan."""
    line.control("POST", "/holidays", {"day": clock.now().astimezone(line.zone).date().isoformat()})
    assert not is_open(line)


def closes_at(line: Line, when: datetime) -> None:
    line.control("POST", "/hours", {"force": "open", "why": "test", "until": when.isoformat()})
    line.control("POST", "/holidays", {"day": clock.now().astimezone(line.zone).date().isoformat()})


def is_open(line: Line) -> bool:
    found: bool = line.control("GET", "/hours")["open"]
    return found


def queue(line: Line) -> dict[str, float]:
    """Who waits, the next one first, and since when he counts as waiting."""
    return {row["caller"]: row["since"] for row in line.control("GET", "/queue")}


def of_kind(story: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [each["data"] for each in story["events"] if each["kind"] == kind]


async def talks_and_goes(call: Call) -> None:
    await call.hears_tone(OPERATOR_HZ, 15)
    await asyncio.sleep(TALK_S)
    await call.hangup()


async def wishes(line: Line, call: Call, since_s: float) -> None:
    """He presses what he has just heard, to be called back, and confirms his number."""
    await call.press("1")
    asked = await begins(call, line.audio("fr", "callback_this_number"), since_s)
    await call.press("1")
    await begins(call, line.audio("fr", "callback_noted"), asked.offset_s)
    await call.hangup()


async def test_who_waits_at_closing_time_is_served_or_called_back(line: Line, telephones: Telephones) -> None:
    text = (line.site / "flow.yaml").read_text()
    (line.site / "flow.yaml").write_text(text.replace("say_first_s: 20 ", "say_first_s: 1 "))
    stays, leaves, late = "+33654000011", "+33654000012", "+33654000013"
    waits = await line.waiting(telephones, stays)
    goes = await line.waiting(telephones, leaves)
    closes(line)
    offered = await begins(goes, line.audio("fr", "closed_callback"), timeout_s=20)
    await wishes(line, goes, offered.offset_s)
    (wish,) = await rows(line, Callback, call_id=(await line.story(leaves))["call"]["id"])
    assert (wish.kind, wish.number) == ("waiting", leaves)
    refused = await line.asks_for_operator(telephones, late, "2")
    await begins(refused, line.audio("fr", "closed_holiday"))
    await refused.hangup()
    phone = await line.phone(telephones, line.speaks("fr"), answers=OPERATOR_HZ)
    await waits.hears_tone(OPERATOR_HZ, 12)
    await waits.hangup()
    assert [(await line.story(each))["call"]["outcome"] for each in (stays, leaves, late)] == [
        "answered",
        "callback",
        "closed",
    ]
    assert len(phone.calls) == 1


# Who comes too late


async def test_who_would_be_served_only_after_closing_time_is_told_before_it_and_may_be_called_back(
    lone_line: Line, telephones: Telephones
) -> None:
    line, late = lone_line, "+33654000190"
    site, flow = line.site / "site.toml", line.site / "flow.yaml"
    changed, count = re.subn(r"^last_calls_min = 0 ", "last_calls_min = 30 ", site.read_text(), flags=re.MULTILINE)
    assert count == 1
    site.write_text(changed)
    flow.write_text(flow.read_text().replace("say_first_s: 20 ", "say_first_s: 1 "))
    await line.restart()
    operator = line.speaks("fr")
    await line.phone(telephones, operator, answers=OPERATOR_HZ)

    for number in range(5):
        talks = await line.asks_for_operator(telephones, f"+3365400010{number}")
        await talks_and_goes(talks)
    talks = await line.asks_for_operator(telephones, "+33654000110")
    await talks.hears_tone(OPERATOR_HZ, 12)
    foretold = [await line.waiting(telephones, f"+3365400012{number}") for number in range(5)]
    for call in foretold:  # it is foretold before his turn comes
        await begins(call, line.audio("fr", "wait"))
    await talks.hangup()
    for call in foretold[:-1]:
        await talks_and_goes(call)
    talks = foretold[-1]
    await talks.hears_tone(OPERATOR_HZ, 15)
    before = [await line.waiting(telephones, f"+3365400013{number}") for number in range(4)]
    closing = clock.now() + timedelta(seconds=IN_TIME_S)
    closes_at(line, closing)
    call = await line.waiting(telephones, late)
    told = await begins(call, line.audio("fr", "last_calls"), timeout_s=IN_TIME_S)
    heard = await call.hears(line.audio("fr", "closed_callback", "press_1", "stay_on_line"), 20, told.offset_s)
    await wishes(line, call, heard.offset_s)
    story = await line.story(late)
    (row,) = [each for each in story["events"] if each["kind"] == "last_calls"]
    assert row["at"] < closing
    assert story["call"]["outcome"] == "callback"
    assert not is_open(line)
    await talks.hangup()
    for call in before:
        await call.hears_tone(OPERATOR_HZ, 15)
        await call.hangup()
    stories = [await line.story(f"+3365400013{number}") for number in range(4)]
    assert [each["call"]["outcome"] for each in stories] == ["answered"] * 4
    assert not any(of_kind(each, "last_calls") for each in stories)
    assert stories[-1]["call"]["connected"] > closing


# Who was cut off


async def test_who_was_cut_off_while_he_waited_and_calls_again_after_closing_time_has_his_old_place(
    line: Line, telephones: Telephones
) -> None:
    caller, second, third = "+33654000021", "+33654000022", "+33654000023"
    call = await line.waiting(telephones, caller)
    place = queue(line)[caller]
    await call.hangup()
    former = await line.story(caller)
    await line.waiting(telephones, second)
    closes(line)
    refused = await line.asks_for_operator(telephones, third, "2")
    await begins(refused, line.audio("fr", "closed_holiday"))
    call = await line.asks_for_operator(telephones, caller)
    await line.until(lambda: caller in queue(line), 8, "he waits again")
    assert queue(line)[caller] == place
    assert list(queue(line)) == [caller, second]
    await line.phone(telephones, line.speaks("fr"), answers=OPERATOR_HZ)
    await call.hears_tone(OPERATOR_HZ, 12)
    assert not find(call.heard(), line.audio("fr", "closed_holiday")).same
    await call.hangup()
    story = await line.story(caller)
    assert story["call"]["id"] != former["call"]["id"]
    assert story["call"]["outcome"] == "answered"
    assert [(each["open"], each.get("returns")) for each in of_kind(story, "hours")] == [(False, True)] * 2
    (returned,) = of_kind(story, "returned")
    assert (returned["call"], returned["since"]) == (str(former["call"]["id"]), place)
    said = line.run("call", str(story["call"]["id"])).stdout
    assert "he was cut off before, and is served all the same" in " ".join(said.split())


async def test_who_was_served_or_speaks_another_language_now_finds_the_line_closed(
    line: Line, telephones: Telephones
) -> None:
    caller, other = "+33654000031", "+33654000032"
    phone = await line.phone(telephones, line.speaks("fr"), answers=OPERATOR_HZ)
    call = await line.asks_for_operator(telephones, caller)
    await call.hears_tone(OPERATOR_HZ, 12)
    await call.hangup()
    await line.story(caller)
    await line.until_state(phone.user, "ready")
    line.control("POST", f"/operators/{phone.user}/state", {"state": "paused"})
    call = await line.waiting(telephones, other)
    await call.hangup()
    await line.story(other)
    closes(line)
    for number, key, language in ((caller, "2", "fr"), (other, "7", "en")):
        call = await line.asks_for_operator(telephones, number, key)
        await begins(call, line.audio(language, "closed_holiday"), timeout_s=15)
        await call.hangup()


async def test_a_line_that_the_administrator_has_closed_is_closed_for_who_was_cut_off_too(
    line: Line, telephones: Telephones
) -> None:
    caller = "+33654000041"
    call = await line.waiting(telephones, caller)
    await call.hangup()
    await line.story(caller)
    line.control("POST", "/hours", {"force": "closed", "why": "test"})
    call = await line.asks_for_operator(telephones, caller, "2")
    await begins(call, line.audio("fr", "force_closed"), timeout_s=15)
    await call.hangup()
