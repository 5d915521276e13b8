"""Voice messages: complaints, suggestions and observations, and messages left when the line is closed."""

import asyncio
import contextlib
import os
import signal
import subprocess
import wave
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from left import begins, recorded, rows, samples_of, speaks
from line import Line

from db.tables import CaseFile, Message
from ivr.audio import spoken
from ivr.records.voicemail import has_voice
from ivr.softphone.sound import RATE, Samples, has_tone, tone
from ivr.softphone.telephone import Call, Telephones


async def test_messages_are_recorded_again_kept_after_a_hang_up_not_opened_for_silence_and_apologised_for_if_refused(
    line: Line, telephones: Telephones
) -> None:
    """Four callers at the same time: each has a promise of their own."""
    async with asyncio.TaskGroup() as callers:
        callers.create_task(
            a_message_recorded_again_opens_a_case_due_in_two_days_and_its_reference_is_spoken(line, telephones)
        )
        callers.create_task(a_caller_who_hangs_up_while_speaking_has_left_a_message(line, telephones))
        callers.create_task(a_caller_who_says_nothing_hears_so_and_opens_no_case(line, telephones))
        callers.create_task(a_recording_refused_by_asterisk_ends_with_an_apology_and_a_case(line, telephones))


async def a_message_recorded_again_opens_a_case_due_in_two_days_and_its_reference_is_spoken(
    line: Line, telephones: Telephones
) -> None:
    language, kind = "fr", "complaint"
    caller = "+33623000012"
    call = await line.dial(telephones, caller)
    await call.press("25")
    await speaks(call, line, language, caller, 2100, 1.0)
    await call.press("#")
    again = (await begins(call, line.audio(language, "record_send"))).offset_s
    await call.press("3")
    await speaks(call, line, language, caller, 1400, 1.6, since_s=again, times=2)
    await call.press("#")
    await begins(call, line.audio(language, "record_send"), again + 2)
    chosen = call.clock
    await call.press("2")
    assert await call.hears_tone(1400, 5) > 0.5  # the caller's own message
    await begins(call, line.audio(language, "record_send"), chosen)
    chosen = call.clock
    await call.press("1")
    thanked = await begins(call, line.audio(language, "record_thanks"), chosen)
    announced = await begins(call, line.audio(language, "reference_is"), thanked.offset_s)
    (file,) = await rows(line, CaseFile, caller=caller)
    digits = spoken.dictated_clips(language, file.reference)
    group = await call.hears(line.sound(digits[:3]), 20, announced.offset_s)
    await asyncio.sleep(max(0.0, group.offset_s + len(line.sound(digits[:3])) / RATE + 0.2 - call.clock))
    await call.press("1")  # in the pause after the first group: they want to hear it again
    repeated = await begins(call, line.audio(language, "reference_is"), call.clock)
    await call.hears(line.sound(digits[:4]), 20, repeated.offset_s)
    await call.hangup()
    story = await line.story(caller)
    played = [item["data"]["clips"] for item in story["events"] if item["kind"] == "prompt"]
    reference = [[language, "reference_is"], *map(list, digits)]
    assert [item[: len(reference)] for item in played if [language, "reference_is"] in item] == [
        [[language, "record_thanks"], *reference[:-1]],
        reference,
    ]
    assert (story["call"]["outcome"], story["call"]["case"]) == ("message", file.reference)
    assert (file.kind, file.state, file.language) == (kind, "open", language)
    assert timedelta(hours=47, minutes=59) < file.due - file.opened < timedelta(hours=48, minutes=1)
    (message,) = await rows(line, Message, caller=caller)
    assert (message.category, message.language, message.case_reference) == (kind, language, file.reference)
    kept = line.home / message.file
    assert kept.stat().st_mode & 0o777 == 0o600
    heard = samples_of(kept)
    assert 1.5 < len(heard) / RATE == pytest.approx(message.duration_ms / 1000, abs=0.01)
    assert has_tone(heard[: RATE * 3 // 2], 1400) and not has_tone(heard[:RATE], 2100)
    assert not recordings_of(line, story)


async def a_caller_who_hangs_up_while_speaking_has_left_a_message(line: Line, telephones: Telephones) -> None:
    caller = "+33623000023"
    call = await line.dial(telephones, caller)
    await call.press("15")
    await speaks(call, line, "ar", caller, 1400, 2.0)
    await call.hangup()
    (message,) = await rows(line, Message, caller=caller)
    assert has_tone(samples_of(line.home / message.file)[:RATE], 1400)
    (file,) = await rows(line, CaseFile, caller=caller)
    assert file.reference == message.case_reference
    assert (await line.story(caller))["call"]["outcome"] == "message"


async def a_caller_who_says_nothing_hears_so_and_opens_no_case(line: Line, telephones: Telephones) -> None:
    caller, seen = "+33623000024", line.log.stat().st_size
    call = await line.dial(telephones, caller)
    await call.press("25")
    await begins(call, line.audio("fr", "record_how"))
    await call.press("5")
    await recorded(line, caller)
    await asyncio.sleep(0.6)  # the caller's silence
    await call.press("#")
    once = await begins(call, line.audio("fr", "record_empty"))
    how = await begins(call, line.audio("fr", "record_how"), once.offset_s)
    await call.press("5")
    # Now without #. Asterisk ends the recording after some silence, and counts a second of it as speech.
    await begins(call, line.audio("fr", "goodbye"), how.offset_s, 20)
    await call.ended(10)
    story = await line.story(caller)
    assert (story["call"]["outcome"], story["call"]["case"]) == ("self_served", None)
    of_call = [entry for entry in line.logged(seen).splitlines() if str(story["call"]["id"]) in entry]
    assert not [entry for entry in of_call if "level=error" in entry]
    assert not recordings_of(line, story)  # a start would find the leftover


def recordings_of(line: Line, story: dict[str, Any]) -> list[Path]:
    """Return what Asterisk still has of a call."""
    return [*(line.home / "asterisk" / "spool" / "recording").glob(f"*{story['call']['id']}*")]


@pytest.mark.parametrize(
    ("samples", "voice"),
    [
        (tone(0, 9.0), False),
        (np.random.default_rng(1).integers(-100, 100, 9 * RATE).astype(np.int16), False),  # line noise
        (np.concatenate([tone(0, 4.0), tone(1400, 0.05), tone(0, 4.0)]), False),  # a click
        (np.concatenate([tone(0, 8.0), tone(1400, 0.5)]), True),
        (tone(1400, 0.5) // 20, True),  # whispering
        (tone(0, 0.0), False),
    ],
)
def test_a_recording_of_silence_has_no_voice(tmp_path: Path, samples: Samples, voice: bool) -> None:
    with wave.open(str(tmp_path / "said.wav"), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    assert has_voice(tmp_path / "said.wav") is voice
    assert not has_voice(tmp_path / "absent.wav")


async def test_a_recording_continues_while_the_controller_is_killed_and_is_kept_if_the_caller_hangs_up_meanwhile(
    line: Line, telephones: Telephones
) -> None:
    stays, leaves = "+33623000025", "+33623000026"
    staying, leaving = await asyncio.gather(line.dial(telephones, stays), line.dial(telephones, leaves))
    await asyncio.gather(staying.press("75"), leaving.press("25"))
    await asyncio.gather(speaks(staying, line, "en", stays, 1400, 1.0), speaks(leaving, line, "fr", leaves, 1400, 2.0))
    staying.tone(1400)
    former = line.pid("ivr")
    os.kill(former, signal.SIGSTOP)  # until the caller has hung up
    await leaving.hangup()
    await line.until(lambda: len(line.ari("GET", "/channels")) == 1, 5, "Asterisk has seen the hang-up")
    os.kill(former, signal.SIGKILL)
    await line.controller_back(former)
    staying.silence()
    await staying.press("#")
    await begins(staying, line.audio("en", "record_send"))
    await staying.press("1")
    await begins(staying, line.audio("en", "record_thanks"))
    await staying.hangup()
    (message,) = await rows(line, Message, caller=stays)
    assert message.category == "complaint"
    assert message.duration_ms > 1500
    (message,) = await rows(line, Message, caller=leaves)
    assert has_tone(samples_of(line.home / message.file)[:RATE], 1400)
    (file,) = await rows(line, CaseFile, caller=leaves)
    assert (file.kind, file.reference) == ("complaint", message.case_reference)
    assert (await line.story(leaves))["call"]["outcome"] == "message"


async def records(line: Line, telephones: Telephones, caller: str) -> Call:
    """Return a caller who leaves a message and keeps speaking."""
    call = await line.dial(telephones, caller)
    await call.press("25")
    await speaks(call, line, "fr", caller, 1400, 1.0)
    call.tone(1400)
    return call


async def sends(line: Line, call: Call, caller: str) -> None:
    """End the recording and send it: there is one recording with one reference."""
    call.silence()
    await asyncio.sleep(0.5)
    ended = call.clock
    await call.press("#")
    await begins(call, line.audio("fr", "record_send"), ended)
    sent = call.clock
    await call.press("1")
    await begins(call, line.audio("fr", "record_thanks"), sent)
    await call.hangup()
    await is_kept(line, caller, "message")


async def is_kept(line: Line, caller: str, outcome: str) -> None:
    (message,) = await rows(line, Message, caller=caller)
    assert message.duration_ms > 3000  # it went on while there was no controller
    (file,) = await rows(line, CaseFile, caller=caller)
    assert file.reference == message.case_reference
    story = await line.story(caller, limit_s=10)
    assert (story["call"]["outcome"], story["call"]["case"]) == (outcome, file.reference)
    kinds = [item["kind"] for item in story["events"]]
    assert (kinds.count("recording"), kinds.count("message"), kinds.count("given_back")) == (1, 1, 0)


async def test_a_recording_survives_a_controller_that_is_away_longer_than_the_guard_waits(
    line: Line, telephones: Telephones
) -> None:
    """It is recorded once and kept, whether the caller speaks until the controller is back or ends it before. Even
    without a controller, the caller is not left in silence after the recording."""
    callers = speaks_on, stays, leaves = "+33623000033", "+33623000034", "+33623000035"
    speaking, staying, leaving = await asyncio.gather(*(records(line, telephones, item) for item in callers))
    await line.without_controller()
    await asyncio.sleep(6.5)  # the guard has noticed that there is no controller
    for call in (staying, leaving):
        call.silence()
    await asyncio.sleep(0.5)
    ended = staying.clock
    for call in (staying, leaving):
        since = call.clock
        await call.press("#")
        await call.hears(line.audio("fr", "moment")[:RATE], 3, since)  # from the dialplan
    await leaving.hangup()
    await line.controller_again()
    await begins(staying, line.audio("fr", "record_send"), ended)
    await staying.hangup()
    await sends(line, speaking, speaks_on)
    await is_kept(line, stays, "message")
    await is_kept(line, leaves, "message")


@pytest.mark.long
async def test_a_recording_survives_a_stopped_controller_that_the_guard_kills(
    line: Line, telephones: Telephones
) -> None:
    caller = "+33623000036"
    call = await records(line, telephones, caller)
    former = line.pid("ivr")
    os.kill(former, signal.SIGSTOP)
    await line.controller_back(former)
    await sends(line, call, caller)


@pytest.fixture
def full_disk(line: Line) -> Iterator[Path]:
    """Mount a full disk where Asterisk stores recordings."""
    folder = line.home / "asterisk" / "spool" / "recording"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)], check=False)
    if mounted.returncode:
        pytest.skip("a small disk can be mounted by root only")
    try:
        with (folder / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(1024)):
                pass
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_full_disk_ends_a_recording_with_an_apology_and_a_case_but_never_the_call(
    line: Line, telephones: Telephones, full_disk: Path
) -> None:
    caller = "+33623000027"
    call = await line.dial(telephones, caller)
    await call.press("25")
    await speaks(call, line, "fr", caller, 1400, 2.0)
    await call.press("#")
    await begins(call, line.audio("fr", "record_failed"))
    await begins(call, line.audio("fr", "reference_is"))
    (file,) = await rows(line, CaseFile, caller=caller)
    assert (file.kind, file.title) == ("complaint", "The message could not be recorded")
    assert call.state == "talking"
    await call.press("*")
    await begins(call, line.audio("fr", "main_file"))
    await call.hangup()
    assert (await line.story(caller))["call"]["case"] == file.reference


async def is_apologised_to(line: Line, call: Call, caller: str) -> None:
    """The caller hears that the recording failed, but gets a case and stays on the line."""
    failed = await begins(call, line.audio("fr", "record_failed"))
    await begins(call, line.audio("fr", "reference_is"), failed.offset_s)
    (file,) = await rows(line, CaseFile, caller=caller)
    assert (file.kind, file.title) == ("complaint", "The message could not be recorded")
    back = call.clock
    await call.press("*")
    await begins(call, line.audio("fr", "main_file"), back)
    await call.hangup()
    story = await line.story(caller)
    assert (story["call"]["outcome"], story["call"]["case"]) == ("left_menu", file.reference)  # there is no message
    assert [item["data"] for item in story["events"] if item["kind"] == "recording_failed"] == [
        {"reference": file.reference}
    ]


async def a_recording_refused_by_asterisk_ends_with_an_apology_and_a_case(line: Line, telephones: Telephones) -> None:
    caller = "+33623000028"
    call = await line.dial(telephones, caller)
    await call.press("2")
    await begins(call, line.audio("fr", "institution"))
    name = f"msg-complaint-complaint-{(await line.story(caller, ended=False))['call']['id']}"
    # Something else is recorded under that name, on a channel for which no request of a call has to wait.
    bridge = line.ari("POST", "/bridges")["id"]
    try:
        line.ari("POST", f"/bridges/{bridge}/record", name=name, format="ulaw")
        await call.press("5")
        await begins(call, line.audio("fr", "record_how"))
        await call.press("5")
        await is_apologised_to(line, call, caller)
    finally:
        line.ari("DELETE", f"/recordings/live/{name}")
        line.ari("DELETE", f"/bridges/{bridge}")


async def test_a_message_found_after_its_call_ended_in_the_records_is_kept(line: Line, telephones: Telephones) -> None:
    caller = "+33623000029"
    call = await line.dial(telephones, caller)
    await call.press("2")
    await begins(call, line.audio("fr", "institution"))
    await call.hangup()
    ended = (await line.story(caller))["call"]
    recording = line.home / "asterisk" / "spool" / "recording" / f"msg-complaint-complaint-{ended['id']}.wav"
    with wave.open(str(recording), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(tone(1400, 2.0).tobytes())
    await line.restart()
    (message,) = await rows(line, Message, caller=caller)
    assert (message.call_id, message.category, message.duration_ms) == (ended["id"], "complaint", 2000)
    kept = line.home / message.file
    assert has_tone(samples_of(kept), 1400) and kept.stat().st_mode & 0o777 == 0o600
    assert not recording.exists()
    (found,) = await rows(line, CaseFile, caller=caller)
    assert (found.kind, found.state, found.reference) == ("complaint", "open", message.case_reference)
    told = (await line.story(caller))["call"]
    assert (told["ended"], told["outcome"]) == (ended["ended"], "message")
