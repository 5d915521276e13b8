"""Consulting and interpreting colleagues: whoever hangs up when, the caller is never left in silence."""

import pytest
from baresip.errors import TransferFailed
from line import Line
from offers import french, pairings
from talking import (
    CALLER_HZ,
    COLLEAGUE_HZ,
    OPERATOR_HZ,
    conversation,
    hears_music,
    kinds,
    never_silent,
    refused,
    stands,
    talk,
)

from ivr.softphone.sound import has_tone
from ivr.softphone.telephone import Telephones

RINGING_HZ = 425.0


async def test_a_consulted_colleague_takes_over_the_caller_although_the_controller_was_killed(
    line: Line, telephones: Telephones
) -> None:
    maker, other = french(line, 2)
    call, leg, _ = await conversation(line, telephones, "+33613000021", maker)
    colleague = await line.phone(telephones, other)
    began = call.clock
    await leg.press(f"*32{other}#")
    asked = await colleague.next_call()
    waits = call.clock
    await leg.hears_tone(RINGING_HZ)
    await hears_music(call, waits)
    asked.tone(COLLEAGUE_HZ)
    await asked.answer()
    await leg.hears_tone(COLLEAGUE_HZ)
    await asked.hears_tone(OPERATOR_HZ)
    former = line.kill_controller()
    await leg.hears_tone(COLLEAGUE_HZ)
    await line.controller_back(former)
    await hears_music(call, call.clock)
    await leg.hears_tone(COLLEAGUE_HZ)
    assert (stands(line, "+33613000021")["place"], line.operator_state(other)) == ("consult", "talking")
    # Swap back and forth, then hand over to the colleague.
    talk(line, "+33613000021", "swap")
    await call.hears_tone(OPERATOR_HZ)
    await hears_music(asked, asked.clock)
    await leg.press("*32#")
    await asked.hears_tone(OPERATOR_HZ)
    await asked.hold()  # the telephone is on hold when it gets the caller, who hears music then
    await leg.hangup()
    await line.until(lambda: stands(line, "+33613000021")["operator"] == other, 5, "the colleague has the caller")
    await hears_music(call, call.clock)
    await asked.resume()
    await call.hears_tone(COLLEAGUE_HZ)
    await asked.hears_tone(CALLER_HZ)
    never_silent(call, began)
    assert stands(line, "+33613000021")["operator"] == other
    await line.until_state(maker, "ready")
    await asked.hangup()
    await call.hears(line.audio("fr", "survey_question")[:8000])
    await call.hangup()
    story = await line.story("+33613000021")
    assert pairings(story) == [
        (maker, "operator", "transfer"),
        (other, "operator", "operator"),
    ]
    assert len(colleague.calls) == 1


async def test_the_caller_stays_with_their_operator_if_the_colleague_refuses_or_hangs_up(
    line: Line, telephones: Telephones
) -> None:
    maker, other = french(line, 2)
    call, leg, phone = await conversation(line, telephones, "+33613000022", maker)
    colleague = await line.phone(telephones, other)
    language = line.spoken_to(maker)
    began = call.clock
    # The colleague refuses.
    colleague.will_refuse(603)
    heard = leg.clock
    talk(line, "+33613000022", "consult", operator=other)
    await leg.hears(line.audio(language, "talk_no_answer"), since_s=heard)
    await call.hears_tone(OPERATOR_HZ)
    assert line.operator_reason(other) == "refused"
    assert refused(line, "+33613000022", "consult", operator=other)[0] == 409  # paused by now
    line.control("POST", f"/operators/{other}/state", {"state": "ready"})
    # The colleague answers and hangs up.
    colleague.will_answer(tone_hz=COLLEAGUE_HZ)
    talk(line, "+33613000022", "consult", operator=other)
    await leg.hears_tone(COLLEAGUE_HZ)
    assert refused(line, "+33613000022", "transfer", operator=other)[0] == 409
    heard = leg.clock
    await colleague.calls[-1].hangup()
    await leg.hears(line.audio(language, "talk_colleague_gone")[:4000], since_s=heard)
    await leg.press("5")  # skips the rest of the whisper
    await call.hears_tone(OPERATOR_HZ)
    await line.until_state(other, "ready")
    # The colleague answers, and the operator cancels.
    talk(line, "+33613000022", "consult", operator=other)
    await leg.hears_tone(COLLEAGUE_HZ)
    talk(line, "+33613000022", "cancel")
    await call.hears_tone(OPERATOR_HZ)
    assert (await colleague.calls[-1].ended()).by_us is False
    await line.until_state(other, "ready")
    # A colleague who gets the caller before answering is not rung again.
    colleague.will_ring()
    talk(line, "+33613000022", "consult", operator=other)
    rings = len(colleague.calls) + 1
    await line.until(lambda: len(colleague.calls) == rings, 5, "the colleague is rung")
    talk(line, "+33613000022", "complete")
    assert (await leg.ended()).by_us is False
    back = colleague.calls[-1]
    back.tone(COLLEAGUE_HZ)
    await back.answer()
    await call.hears_tone(COLLEAGUE_HZ)
    never_silent(call, began)
    assert len(colleague.calls) == rings
    # The caller hangs up during a consultation: nobody is left.
    await line.until_state(maker, "ready")
    phone.will_answer(tone_hz=OPERATOR_HZ)
    talk(line, "+33613000022", "consult", operator=maker)
    await back.hears_tone(OPERATOR_HZ)
    await call.hangup()
    assert (await phone.calls[-1].ended()).by_us is False
    story = await line.story("+33613000022")
    assert story["call"]["outcome"] == "answered"
    assert all(item["ended"] for item in story["pairings"])


