"""Transfers: to whom, with what, and what happens if nobody takes the caller or the controller dies."""

import asyncio
import urllib.error

import pytest
from line import Line
from offers import french, outcomes, pairings
from talking import (
    COLLEAGUE_HZ,
    OPERATOR_HZ,
    call_id,
    conversation,
    hears_music,
    kinds,
    never_silent,
    refused,
    stands,
    talk,
)

from ivr.softphone.telephone import Telephones


async def test_a_colleague_gets_the_caller_with_their_case_although_the_controller_is_killed_while_ringing(
    line: Line, telephones: Telephones
) -> None:
    maker, other = french(line, 2)
    call, leg, _ = await conversation(line, telephones, "+33613000011", maker)
    colleague = await line.phone(telephones, other)
    before, began = stands(line, "+33613000011"), call.clock
    talk(line, "+33613000011", "transfer", operator=other)
    assert (await leg.ended()).reason == "hung up by the other side"
    ringing = await colleague.next_call(5)
    await call.hears(line.audio("fr", "talk_transferred")[:8000], since_s=began)
    former = line.kill_controller()
    ringing.tone(COLLEAGUE_HZ)
    await ringing.answer()  # while there is no controller
    await line.controller_back(former)
    await call.hears_tone(COLLEAGUE_HZ)
    await ringing.hears_tone(1130)
    never_silent(call, began)
    now = stands(line, "+33613000011")
    assert (now["operator"], now["case"], now["transfers"]) == (other, before["case"], 1)
    assert len(colleague.calls) == 1
    await call.hangup()
    story = await line.story("+33613000011")
    assert pairings(story) == [(maker, "operator", "transfer"), (other, "operator", "caller")]
    (transfer,) = [item["data"] for item in story["events"] if item["kind"] == "transferred"]
    assert (transfer["by"], transfer["to"], transfer["way"]) == (maker, other, "api")
    assert story["call"]["path"][-2:] == ["queue", "queue"]
    assert [event["kind"] for event in story["events"]].count("waiting") == 1  # the wait kept its start time


async def test_a_transferred_caller_whom_nobody_takes_returns_to_the_operator(
    line: Line, telephones: Telephones
) -> None:
    maker, other, away = french(line, 3)
    call, leg, phone = await conversation(line, telephones, "+33613000012", maker)
    colleague = await line.phone(telephones, other)
    for target, status, why in (
        ({"operator": maker}, 422, "already has this caller"),
        ({"operator": away}, 409, "None of them can take a call now"),
        ({"operator": "999999"}, 404, "No such operator"),
        ({"operator": "0033612345678"}, 422, "never to an outside number"),
        ({"topic": "weather"}, 404, "No such operator, language or topic"),
        ({"language": "nl"}, 409, "None of them can take a call now"),
        ({}, 422, "body: Field required"),
        ({"operator": other, "language": "nl"}, 422, "Name exactly one of"),
    ):
        assert refused(line, "+33613000012", "transfer", **target)[0] == status, target
        assert why in refused(line, "+33613000012", "transfer", **target)[1]
    # By keys: the operator hears the reason, while the caller is asked to wait a moment.
    heard, asked = leg.clock, call.clock
    await leg.press(f"*31{maker}#")
    language = line.spoken_to(maker)
    await leg.hears(line.audio(language, "talk_yourself"), since_s=heard)
    await call.hears(line.audio("fr", "moment"), since_s=asked)
    colleague.will_refuse(486)
    began = call.clock
    await leg.press(f"*31{other}#")
    again = await phone.next_call(8)  # at once, not after the wrap-up
    again.tone(1870)
    await again.answer()
    await call.hears_tone(1870)
    never_silent(call, began)
    assert refused(line, "+33613000012", "complete")[0] == 409
    over = call_id(line, "+33613000012")
    await call.hangup()
    story = await line.story("+33613000012")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        line.control("POST", f"/calls/{over}/transfer", {"operator": other})
    output = line.run("call", over).stdout
    assert f"operator {maker}, by keys, transfers the caller to operator {other} (transfer 1 of this call)" in output
    assert f"requests transfer {maker}, which is refused: yourself" in output
    assert outcomes(story) == [(maker, "accepted"), (other, "refused"), (maker, "accepted")]
    assert [item["reason"] for item in story["pairings"]] == ["transfer", "caller"]
    assert "request_refused" in kinds(story)


async def test_a_caller_can_be_transferred_to_a_language_a_topic_or_a_supervisor(
    line: Line, telephones: Telephones
) -> None:
    maker = french(line, 1)[0]
    call, _, _ = await conversation(line, telephones, "+33613000013", maker)
    dutch = await line.phone(telephones, line.speaks("nl", but=(maker,)), answers=COLLEAGUE_HZ)
    line.control("POST", f"/operators/{maker}/state", {"state": "away"})
    talk(line, "+33613000013", "transfer", language="nl")
    await call.hears_tone(COLLEAGUE_HZ)
    assert stands(line, "+33613000013")["language"] == "nl"
    supervisor = next(item.id for item in line.operators if item.supervisor and "nl" not in item.languages)
    await line.phone(telephones, supervisor, answers=1870)
    dutch_leg = await dutch.next_call()
    await dutch_leg.press("*3100#")
    await call.hears_tone(1870)
    assert stands(line, "+33613000013")["operator"] == supervisor
    await line.until_state(dutch.user, "ready")
    talk(line, "+33613000013", "transfer", topic="file")
    await call.hears_tone(COLLEAGUE_HZ)
    assert stands(line, "+33613000013")["topic"] == "file"
    await call.hangup()
    assert (await line.story("+33613000013"))["call"]["outcome"] == "answered"


async def test_a_telephones_transfer_key_and_a_code_on_its_other_line_reach_a_colleague(
    line: Line, telephones: Telephones
) -> None:
    maker, other = french(line, 2)
    call, leg, phone = await conversation(line, telephones, "+33613000014", maker)
    colleague = await line.phone(telephones, other)
    # A telephone's transfer key puts the caller on hold first. A foreign domain is ignored.
    began = call.clock
    await leg.hold()
    await hears_music(call, call.clock)
    former = asyncio.create_task(leg.transfer(f"sip:{other}@somewhere.example.com"))
    ringing = await colleague.next_call(5)
    await asyncio.wait([former])
    await call.hears(line.audio("fr", "talk_transferred")[:8000], since_s=began)
    # By a feature code on another line of the telephone, too.
    ringing.tone(COLLEAGUE_HZ)
    await ringing.answer()
    await call.hears_tone(COLLEAGUE_HZ)
    await line.until_state(maker, "ready")
    code = await colleague.dial(f"*31{maker}")
    again = await phone.next_call(5)
    assert (await ringing.ended()).by_us is False
    again.tone(OPERATOR_HZ)
    await again.answer()
    await call.hears_tone(OPERATOR_HZ)
    await code.ended()
    never_silent(call, began)
    await call.hangup()
    story = await line.story("+33613000014")
    ways = [item["data"]["way"] for item in story["events"] if item["kind"] == "transferred"]
    assert ways == ["refer", "code"]
    assert kinds(story).count("referred") == 1
