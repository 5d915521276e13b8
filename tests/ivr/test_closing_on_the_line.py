"""Closing time by telephone, for callers who wait or who were cut off.

The line closes here because the administrator adds a holiday: that ends the plan's hours, and may come at any moment.
Callers who hear before closing time that they are too late: `test_closing_time.py`.
"""

from typing import Any

from left import begins, rows
from line import Line

from db.tables import Callback
from ivr.model import clock
from ivr.softphone.sound import find
from ivr.softphone.telephone import Call, Telephones

OPERATOR_HZ = 1870.0


def closes(line: Line) -> None:
    """Close the line by its plan from now on."""
    line.control("POST", "/holidays", {"day": clock.now().astimezone(line.zone).date().isoformat()})
    assert not is_open(line)


def is_open(line: Line) -> bool:
    found: bool = line.control("GET", "/hours")["open"]
    return found


def queue(line: Line) -> dict[str, float]:
    """Return who waits, the next one first, and since when."""
    return {row["caller"]: row["since"] for row in line.control("GET", "/queue")}


def of_kind(story: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [item["data"] for item in story["events"] if item["kind"] == kind]


async def requests_call_back(line: Line, call: Call, since_s: float) -> None:
    """Press the key for a call-back that was announced at `since_s`, and confirm the number."""
    await call.press("7")
    asked = await begins(call, line.audio("fr", "callback_this_number"), since_s)
    await call.press("1")
    await begins(call, line.audio("fr", "callback_noted"), asked.offset_s)
    await call.hangup()


async def test_a_caller_waiting_at_closing_time_is_served_or_called_back(line: Line, telephones: Telephones) -> None:
    text = (line.site / "flow.yaml").read_text()
    soon = text.replace("say_first_s: 20 ", "say_first_s: 1 ").replace("say_every_s: 40", "say_every_s: 1")
    (line.site / "flow.yaml").write_text(soon)
    stays, leaves, late = "+33654000011", "+33654000012", "+33654000013"
    waits = await line.waiting(telephones, stays)
    goes = await line.waiting(telephones, leaves)
    closes(line)
    offered = await begins(goes, line.audio("fr", "closed_callback"), timeout_s=20)
    await requests_call_back(line, goes, offered.offset_s)
    (request,) = await rows(line, Callback, call_id=(await line.story(leaves))["call"]["id"])
    assert (request.kind, request.number) == ("waiting", leaves)
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
    await line.until(lambda: caller in queue(line), 8, "the caller waits again")
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
    output = line.run("call", str(story["call"]["id"])).stdout
    assert "the caller was cut off before and is served nevertheless" in " ".join(output.split())
