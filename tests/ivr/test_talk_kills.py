"""The controller is killed while a colleague is rung or a transferred caller waits: telephones keep ringing, once, and
nobody is left in silence."""

import asyncio

from line import Line
from offers import french, outcomes, pairings
from talking import CALLER_HZ, COLLEAGUE_HZ, OPERATOR_HZ, conversation, hears_music, never_silent, stands, talk

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
