"""A vanished telephone is noticed within two seconds if its connection breaks, otherwise by the silence of its line."""

import asyncio

from levels import QUIET_DBFS, level_dbfs
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

from ivr.softphone.telephone import Telephones


def packets(line: Line, operator: str) -> int:
    """Return how many packets have come from the operator's telephone in its current call."""
    (leg,) = [item["id"] for item in line.ari("GET", "/channels") if item["name"].startswith(f"PJSIP/{operator}-")]
    return int(line.ari("GET", f"/channels/{leg}/rtp_statistics")["rxcount"])


async def test_a_telephone_whose_connection_breaks_does_not_hold_up_its_call(
    line: Line, telephones: Telephones
) -> None:
    first, second, third, fourth = french(line, 4)
    seen = line.log.stat().st_size
    ringing = await line.phone(telephones, first, transport="tcp")
    call = await line.asks_for_operator(telephones, "+33613000041")
    await ringing.next_call(5)
    talking = await line.phone(telephones, second, transport="tcp", answers=OPERATOR_HZ)
    await ringing.vanish(closes=True)
    await call.hears_tone(OPERATOR_HZ)
    # When the offer times out, it would count as unanswered.
    assert await decided(line, "+33613000041", 2) == [(first, "unreachable"), (second, "accepted")]
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
    assert given_up(line, seen) == 0  # silence alone would be noticed after ten seconds
    await call.hears_tone(COLLEAGUE_HZ)
    await call.hangup()
    story = await line.story("+33613000041")
    assert pairings(story) == [
        (second, "operator", "lost"),
        (third_phone.user, "operator", "caller"),
        (fourth, "consulted", "colleague"),
    ]
    assert story["call"]["wait_s"] is not None


async def test_a_telephone_that_falls_silent_is_given_up_after_ten_seconds_unless_it_is_on_hold_or_muted(
    line: Line, telephones: Telephones
) -> None:
    """Also if the controller was killed during the hold, and the registrations end then."""
    first, second, third = french(line, 3)
    # A muted telephone is kept too: it continues to send inaudible packets.
    muted, silent, silent_phone = await conversation(line, telephones, "+33613000047", third)
    held, holding, holding_phone = await conversation(line, telephones, "+33613000042", first)
    call, _, gone = await conversation(line, telephones, "+33613000043", second)
    began, muted_began = held.clock, muted.clock
    await asyncio.gather(holding.hold(), silent.hold())
    await asyncio.gather(hears_music(held, held.clock), hears_music(muted, muted.clock))
    # One operator resumes while there is no controller.
    await line.without_controller()
    await silent.resume()
    await muted.hears_tone(OPERATOR_HZ)
    await line.controller_again()
    await asyncio.gather(hears_music(held, held.clock), muted.hears_tone(OPERATOR_HZ), call.hears_tone(OPERATOR_HZ))
    never_silent(muted, muted_began)
    for item in (holding_phone, silent_phone):
        await item.unregister()
        await line.until(lambda who=item.user: _is_gone(line, who), 3, "its registration is gone")  # type: ignore[misc]
    silent.silence()
    sent = packets(line, first)
    since, seen, seen_there = call.clock, line.log.stat().st_size, asterisk_log(line).stat().st_size
    await gone.vanish()
    await call.hears(line.audio("fr", "operator_gone")[:6000], 30, since_s=since)
    assert given_up(line, seen) == 1
    assert b"for lack of audio" not in asterisk_log(line).read_bytes()[seen_there:]  # it would wait for longer
    assert packets(line, first) - sent < 50, "it sends nothing while it holds"
    assert [line.operator_state(item) for item in (first, third)] == ["talking", "talking"]
    assert level_dbfs(muted.heard(muted.clock - 8.0)) < QUIET_DBFS
    silent.tone(OPERATOR_HZ)
    await muted.hears_tone(OPERATOR_HZ)
    await hears_music(held, held.clock)
    await holding.resume()
    await asyncio.gather(held.hears_tone(OPERATOR_HZ), holding.hears_tone(CALLER_HZ))
    never_silent(held, began)
    await asyncio.gather(call.hangup(), held.hangup(), muted.hangup())
    for caller, reason in (("+33613000043", "lost"), ("+33613000042", "caller"), ("+33613000047", "caller")):
        assert [item["reason"] for item in (await line.story(caller))["pairings"]] == [reason]
    await gone.register()


def _is_gone(line: Line, operator: str) -> bool:
    return bool(line.ari("GET", f"/endpoints/PJSIP/{operator}")["state"] == "offline")
