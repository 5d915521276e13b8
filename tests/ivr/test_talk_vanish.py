"""A vanished telephone is noticed within two seconds if its connection breaks, otherwise by the silence of its line."""

import asyncio

from line import Line
from offers import decided, french, pairings
from talking import (
    CALLER_HZ,
    COLLEAGUE_HZ,
    OPERATOR_HZ,
    asterisk_log,
    conversation,
    given_up,
    hears_music,
    never_silent,
    talk,
)

from ivr.softphone.sound import QUIET_DBFS, level_dbfs
from ivr.softphone.telephone import Telephones

OPEN_S = 2.5
"""A telephone must be seen to accept packets for this long, once, before a refusal counts."""


def packets(line: Line, operator: str) -> int:
    """Return how many packets have come from the operator's telephone in its current call."""
    (leg,) = [item["id"] for item in line.ari("GET", "/channels") if item["name"].startswith(f"PJSIP/{operator}-")]
    return int(line.ari("GET", f"/channels/{leg}/rtp_statistics")["rxcount"])


async def test_a_telephone_whose_connection_breaks_does_not_hold_up_its_call(
    line: Line, telephones: Telephones
) -> None:
    first, second, third, fourth = french(line, 4)
    seen = asterisk_log(line).stat().st_size
    ringing = await line.phone(telephones, first, transport="tcp")
    call = await line.asks_for_operator(telephones, "+33613000041")
    await ringing.next_call(5)
    talking = await line.phone(telephones, second, transport="tcp", answers=OPERATOR_HZ)
    await ringing.vanish(closes=True)
    await call.hears_tone(OPERATOR_HZ)
    # When the offer times out, it would count as unanswered.
    assert await decided(line, "+33613000041") == [(first, "unreachable"), (second, "accepted")]
    waits = await line.waiting(telephones, "+33613000044")
    since = call.clock
    await talking.vanish(closes=True)
    await call.hears(line.audio("fr", "operator_gone")[:6000], since_s=since)
    third_phone = await line.phone(telephones, third, answers=COLLEAGUE_HZ)
    await call.hears_tone(COLLEAGUE_HZ)  # back at the head of the queue
    assert [row["caller"] for row in line.control("GET", "/queue")] == ["+33613000044"]
    await waits.hangup()
    assert line.operator_state(second) in ("away", "wrapping_up")
    # The same for a consulted colleague.
    asked = await line.phone(telephones, fourth, transport="tcp", answers=OPERATOR_HZ)
    talk(line, "+33613000041", "consult", operator=fourth)
    leg = third_phone.calls[-1]
    await leg.hears_tone(OPERATOR_HZ)
    since = leg.clock
    language = line.spoken_to(third)
    await asked.vanish(closes=True)
    await leg.hears(line.audio(language, "talk_colleague_gone")[:6000], since_s=since)
    assert given_up(line, seen) == []  # silence alone would be noticed after ten seconds, by Asterisk
    await call.hears_tone(COLLEAGUE_HZ)
    await call.hangup()
    story = await line.story("+33613000041")
    assert pairings(story) == [
        (second, "operator", "lost"),
        (third_phone.user, "operator", "caller"),
        (fourth, "consulted", "colleague"),
    ]
    assert story["call"]["wait_s"] is not None


async def test_a_telephone_whose_machine_refuses_packets_does_not_hold_up_its_call(
    line: Line, telephones: Telephones
) -> None:
    first, second, third = french(line, 3)
    talking = await line.phone(telephones, first, answers=OPERATOR_HZ)
    call = await line.asks_for_operator(telephones, "+33613000045")
    await call.hears_tone(OPERATOR_HZ)
    answered = call.clock
    waits = await line.waiting(telephones, "+33613000046")
    await line.until(lambda: call.clock > answered + OPEN_S, 5, "its port was seen open")
    since = call.clock
    await talking.vanish(closes=True)
    await call.hears(line.audio("fr", "operator_gone")[:6000], 15, since_s=since)
    phone = await line.phone(telephones, second, answers=COLLEAGUE_HZ)
    await call.hears_tone(COLLEAGUE_HZ)  # back at the head of the queue
    assert [row["caller"] for row in line.control("GET", "/queue")] == ["+33613000046"]
    await waits.hangup()
    await phone.next_call(5)
    answered = call.clock
    await line.until(lambda: call.clock > answered + OPEN_S, 5, "the other telephone's port was seen open")
    never_silent(call, since)  # silence alone would be noticed after ten seconds
    await call.hangup()
    story = await line.story("+33613000045")
    assert pairings(story) == [
        (first, "operator", "lost"),
        (second, "operator", "caller"),
    ]
    await line.until_state(first, "away")
    # And for a telephone that rings: its port was seen open during the previous conversation.
    await line.until_state(second, "ready")
    phone.will_ring()
    call = await line.asks_for_operator(telephones, "+33613000048")
    await phone.next_call(5)
    last = await line.phone(telephones, third, answers=OPERATOR_HZ)
    await phone.vanish(closes=True)
    await call.hears_tone(OPERATOR_HZ)
    # It rang: when the offer times out, it would count as unanswered.
    assert await decided(line, "+33613000048") == [(second, "unreachable"), (third, "accepted")]
    assert line.operator_state(second) == "away"
    assert [len(item.calls) for item in (talking, phone, last)] == [1, 2, 1]
    await call.hangup()
    for item in (talking, phone):
        await item.register()


