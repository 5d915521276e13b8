"""A telephone's own transfer key (REFER) always gets an answer, whatever it asks for, on any line, at any time."""

import asyncio

import pytest
from baresip.errors import TransferFailed
from line import Line
from offers import french, pairings
from talking import CALLER_HZ, COLLEAGUE_HZ, OPERATOR_HZ, conversation, hears_music, kinds, never_silent, stands

from ivr.softphone.telephone import Telephones


async def test_a_transfer_key_pressed_without_a_controller_is_answered_by_the_next_one(
    line: Line, telephones: Telephones
) -> None:
    maker, other = french(line, 2)
    call, leg, _ = await conversation(line, telephones, "+33613000061", maker)
    colleague = await line.phone(telephones, other)
    began = call.clock
    await leg.hold()
    await hears_music(call, call.clock)
    former = line.kill_controller()
    async with asyncio.timeout(12):
        await leg.transfer(f"sip:{other}@{line.sip}")  # until the telephone learns that the transfer is complete
    ringing = await colleague.next_call(5)
    ringing.tone(COLLEAGUE_HZ)
    await ringing.answer()
    await call.hears_tone(COLLEAGUE_HZ)
    await leg.ended()
    await line.controller_back(former)
    never_silent(call, began)
    assert len(colleague.calls) == 1
    now = stands(line, "+33613000061")
    assert (now["operator"], now["transfers"]) == (other, 1)
    await call.hangup()
    story = await line.story("+33613000061")
    assert kinds(story).count("referred") == 1
    assert [(operator, role) for operator, role, _ in pairings(story)] == [(maker, "operator"), (other, "operator")]


async def test_a_transfer_key_is_answered_on_any_line_and_loses_nobody(line: Line, telephones: Telephones) -> None:
    maker, other, away = french(line, 3)
    call, leg, phone = await conversation(line, telephones, "+33613000062", maker)
    colleague = await line.phone(telephones, other, answers=COLLEAGUE_HZ)
    absent = await line.phone(telephones, away)
    line.control("POST", f"/operators/{away}/state", {"state": "paused", "reason": "lunch"})
    began, language = call.clock, line.spoken_to(maker)
    for target, text in (
        (f"sip:{away}@{line.sip}", "talk_away"),
        ("sip:0033612345678@elsewhere.example", "talk_outside"),
        (f"sip:{maker}@elsewhere.example", "talk_yourself"),
    ):
        heard = leg.clock
        with pytest.raises(TransferFailed, match="603"):
            await leg.transfer(target)
        await leg.hears(line.audio(language, text)[:6000], since_s=heard)
    await call.hears_tone(OPERATOR_HZ, 5.0 + line.lasts(language, text))
    assert absent.calls == []
    # A line without a consultation has nobody to transfer, and a colleague has no caller yet.
    await leg.hold()
    code = await phone.dial("*14")
    await code.established()
    with pytest.raises(TransferFailed, match="603"):
        await code.transfer(f"sip:{other}@{line.sip}")
    await code.hangup()
    asking = await phone.dial(f"*32{other}")
    asking.tone(1500.0)
    await asking.hears_tone(COLLEAGUE_HZ)
    asked = colleague.calls[-1]
    told = line.spoken_to(other), "talk_not_now"

    async def asked_transfers() -> None:
        heard = asked.clock
        with pytest.raises(TransferFailed, match="603"):
            await asked.transfer(f"sip:{away}@{line.sip}")
        await asked.hears(line.audio(*told)[:6000], since_s=heard)

    await asked_transfers()
    await asked.hears_tone(1500.0, 5.0 + line.lasts(*told))
    # The operator connects both from the colleague's line, not from the caller's, while the colleague hears the refusal
    # once more: what their telephone's hold has started ends all the same.
    await asked_transfers()
    async with asyncio.timeout(5):
        await asking.transfer_to(leg)
    await call.hears_tone(COLLEAGUE_HZ)
    await asked.hears_tone(CALLER_HZ)
    await asyncio.gather(asking.ended(), leg.ended())
    never_silent(call, began)
    assert (stands(line, "+33613000062")["operator"], len(colleague.calls)) == (other, 1)
    await call.hangup()
    story = await line.story("+33613000062")
    refused = [item["data"]["why"] for item in story["events"] if item["kind"] == "request_refused"]
    assert refused == ["away", "outside", "yourself"]
    assert {operator: why for operator, role, why in pairings(story) if role == "operator"} == {
        maker: "transfer",
        other: "caller",
    }


@pytest.mark.parametrize("on", ["callers_line", "colleagues_line"])
async def test_hold_dial_the_colleague_and_transfer_hands_the_caller_over(
    line: Line, telephones: Telephones, on: str
) -> None:
    """As every softphone does it: without codes."""
    maker, other = french(line, 2)
    caller = {"callers_line": "+33613000064", "colleagues_line": "+33613000065"}[on]
    call, leg, phone = await conversation(line, telephones, caller, maker)
    colleague = await line.phone(telephones, other, answers=COLLEAGUE_HZ)
    began = call.clock
    await leg.hold()
    await hears_music(call, call.clock)
    asking = await phone.dial(other)
    asking.tone(1500.0)
    await asking.hears_tone(COLLEAGUE_HZ)
    asked = colleague.calls[-1]
    await asked.hears_tone(1500.0)
    async with asyncio.timeout(5):
        await (leg.transfer_to(asking) if on == "callers_line" else asking.transfer_to(leg))
    await call.hears_tone(COLLEAGUE_HZ)
    await asked.hears_tone(CALLER_HZ)
    await asyncio.gather(asking.ended(), leg.ended())
    never_silent(call, began)
    assert (stands(line, caller)["operator"], len(colleague.calls)) == (other, 1)
    await call.hangup()
    story = await line.story(caller)
    assert kinds(story).count("referred") == 1
    assert [(operator, role) for operator, role, _ in pairings(story)][-1] == (other, "operator")
