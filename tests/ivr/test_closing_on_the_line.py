"""Closing time by telephone, for callers who wait, who are too late, or who were cut off.

The line closes here by a holiday that the administrator adds, or at the end of a forced opening: both end the planned
hours, and may come at any moment.
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
"""Time until closing for a caller who hears that they are too late: less than the five conversations before theirs."""


def closes(line: Line) -> None:
    """Close the line by its plan from now on."""
    line.control("POST", "/hours/holidays", {"day": clock.now().astimezone(line.zone).date().isoformat()})
    assert not is_open(line)


def closes_at(line: Line, when: datetime) -> None:
    line.control("POST", "/hours", {"force": "open", "why": "test", "until": when.isoformat()})
    line.control("POST", "/holidays", {"day": clock.now().astimezone(line.zone).date().isoformat()})


def is_open(line: Line) -> bool:
    found: bool = line.control("GET", "/hours")["open"]
    return found


def queue(line: Line) -> dict[str, float]:
    """Return who waits, the next one first, and since when."""
    return {row["caller"]: row["since"] for row in line.control("GET", "/waiting")}


def of_kind(story: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [item["data"] for item in story["events"] if item["kind"] == kind]


async def talks_and_goes(call: Call) -> None:
    await call.hears_tone(OPERATOR_HZ, 15)
    await asyncio.sleep(TALK_S)
    await call.hangup()


async def wishes(line: Line, call: Call, since_s: float) -> None:
    """Press the key for a call-back that was just announced, and confirm the number."""
    await call.press("1")
    asked = await begins(call, line.audio("fr", "callback_this_number"), since_s)
    await call.press("1")
    await begins(call, line.audio("fr", "callback_noted"), asked.offset_s)
    await call.hangup()


async def test_a_caller_waiting_at_closing_time_is_served_or_called_back(line: Line, telephones: Telephones) -> None:
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
    assert [(await line.story(item))["call"]["outcome"] for item in (stays, leaves, late)] == [
        "answered",
        "callback",
        "closed",
    ]
    assert len(phone.calls) == 1


# Callers who are too late


async def test_a_caller_who_would_be_served_after_closing_time_hears_so_and_may_request_a_call_back(
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
    for call in foretold:  # announced before the caller's turn comes
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
    (row,) = [item for item in story["events"] if item["kind"] == "last_calls"]
    assert row["at"] < closing
    assert story["call"]["outcome"] == "callback"
    assert not is_open(line)
    await talks.hangup()
    for call in before:
        await call.hears_tone(OPERATOR_HZ, 15)
        await call.hangup()
    stories = [await line.story(f"+3365400013{number}") for number in range(4)]
    assert [item["call"]["outcome"] for item in stories] == ["answered"] * 4
    assert not any(of_kind(item, "last_calls") for item in stories)
    assert stories[-1]["call"]["connected"] > closing


# Callers who were cut off


async def test_a_caller_cut_off_while_waiting_who_calls_back_after_closing_time_keeps_their_position(
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
    assert [(item["open"], item.get("returns")) for item in of_kind(story, "hours")] == [(False, True)] * 2
    (returned,) = of_kind(story, "returned")
    assert (returned["call"], returned["since"]) == (str(former["call"]["id"]), place)
    said = line.run("call", str(story["call"]["id"])).stdout
    assert "the caller was cut off before and is served nevertheless" in " ".join(said.split())


async def test_a_caller_who_was_served_or_changes_the_language_finds_the_line_closed(
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


async def test_a_line_forced_closed_is_closed_for_callers_who_were_cut_off_too(
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
