"""Two things that happen at the same moment: an answer and the time limit, an answer and a caller who hangs up."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator

from line import Line
from offers import decided, french, outcomes

from ivr.softphone.sound import tone_share
from ivr.softphone.telephone import Telephones

OPERATOR_HZ = 1870.0
LATE_HZ = 425.0
"""What an operator hears who answered a call that was withdrawn."""


@contextlib.contextmanager
def held(pid: int) -> Iterator[None]:
    """Stop a process inside the block, so that afterwards it learns of all that has happened at once and in order."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def one_channel_fewer(line: Line, than: int) -> None:
    """Wait until Asterisk has one channel fewer than that."""
    await line.until(lambda: len(line.ari("GET", "/channels")) == than - 1, 5, "a channel is gone")


async def test_an_answer_at_the_time_limit_connects_or_not_but_for_all_alike(
    line: Line, telephones: Telephones
) -> None:
    phones = {operator: await line.phone(telephones, operator) for operator in french(line, 5)}
    for number, phone in enumerate(phones.values()):
        phone.will_answer(after_s=5.94 + 0.02 * number, tone_hz=OPERATOR_HZ)
    callers = [f"+3361200005{number}" for number in range(5)]
    calls = await asyncio.gather(*(line.asks_for_operator(telephones, caller) for caller in callers))
    for phone in phones.values():
        await phone.next_call(5)
    await line.until(lambda: all(line.operator_state(phone) != "offered" for phone in phones), 10, "all is decided")
    waiting = {row["caller"] for row in line.control("GET", "/queue")}
    for caller, call in zip(callers, calls, strict=True):
        ((operator, offer),) = await decided(line, caller)
        (leg,) = phones[operator].calls
        state = (line.operator_state(operator), line.operator_reason(operator))
        if offer == "accepted":
            assert state == ("talking", None)
            assert caller not in waiting
            assert leg.state == "talking"
            await call.hears_tone(OPERATOR_HZ)
        else:
            assert offer == "no_answer"
            assert state == ("paused", "no_answer")
            assert caller in waiting
            await leg.ended()


async def test_an_answer_while_the_caller_hangs_up_ends_for_all_alike(line: Line, telephones: Telephones) -> None:
    phones = {operator: await line.phone(telephones, operator) for operator in french(line, 5)}
    callers = [f"+3361200006{number}" for number in range(5)]
    calls = await asyncio.gather(*(line.asks_for_operator(telephones, caller) for caller in callers))
    rings = [await phone.next_call(5) for phone in phones.values()]
    await asyncio.gather(*(call.hangup() for call in calls[:2]))
    await asyncio.gather(*(ringing.answer() for ringing in rings[1:]))
    await asyncio.gather(*(call.hangup() for call in calls[2:]))
    for caller in callers:
        story = await line.story(caller)
        ((operator, offer),) = outcomes(story)
        assert (offer, story["call"]["outcome"]) in (("withdrawn", "abandoned"), ("accepted", "answered"))
        assert len(story["pairings"]) == (offer == "accepted")
        (leg,) = phones[operator].calls
        await leg.ended()
        await line.until_state(operator, "ready")


async def test_operators_who_appear_while_all_callers_hang_up_are_ready(line: Line, telephones: Telephones) -> None:
    phones = [await line.phone(telephones, operator) for operator in french(line, 4)]
    await asyncio.gather(*(phone.unregister() for phone in phones))
    callers = [f"+3361200008{number}" for number in range(4)]
    calls = await asyncio.gather(*(line.waiting(telephones, caller) for caller in callers))
    with held(line.pid("ivr")):
        await asyncio.gather(*(phone.register() for phone in phones), *(call.hangup() for call in calls))
    for caller in callers:
        story = await line.story(caller)
        assert story["call"]["outcome"] == "abandoned"
        assert {state for _, state in outcomes(story)} <= {"withdrawn"}
    for phone in phones:
        await line.until_state(phone.user, "ready")


async def test_an_operator_who_answers_after_the_withdrawal_hears_a_short_tone_and_is_ready(
    line: Line, telephones: Telephones
) -> None:
    phone = await line.phone(telephones, line.speaks("fr"))
    call = await line.asks_for_operator(telephones, "+33612000071")
    ringing = await phone.next_call(5)
    channels = len(line.ari("GET", "/channels"))
    with held(line.pid("ivr")):
        await call.hangup()
        await one_channel_fewer(line, channels)
        await ringing.answer()
        await ringing.established()
    await ringing.ended()
    assert tone_share(ringing.heard(), LATE_HZ) > 0.5
    assert line.operator_state(phone.user) == "ready"
    story = await line.story("+33612000071")
    assert story["call"]["outcome"] == "abandoned"
    assert outcomes(story) == [(phone.user, "withdrawn")]


async def test_a_caller_who_is_gone_before_the_answer_is_acted_upon_is_offered_to_nobody_again(
    line: Line, telephones: Telephones
) -> None:
    phone = await line.phone(telephones, line.speaks("fr"))
    call = await line.asks_for_operator(telephones, "+33612000072")
    ringing = await phone.next_call(5)
    channels = len(line.ari("GET", "/channels"))
    with held(line.pid("ivr")):
        await ringing.answer()
        await ringing.established()
        await call.hangup()
        await one_channel_fewer(line, channels)
    await ringing.ended()
    story = await line.story("+33612000072")
    assert story["call"]["outcome"] == "abandoned"
    assert story["pairings"] == []
    assert outcomes(story) == [(phone.user, "withdrawn")]
    await line.until_state(phone.user, "ready")
    assert len(phone.calls) == 1
