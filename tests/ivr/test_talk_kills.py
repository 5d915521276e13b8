"""The controller is killed while a colleague is rung or a transferred caller waits: telephones keep ringing, once, and
nobody is left in silence."""

import asyncio

from line import Line
from offers import french, outcomes, pairings
from talking import CALLER_HZ, COLLEAGUE_HZ, OPERATOR_HZ, conversation, hears_music, kinds, never_silent, stands, talk

from ivr.softphone.telephone import Telephones


async def test_a_colleagues_telephone_keeps_ringing_despite_a_kill_to_interpret_or_to_take_over(
    line: Line, telephones: Telephones
) -> None:
    maker = french(line, 1)[0]
    call, leg, _ = await conversation(line, telephones, "+33613000051", maker)
    other = await line.phone(telephones, line.speaks("it", but=(maker,)))
    case, began, announced = stands(line, "+33613000051")["case"], call.clock, leg.clock
    talk(line, "+33613000051", "interpreter", operator=other.user)
    third = await other.next_call(5)
    await line.restart()
    assert line.operator_state(other.user) == "offered"
    third.tone(COLLEAGUE_HZ)
    await third.answer()
    await asyncio.gather(call.hears_tone(COLLEAGUE_HZ, share=0.3), leg.hears_tone(COLLEAGUE_HZ, share=0.3))
    call.silence()
    await third.hears_tone(OPERATOR_HZ)
    call.tone(CALLER_HZ)
    await third.hears_tone(CALLER_HZ, share=0.3)
    never_silent(leg, announced)
    await third.hangup()
    await line.until_state(other.user, "ready")
    # The operator hangs up while the consulted colleague is rung, and then the controller is killed.
    talk(line, "+33613000051", "consult", operator=other.user)
    asked = await other.next_call(5)
    await hears_music(call, call.clock)
    await leg.hangup()
    await line.until_state(maker, "wrapping_up")
    former = line.kill_controller()
    asked.tone(COLLEAGUE_HZ)
    await asked.answer()
    await line.controller_back(former)
    await asyncio.gather(call.hears_tone(COLLEAGUE_HZ), asked.hears_tone(CALLER_HZ))
    never_silent(call, began)
    assert (stands(line, "+33613000051")["operator"], len(other.calls)) == (other.user, 2)
    await call.hangup()
    story = await line.story("+33613000051")
    assert pairings(story) == [
        (maker, "operator", "transfer"),
        (other.user, "interpreter", "colleague"),
        (other.user, "operator", "caller"),
    ]
    assert outcomes(story) == [(item, "accepted") for item in (maker, other.user, other.user)]
    assert story["call"]["case"] == case is not None


async def test_the_transferring_operator_gets_the_caller_back_only_as_the_last_resort_despite_kills(
    line: Line, telephones: Telephones
) -> None:
    maker, other = french(line, 2)
    call, _, phone = await conversation(line, telephones, "+33613000052", maker)
    before, began = stands(line, "+33613000052"), call.clock
    busy, _, colleague = await conversation(line, telephones, "+33613000053", other)
    # To a language that two speak: one is busy, the other makes the transfer.
    talk(line, "+33613000052", "transfer", language="fr")
    await line.until_state(maker, "ready")
    assert _waits(line) == ["+33613000052"]
    await line.restart()
    await hears_music(call, call.clock)
    assert (_waits(line), line.operator_state(maker)) == (["+33613000052"], "ready")
    # Another caller gets the transferring operator; the transferred one gets the colleague.
    phone.will_answer(tone_hz=OPERATOR_HZ)
    third = await line.asks_for_operator(telephones, "+33613000054")
    await third.hears_tone(OPERATOR_HZ)
    colleague.will_answer(tone_hz=COLLEAGUE_HZ)
    await busy.hangup()
    await call.hears_tone(COLLEAGUE_HZ)
    assert (len(phone.calls), len(colleague.calls)) == (2, 2)
    # To a topic, the other way round. Then only the transferring operator is left.
    talk(line, "+33613000052", "transfer", topic="file")
    await line.until_state(other, "ready")
    assert (_waits(line), line.operator_state(other)) == (["+33613000052"], "ready")
    colleague.will_ring()
    line.control("POST", f"/operators/{maker}/state", {"state": "away"})
    await third.hangup()
    await line.until(lambda: len(colleague.calls) == 3, 5, "the colleague is rung for the caller who comes back")
    back = colleague.calls[-1]
    former = line.kill_controller()
    await line.controller_back(former)
    assert line.operator_state(other) == "offered"
    back.tone(COLLEAGUE_HZ)
    await back.answer()
    await asyncio.gather(call.hears_tone(COLLEAGUE_HZ), back.hears_tone(CALLER_HZ))
    never_silent(call, began)
    assert (len(phone.calls), len(colleague.calls)) == (2, 3)
    await call.hangup()
    story = await line.story("+33613000052")
    assert story["call"]["case"] == before["case"] is not None
    assert outcomes(story) == [(maker, "accepted"), (other, "accepted"), (other, "accepted")]
    assert [item["reason"] for item in story["pairings"]] == ["transfer", "transfer", "caller"]
    assert kinds(story).count("transferred") == 2
    output = line.run("call", str(story["call"]["id"])).stdout
    assert f"{maker}, who handed the caller on, is passed over" in output


def _waits(line: Line) -> list[str]:
    return [row["caller"] for row in line.control("GET", "/queue")]
