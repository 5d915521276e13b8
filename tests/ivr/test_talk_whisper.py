"""Who picks up hears what is coming before he is with the caller, who does not notice."""

import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from conftest import OFFSET, short_folder
from line import Line
from offers import french, outcomes
from talking import CALLER_HZ, OPERATOR_HZ, hears_music, kinds

from ivr.demo.sound import has_tone, longest_silence
from ivr.demo.telephone import Telephones


@pytest.fixture
async def whispering(telephones: Telephones) -> AsyncIterator[Line]:
    """A line of its own whose site whispers, as the example site does."""
    with short_folder("hatif-whisper-") as folder:
        line = Line(Path(folder), OFFSET + 1000)
        path = line.site / "site.toml"
        path.write_text(re.sub(r"^whisper = false", "whisper = true", path.read_text(), flags=re.MULTILINE))
        try:
            await line.up()
            yield line
        finally:
            await line.down()


async def test_the_operator_hears_who_waits_until_a_key_and_neither_a_kill_nor_a_hang_up_harms(
    whispering: Line, telephones: Telephones
) -> None:
    line = whispering
    operator, second, third = french(line, 3)
    language = next(iter(next(each for each in line.operators if each.id == operator).languages))
    phone = await line.phone(telephones, operator)
    call = await line.waiting(telephones, "+33613001031")
    call.tone(CALLER_HZ)
    leg = await phone.next_call(5)
    leg.tone(OPERATOR_HZ)
    await leg.answer()
    for text in ("code_language_fr", "talk_from_fr", "talk_waited_under_1"):
        await leg.hears(line.audio(language, text)[:5000])
    await call.hears_tone(OPERATOR_HZ)
    await leg.hears_tone(CALLER_HZ)
    assert not has_tone(leg.heard(0.0, 1.5), CALLER_HZ, share=0.2)
    assert longest_silence(call.heard()).length_s < 3.0
    await call.hangup()
    story = await line.story("+33613001031")
    (connected,) = [each["at"] for each in story["events"] if each["kind"] == "connected"]
    (whispered,) = [each["at"] for each in story["events"] if each["kind"] == "whispered"]
    # His wait is over when the operator picks up.
    assert abs((story["call"]["connected"] - whispered).total_seconds()) < 0.5 < (connected - whispered).total_seconds()
    await line.until_state(operator, "ready")
    # A key cuts it short; a kill in the middle of it does no harm. A telephone that is put on hold meanwhile holds: its
    # caller hears music.
    for caller, killed in (("+33613001032", False), ("+33613001033", True)):
        call = await line.asks_for_operator(telephones, caller)
        leg = await phone.next_call(5)
        leg.tone(OPERATOR_HZ)
        await leg.answer()
        await leg.hears(line.audio(language, "code_language_fr")[:4000])
        if killed:
            await line.controller_back(line.kill_controller())
        else:
            await leg.hold()
            await leg.press("1")
            await line.until_state(operator, "talking")
            await hears_music(call, call.clock)
            await leg.resume()
        await call.hears_tone(OPERATOR_HZ)
        assert len(phone.calls) == (3 if killed else 2)
        await call.hangup()
        await line.until_state(operator, "ready")
    # The caller hangs up while it is whispered: the operator is ready again, without a word.
    call = await line.asks_for_operator(telephones, "+33613000034")
    leg = await phone.next_call(5)
    await leg.answer()
    await leg.hears(line.audio(language, "code_language_fr")[:4000])
    await call.hangup()
    await leg.ended()
    await line.until_state(operator, "ready")
    story = await line.story("+33613000034")
    assert (story["call"]["outcome"], outcomes(story)) == ("abandoned", [(operator, "withdrawn")])
    # The operator hangs up: he has refused, and the caller gets somebody else.
    call = await line.asks_for_operator(telephones, "+33613000035")
    leg = await phone.next_call(5)
    await leg.answer()
    await leg.hears(line.audio(language, "code_language_fr")[:4000])
    await leg.hangup()
    await hears_music(call, call.clock)
    other = await line.phone(telephones, second, answers=OPERATOR_HZ)
    leg = await other.next_call(8)
    await leg.established()
    await leg.press("1")
    await call.hears_tone(OPERATOR_HZ)
    await call.hangup()
    story = await line.story("+33613000035")
    assert outcomes(story) == [(operator, "refused"), (other.user, "accepted")]
    assert kinds(story).count("whispered") == 2
    # His telephone vanishes meanwhile: noticed as soon as both should be together, and not after ten seconds.
    for each in (operator, second):
        line.control("POST", f"/operators/{each}/state", {"state": "paused"})
    lost = await line.phone(telephones, third, transport="tcp")
    call = await line.asks_for_operator(telephones, "+33613000036")
    leg = await lost.next_call(5)
    await leg.answer()
    language = next(iter(next(each for each in line.operators if each.id == third).languages))
    await leg.hears(line.audio(language, "code_language_fr")[:4000])
    began = time.monotonic()
    await lost.vanish(closes=True)
    await call.hears(line.audio("fr", "operator_gone")[:6000], 9)
    assert time.monotonic() - began < 8.0
    await call.hangup()
    assert [each["reason"] for each in (await line.story("+33613000036"))["pairings"]] == ["lost"]
