"""Consent before a conversation is recorded, and the recording itself."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest
from left import KEYS, begins, rows, samples_of, speaks
from line import Line
from talking import kinds, refused, stands
from talking import talk as request

from db.tables import CaseNote, Message, Recording
from ivr.softphone.sound import RATE, has_tone
from ivr.softphone.telephone import Telephones


@pytest.fixture(scope="module")
async def recording_house(shared_line: Line) -> AsyncIterator[None]:
    """Make the site record conversations with consent, from the first test that uses this to the last of the file."""
    path = shared_line.site / "site.toml"
    before = path.read_text()
    path.write_text(re.sub(r"conversations = false", "conversations = true", before))
    assert path.read_text() != before
    await shared_line.restart()
    await shared_line.cleared()  # killed within 0.03 s of the last change of a state, a controller has not written it
    yield
    path.write_text(before)
    await shared_line.restart()


@pytest.fixture
def recording_line(recording_house: None, line: Line) -> Line:
    return line


async def ended_recording(line: Line, call_id: str) -> Any:
    """Return the row of a call's only recording, once it has ended."""
    for _ in range(50):
        (row,) = await rows(line, Recording, call_id=call_id)
        if row.ended is not None:
            return row
        await asyncio.sleep(0.1)
    raise AssertionError("the recording has not ended")


async def test_a_conversation_is_recorded_with_the_consent_but_not_while_that_is_paused_even_if_the_controller_restarts(
    recording_line: Line, telephones: Telephones
) -> None:
    line, caller, operator = recording_line, "+33620000091", recording_line.speaks("it")
    secret_hz, after_hz = 2700, 2050
    phone = await line.phone(telephones, operator, answers=1870)
    call = await line.dial(telephones, caller)
    await call.press(KEYS["it"] + "01")  # the 1 comes before the question: not an answer
    await begins(call, line.audio("it", "consent_question"))
    await asyncio.sleep(0.5)
    assert line.control("GET", "/queue") == []
    await call.press("1")
    leg = await phone.next_call(8)
    call.tone(1400)
    await asyncio.gather(call.hears_tone(1870), leg.hears_tone(1400))
    assert stands(line, caller)["recording"] == "on"
    await asyncio.sleep(0.5)  # which is recorded
    assert refused(line, caller, "recording/pause", operator="1")[0] == 409
    request(line, caller, "recording/pause", operator=operator)
    call.tone(secret_hz)
    await leg.hears_tone(secret_hz)
    await line.restart()
    async with asyncio.timeout(10):
        while stands(line, caller)["recording"] != "paused":  # noqa: ASYNC110 - until the call has been taken over
            await asyncio.sleep(0.1)
    assert refused(line, caller, "recording/pause", operator=operator)[0] == 409
    await asyncio.sleep(0.5)
    call.tone(after_hz)
    await leg.hears_tone(after_hz)
    request(line, caller, "recording/resume", operator=operator)
    await asyncio.sleep(1)
    await leg.hangup()
    await begins(call, line.audio("it", "survey_question"))
    await call.hangup()
    story = await line.story(caller)
    assert [item for item in kinds(story) if item.startswith("recording_")] == ["recording_paused", "recording_resumed"]
    row = await ended_recording(line, story["call"]["id"])
    assert (row.consent_key, row.consent_text, row.consent_language) == ("1", "consent_question", "it")
    assert row.consented <= row.started
    kept = line.home / row.file
    assert kept.stat().st_mode & 0o777 == 0o600
    sound = samples_of(kept)
    assert len(sound) / RATE == pytest.approx(row.duration_ms / 1000, abs=0.01)
    assert has_tone(sound, 1870, 0.1)  # both sides
    parts = [sound[start : start + RATE // 10] for start in range(0, len(sound) - RATE // 10, RATE // 20)]
    before, secret, after = (
        [place for place, part in enumerate(parts) if has_tone(part, hz, share)]
        for hz, share in ((1400, 0.1), (secret_hz, 0.05), (after_hz, 0.1))
    )
    assert secret == []
    assert before and after
    assert before[0] < after[0] and before[-1] < after[-1]  # the last part of the one may be the first of the other
    assert has_tone(sound[-RATE // 2 :], after_hz, 0.2)
    assert any(entry["act"] == "call_pause_recording" for entry in line.json("audit"))


async def test_recordings_are_kept_and_their_rows_completed_when_asterisk_dies(
    recording_line: Line, telephones: Telephones
) -> None:
    line, caller, leaves = recording_line, "+33620000071", "+33620000072"
    await line.phone(telephones, line.speaks("fr"), answers=1870)
    call = await line.dial(telephones, caller)
    await call.press("20")
    await begins(call, line.audio("fr", "consent_question"))
    await asyncio.sleep(0.5)
    await call.press("1")
    call.tone(1400)
    await call.hears_tone(1870)
    other = await line.dial(telephones, leaves)
    await other.press("25")
    await speaks(other, line, "fr", leaves, 1400, 6.0)
    former = line.pid("asterisk")
    os.kill(former, signal.SIGKILL)
    seen = line.log.stat().st_size
    await line.until(lambda: line.pid("asterisk") != former and bool(line.status().get("serves")), 15, "all is back")
    (message,) = await rows(line, Message, caller=leaves)
    assert message.duration_ms >= 2000  # at most the last two seconds were not written
    assert has_tone(samples_of(line.home / message.file)[:RATE], 1400)
    story = await line.story(leaves)
    assert (story["call"]["outcome"], story["call"]["case"]) == ("message", message.case_reference)
    assert any(item["kind"] == "message" for item in story["events"])
    (note,) = await rows(line, CaseNote, case_reference=message.case_reference)
    assert "cut off" in note.text
    conversation = (await line.story(caller))["call"]
    assert conversation["outcome"] == "answered"
    await line.until(lambda: bool(line.run("case", "show", conversation["case"]).stdout.count("cut off")), 5, "noted")
    (recording,) = await rows(line, Recording, call_id=conversation["id"])
    assert recording.ended is not None
    sound = samples_of(line.home / recording.file)
    assert len(sound) / RATE == pytest.approx(recording.duration_ms / 1000, abs=0.01)
    assert has_tone(sound[RATE:], 1870, 0.2) and has_tone(sound[RATE:], 1400, 0.2)
    # Nothing is left over for the next start.
    assert not list((line.home / "asterisk" / "spool" / "recording").glob("*.wav"))
    assert "could not be kept" not in line.logged(seen)
