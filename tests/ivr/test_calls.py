"""Calls from a carrier to an operator's telephone, on a real Asterisk, with real telephones."""

import asyncio
from datetime import datetime

import pytest
from left import rows
from line import Line
from offers import french, outcomes

from db.tables.floor import OperatorStateRecord
from ivr.model import clock
from ivr.softphone.telephone import Telephones

CALLER_HZ, OPERATOR_HZ = 1130.0, 1870.0


async def has_wrapped_up(line: Line, operator: str, since: datetime) -> None:
    """Wait until the records show the operator ready again after talk and wrap-up, with nothing in between."""
    await line.until_state(operator, "ready")
    wanted = ["talking", "wrapping_up", "ready"]
    states: list[str] = []
    for _ in range(100):
        found = await rows(line, OperatorStateRecord, operator_id=operator)
        states = [item.state for item in sorted(found, key=lambda row: (row.at, row.seq)) if item.at >= since]
        if states[-3:] == wanted:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"operator {operator} was {states}; expected at the end: {wanted}")


async def test_a_caller_reaches_an_operator_and_both_hear_each_other(line: Line, telephones: Telephones) -> None:
    operator, began = line.speaks("fr"), clock.now()
    phone = await line.phone(telephones, operator)
    phone.will_answer(after_s=0.2, tone_hz=OPERATOR_HZ)
    call = await line.dial(telephones, "+33612000001")
    call.tone(CALLER_HZ)
    await call.press("2")
    await asyncio.sleep(0.5)
    await call.press("0")
    answered = await phone.next_call(5)
    assert answered.peer.startswith("sip:+33612000001@")  # the telephone shows who calls
    await answered.established()
    await call.hears_tone(OPERATOR_HZ)
    await answered.hears_tone(CALLER_HZ)
    assert line.operator_state(operator) == "talking"
    await call.hangup()
    story = await line.story("+33612000001")
    assert story["call"]["outcome"] == "answered"
    assert story["call"]["operator"] == operator
    assert story["call"]["path"] == ["language", "welcome", "hours", "main", "operator", "queue"]
    assert outcomes(story) == [(operator, "accepted")]
    assert [case["reference"] for case in await line.cases() if case["caller"] == "+33612000001"] == [
        story["call"]["case"]
    ]
    await has_wrapped_up(line, operator, began)
    assert [(item["reason"], item["operator_id"]) for item in story["pairings"]] == [("caller", operator)]


# Either side hangs up


async def test_a_telephone_stops_ringing_when_the_caller_hangs_up_and_its_operator_is_ready(
    line: Line, telephones: Telephones
) -> None:
    phone = await line.phone(telephones, line.speaks("fr"))
    call = await line.asks_for_operator(telephones, "+33612000014")
    ringing = await phone.next_call(5)
    assert line.operator_state(phone.user) == "offered"
    await call.hangup()
    end = await ringing.ended()
    assert end.status is None
    assert not end.by_us
    await line.until_state(phone.user, "ready")
    story = await line.story("+33612000014")
    assert story["call"]["outcome"] == "abandoned"
    assert outcomes(story) == [(phone.user, "withdrawn")]


# Operators who do not answer


@pytest.mark.parametrize("status", [603], ids=["declined"])
async def test_an_operator_who_refuses_is_paused_and_the_next_one_gets_the_call(
    line: Line, telephones: Telephones, status: int
) -> None:
    first, second = [await line.phone(telephones, operator) for operator in french(line, 2)]
    first.will_refuse(status)
    second.will_answer(tone_hz=OPERATOR_HZ)
    call = await line.asks_for_operator(telephones, f"+33612000{status}")
    await call.hears_tone(OPERATOR_HZ)
    assert line.operator_state(first.user) == "paused"
    assert line.operator_reason(first.user) == "refused"
    await call.hangup()
    story = await line.story(f"+33612000{status}")
    assert outcomes(story) == [(first.user, "refused"), (second.user, "accepted")]
    assert story["call"]["operator"] == second.user


async def test_a_caller_hears_music_until_an_operators_telephone_appears(line: Line, telephones: Telephones) -> None:
    call = await line.asks_for_operator(telephones, "+33612000023", "70")
    announced = await call.hears(line.audio("en", "duty_nobody"))
    await call.hears(line.music(), since_s=announced.offset_s)
    phone = await line.phone(telephones, line.speaks("en"), answers=OPERATOR_HZ)
    await line.until_state(phone.user, "talking")