async def test_an_operator_consults_on_another_line_and_connects_both_with_the_transfer_key(
    line: Line, telephones: Telephones
) -> None:
    maker, other = french(line, 2)
    call, leg, phone = await conversation(line, telephones, "+33613000024", maker)
    colleague = await line.phone(telephones, other, answers=COLLEAGUE_HZ)
    language = line.spoken_to(maker)
    began = call.clock
    # The operator consults, cancels, and is back with the caller.
    await leg.hold()
    asking = await phone.dial(f"*32{other}")
    await asking.hears_tone(COLLEAGUE_HZ)
    await hears_music(call, call.clock)
    await asking.hangup()
    await colleague.calls[-1].ended()
    await leg.resume()
    await call.hears_tone(OPERATOR_HZ)
    await line.until_state(other, "ready")
    # A line without a consultation has nobody to transfer the caller to.
    wrong = await phone.dial("*14")
    await wrong.established()
    heard = leg.clock
    with pytest.raises(TransferFailed):
        await leg.transfer_to(wrong)
    await leg.resume()
    await leg.hears(line.audio(language, "talk_not_now")[:6000], since_s=heard)
    await wrong.hangup()
    await leg.resume()
    await call.hears_tone(OPERATOR_HZ)
    # The operator consults again; the controller is killed; the transfer key connects both.
    await leg.hold()
    asking = await phone.dial(f"*32{other}")
    asking.tone(1500.0)
    await asking.hears_tone(COLLEAGUE_HZ)
    await colleague.calls[-1].hears_tone(1500.0)
    await line.restart()
    await asking.hears_tone(COLLEAGUE_HZ)
    await hears_music(call, call.clock)
    assert stands(line, "+33613000024")["place"] == "aside"
    await leg.transfer_to(asking)
    await call.hears_tone(COLLEAGUE_HZ)
    await colleague.calls[-1].hears_tone(CALLER_HZ)
    await asking.ended()
    never_silent(call, began)
    assert (stands(line, "+33613000024")["operator"], len(colleague.calls)) == (other, 2)
    await call.hangup()
    story = await line.story("+33613000024")
    assert {operator: reason for operator, role, reason in pairings(story) if role == "operator"} == {
        maker: "transfer",
        other: "caller",
    }


async def test_an_interpreter_hears_both_and_both_hear_them_despite_a_kill(line: Line, telephones: Telephones) -> None:
    maker = french(line, 1)[0]
    call, leg, _ = await conversation(line, telephones, "+33613000023", maker)
    other = await line.phone(telephones, line.speaks("it", but=(maker,)))
    other.will_refuse(603)
    began, announced = call.clock, leg.clock
    talk(line, "+33613000023", "interpreter", language="it")
    await line.until_state(other.user, "paused")
    assert refused(line, "+33613000023", "interpreter", language="it")[0] == 409
    line.control("POST", f"/operators/{other.user}/state", {"state": "ready"})
    await other.next_call()
    other.will_answer(tone_hz=COLLEAGUE_HZ)
    talk(line, "+33613000023", "interpreter", language="it")
    third = await other.next_call(5)
    await call.hears_tone(COLLEAGUE_HZ, share=0.3)
    await line.restart()
    leg.silence()
    await call.hears_tone(COLLEAGUE_HZ)
    await leg.hears_tone(CALLER_HZ, share=0.3)
    call.silence()
    leg.tone(OPERATOR_HZ)
    await third.hears_tone(OPERATOR_HZ)
    assert line.operator_state(other.user) == "talking"
    never_silent(leg, announced)
    await third.hangup()
    await call.hears_tone(OPERATOR_HZ)
    never_silent(call, began)
    assert not has_tone(call.heard(call.clock - 0.4), COLLEAGUE_HZ)
    await line.until_state(other.user, "ready")
    await call.hangup()
    story = await line.story("+33613000023")
    assert pairings(story) == [
        (maker, "operator", "caller"),
        (other.user, "interpreter", "colleague"),
    ]
    assert {"invited", "joined", "left"} <= set(kinds(story))