async def test_a_telephone_that_falls_silent_is_given_up_after_ten_seconds_unless_it_is_on_hold(
    line: Line, telephones: Telephones
) -> None:
    first, second, third = french(line, 3)
    # A muted telephone is kept too: it continues to send inaudible packets.
    muted, silent, _ = await conversation(line, telephones, "+33613000047", third)
    silent.silence()
    held, holding, _ = await conversation(line, telephones, "+33613000042", first)
    await holding.hold()
    await hears_music(held, held.clock)
    sent = packets(line, first)
    call, _, gone = await conversation(line, telephones, "+33613000043", second)
    since, seen = call.clock, asterisk_log(line).stat().st_size
    await gone.vanish()
    await call.hears(line.audio("fr", "operator_gone")[:6000], 30, since_s=since)
    assert given_up(line, seen) == [second]
    assert packets(line, first) - sent < 50, "it sends nothing while it holds"
    assert [line.operator_state(item) for item in (first, third)] == ["talking", "talking"]
    assert level_dbfs(muted.heard(muted.clock - 8.0)) < QUIET_DBFS
    silent.tone(OPERATOR_HZ)
    await muted.hears_tone(OPERATOR_HZ)
    await hears_music(held, held.clock)
    await holding.resume()
    await held.hears_tone(OPERATOR_HZ)
    await asyncio.gather(call.hangup(), held.hangup(), muted.hangup())
    story = await line.story("+33613000043")
    assert [item["reason"] for item in story["pairings"]] == ["lost"]
    await gone.register()


async def test_a_telephone_on_hold_is_kept_although_the_controller_is_killed_before_its_registration_ends(
    line: Line, telephones: Telephones
) -> None:
    held, before = french(line, 2)
    call, leg, phone = await conversation(line, telephones, "+33613000046", held)
    other, other_leg, other_phone = await conversation(line, telephones, "+33613000047", before)
    began, other_began = call.clock, other.clock
    await leg.hold()
    await other_leg.hold()
    await asyncio.gather(hears_music(call, call.clock), hears_music(other, other.clock))
    # One operator resumes while there is no controller.
    await line.without_controller()
    await other_leg.resume()
    await other.hears_tone(OPERATOR_HZ)
    await line.controller_again()
    await asyncio.gather(hears_music(call, call.clock), other.hears_tone(OPERATOR_HZ))
    for item in (phone, other_phone):
        await item.unregister()
        await line.until(lambda who=item.user: _is_gone(line, who), 3, "its registration is gone")  # type: ignore[misc]
    gone = call.clock
    await hears_music(call, gone + 2.0)  # a second later the call would have been hung up
    await other.hears_tone(OPERATOR_HZ)
    assert (leg.state, line.operator_state(held)) == ("talking", "talking")
    await leg.resume()
    await asyncio.gather(call.hears_tone(OPERATOR_HZ), leg.hears_tone(CALLER_HZ))
    never_silent(call, began)
    never_silent(other, other_began)
    await asyncio.gather(call.hangup(), other.hangup())
    for caller in ("+33613000046", "+33613000047"):
        assert [item["reason"] for item in (await line.story(caller))["pairings"]] == ["caller"]


def _is_gone(line: Line, operator: str) -> bool:
    return bool(line.ari("GET", f"/endpoints/PJSIP/{operator}")["state"] == "offline")
