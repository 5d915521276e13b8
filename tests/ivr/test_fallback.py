"""Without a controller the dialplan handles callers by itself, and their calls are recorded once it is back."""

import asyncio

import pytest
from baresip.errors import TransferFailed
from line import Line

from ivr.asterisk.fallback_records import FAMILY as FALLBACK
from ivr.floor.operator_state_store import FAMILY as OPERATORS
from ivr.hours.opening import FAMILY as HOURS
from ivr.softphone.sound import find
from ivr.softphone.telephone import Telephones


async def test_a_caller_reaches_an_operator_and_the_call_is_recorded_afterwards(
    line: Line, telephones: Telephones
) -> None:
    operator = line.speaks("fr")
    phone = await line.phone(telephones, operator, answers=1870)
    away = await line.phone(telephones, line.speaks("fr", but=(operator,)), answers=1500)
    line.control("POST", f"/operators/{away.user}/state", {"state": "paused", "reason": "lunch"})
    await line.until_astdb(OPERATORS, operator, "ready|")
    await line.until_astdb(OPERATORS, away.user, "paused|lunch|")
    await line.without_controller()
    call = await line.dial(telephones, "+33612200001")
    call.tone(1130)
    named = await call.hears(line.audio("fr", "institution"))  # who answers comes first
    await call.hears(line.audio("fr", "moment"), 12, named.offset_s)
    await call.hears(line.audio("fr", "fallback_wait"), 12)
    await call.hears_tone(1870, 10)
    answered = await phone.next_call()
    await answered.hears_tone(1130)
    assert not away.calls, "an operator who is paused was rung"
    # Without a controller there are no transfers: the telephone's transfer key is refused, and the caller stays.
    for number in (away.user, "0033612345678"):
        with pytest.raises(TransferFailed, match="404"):
            await answered.transfer(f"sip:{number}@{line.sip}")
    await call.hears_tone(1870)
    # As if Asterisk's database had been read-only when the operator answered: they are in the row all the same.
    (record,) = {key.partition("/")[0] for key in await line.astdb(FALLBACK)}
    for key in ("operator", "connected"):
        line.console(f"database del {FALLBACK} {record}/{key}")
    line.console(f"database put {FALLBACK} {record}/status waiting")
    await answered.hangup()
    await call.ended(5)
    await line.controller_again()
    story = await line.story("+33612200001", limit_s=10)
    assert story["call"]["outcome"] == "fallback"
    assert story["call"]["operator"] == operator and story["call"]["connected"]
    assert story["call"]["language"] == "fr"
    assert story["call"]["case"] in {case["reference"] for case in await line.cases()}


async def test_the_guard_gives_the_callers_of_a_dead_controller_to_the_dialplan_which_serves_them_after_closing_time(
    line: Line, telephones: Telephones
) -> None:
    phone = await line.phone(telephones, line.speaks("fr"))
    waiting = await line.waiting(telephones, "+33612200004")
    ringing = await phone.next_call(5)
    line.control("POST", "/hours", {"force": "closed", "why": "a test"})
    await line.until_astdb(HOURS, "override", '{"force": "closed"')  # the last field that is written
    await line.until_astdb(HOURS, "open_until", "0")
    await line.without_controller()
    phone.will_answer(tone_hz=1870)  # when the dialplan rings it

    async def is_served() -> None:
        await waiting.hears(line.audio("fr", "moment"), 12)
        await ringing.ended(10)  # Asterisk finishes what the controller has started
        await waiting.hears_tone(1870, 20)

    async def comes_too_late() -> None:
        late = await line.dial(telephones, "+33612200002")
        await late.hears(line.audio("fr", "closed"), 20)
        await late.ended(12)

    await asyncio.gather(is_served(), comes_too_late())
    assert not find(waiting.heard(), line.audio("fr", "closed")).same
    # A controller that is back does not ring the operator while they talk, though that conversation is not its own.
    await line.controller_again()
    line.control("POST", "/hours", {"force": "auto"})
    assert line.operator_state(phone.user) == "talking"
    calls = len(phone.calls)
    following = await line.waiting(telephones, "+33612200014")
    assert (len(phone.calls), line.operator_state(phone.user)) == (calls, "talking")
    await waiting.hangup()
    await following.hears_tone(1870, 10)
    assert len(phone.calls) == calls + 1
    await following.hangup()
    story = await line.story("+33612200004", limit_s=10)
    assert story["call"]["outcome"] == "fallback"
    assert [event["kind"] for event in story["events"]].count("waiting") == 1
    assert (await line.story("+33612200002", limit_s=10))["call"]["outcome"] == "fallback"
