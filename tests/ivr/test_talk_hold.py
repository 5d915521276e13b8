"""A caller on hold hears music, however they were put on hold and whatever becomes of the controller."""

import asyncio

from levels import longest_silence
from line import Line
from offers import french
from talking import conversation, hears_music, kinds, refused, stands, talk

from ivr.softphone.sound import has_tone
from ivr.softphone.telephone import Telephones


async def test_hold_works_by_api_by_key_and_by_telephone_and_survives_a_kill(
    line: Line, telephones: Telephones
) -> None:
    first, second = french(line, 2)
    call, leg, phone = await conversation(line, telephones, "+33613000001", first)
    other, other_leg, _ = await conversation(line, telephones, "+33613000002", second)
    began = call.clock
    talk(line, "+33613000001", "hold")
    await other_leg.hold()
    await asyncio.gather(hears_music(call, call.clock), hears_music(other, other.clock))
    assert not has_tone(leg.heard(leg.clock - 0.4), 1130)
    for caller in ("+33613000001", "+33613000002"):  # in every way
        assert stands(line, caller)["place"] == "hold"
    assert line.status()["calls"]["hold"] == 2
    for operator in (first, second):
        assert line.control("GET", f"/operators/{operator}")["call"]["place"] == "hold"
    await line.restart()
    await asyncio.gather(hears_music(call, call.clock), hears_music(other, other.clock))
    await other_leg.resume()
    # The operator resumes by the key, and holds by it.
    await leg.press("*30")
    await asyncio.gather(call.hears_tone(1870), other.hears_tone(1870), leg.hears_tone(1130))
    await leg.press("*30")
    await hears_music(call, call.clock)
    talk(line, "+33613000001", "unhold")
    await call.hears_tone(1870)
    # Other keys do nothing, and the caller does not hear them.
    await leg.press("1230#5")
    assert line.operator_state(phone.user) == "talking"
    assert call.keys == ""
    assert longest_silence(call.heard(began)).length_s < 1.0
    # If the operator hangs up during a hold, the caller continues in the flow, not in silence.
    talk(line, "+33613000001", "hold")
    await leg.hangup()
    await call.hears(line.audio("fr", "survey_question")[:8000])
    # By the API as well, and only for the operator who has the caller.
    assert refused(line, "+33613000002", "hang_up", operator=first)[0] == 409
    assert refused(line, "+33613000002", "recording/pause", operator=second)[0] == 409  # nothing is recorded
    talk(line, "+33613000002", "hang_up", operator=second)
    await other.hears(line.audio("fr", "survey_question")[:8000])
    await asyncio.gather(call.hangup(), other.hangup())
    story = await line.story("+33613000001")
    assert [item for item in kinds(story) if item in ("held", "unheld")] == ["held", "unheld", "held", "unheld", "held"]
    assert [item["reason"] for item in story["pairings"]] == ["operator"]
    story = await line.story("+33613000002")
    assert [item["reason"] for item in story["pairings"]] == ["operator"]
    assert kinds(story).count("hung_up") == 1
    assert [item["data"]["way"] for item in story["events"] if item["kind"] == "held"] == ["telephone"]
