"""Messages after a tone: complaints, suggestions, observations, and what is left when the line is closed."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from left import KEYS, begins, rows, samples_of, speaks
from line import Line

from db.tables import CaseFile, Message
from ivr.demo.sound import RATE, has_tone
from ivr.demo.telephone import Telephones


@pytest.mark.parametrize(
    ("language", "keys", "kind"), [("ar", "41", "complaint"), ("fr", "42", "suggestion"), ("de", "43", "observation")]
)
async def test_a_message_becomes_a_file_due_in_two_days_and_its_reference_is_spoken(
    line: Line, telephones: Telephones, language: str, keys: str, kind: str
) -> None:
    caller = f"+3361700001{KEYS[language]}"
    call = await line.dial(telephones, caller)
    await call.press(KEYS[language] + keys)
    await speaks(call, line, language, 1400, 2.0)
    await call.press("#")
    await begins(call, line, language, "record_send")
    await call.press("2")
    assert await call.hears_tone(1400, 5) > 0.5  # his own words
    await begins(call, line, language, "record_send", since_s=call.clock)
    await call.press("1")
    await begins(call, line, language, "record_thanks")
    await begins(call, line, language, "reference_is")
    (file,) = await rows(line, CaseFile, caller=caller)
    digits = np.concatenate([line.audio(language, f"digit_{digit}") for digit in file.reference[:3]])
    first = (await call.hears(digits, 20)).offset_s
    await begins(call, line, language, "reference_again")
    await call.press("1")
    await call.hears(digits, 20, first + 1)
    await call.hangup()
    story = await line.story(caller)
    assert (story["call"]["outcome"], story["call"]["case"]) == ("message", file.reference)
    assert (file.kind, file.state, file.language) == (kind, "open", language)
    assert timedelta(hours=47, minutes=59) < file.due - file.opened < timedelta(hours=48, minutes=1)
    (message,) = await rows(line, Message, caller=caller)
    assert (message.category, message.language, message.case_reference) == (kind, language, file.reference)
    kept = line.home / message.file
    assert kept.stat().st_mode & 0o777 == 0o600
    heard = samples_of(kept)
    assert 1.5 < len(heard) / RATE == pytest.approx(message.duration_ms / 1000, abs=0.01)
    assert has_tone(heard[: RATE * 3 // 2], 1400)
    assert not list((line.home / "asterisk" / "spool" / "recording").glob("msg-*"))


async def test_who_records_again_leaves_only_what_he_said_last(line: Line, telephones: Telephones) -> None:
    caller = "+33617000021"
    call = await line.dial(telephones, caller)
    await call.press("241")
    await speaks(call, line, "fr", 1400, 1.5)
    await call.press("#")
    again = await begins(call, line, "fr", "record_send")
    await call.press("3")
    await begins(call, line, "fr", "record_how", since_s=again)
    await call.press("5")
    await asyncio.sleep(0.6)
    call.tone(2100)
    await asyncio.sleep(1.5)
    call.silence()
    await call.press("#")
    await begins(call, line, "fr", "record_send", since_s=again + 2)
    await call.press("1")
    await begins(call, line, "fr", "record_thanks")
    await call.hangup()
    (message,) = await rows(line, Message, caller=caller)
    heard = samples_of(line.home / message.file)
    assert has_tone(heard[:RATE], 2100) and not has_tone(heard[:RATE], 1400)


async def test_keys_pressed_ahead_do_not_send_a_message(line: Line, telephones: Telephones) -> None:
    caller = "+33617000022"
    call = await line.dial(telephones, caller)
    await call.press("241")
    await speaks(call, line, "fr", 1400, 1.5)
    await call.press("11")  # while he is recorded
    await call.press("#")
    asked = await begins(call, line, "fr", "record_send")
    await call.hears(line.audio("fr", "press_1"), 5, asked)
    story = await line.story(caller, ended=False)
    assert "message" not in [event["kind"] for event in story["events"]]
    await call.press("1")
    await begins(call, line, "fr", "record_thanks")


async def test_who_hangs_up_while_he_speaks_has_left_a_message(line: Line, telephones: Telephones) -> None:
    caller = "+33617000023"
    call = await line.dial(telephones, caller)
    await call.press("141")
    await speaks(call, line, "ar", 1400, 2.0)
    await call.hangup()
    (message,) = await rows(line, Message, caller=caller)
    assert has_tone(samples_of(line.home / message.file)[:RATE], 1400)
    (file,) = await rows(line, CaseFile, caller=caller)
    assert file.reference == message.case_reference
    assert (await line.story(caller))["call"]["outcome"] == "message"


async def test_who_says_nothing_is_told_so_and_leaves_no_file(line: Line, telephones: Telephones) -> None:
    caller = "+33617000024"
    call = await line.dial(telephones, caller)
    await call.press("241")
    await begins(call, line, "fr", "record_how")
    await call.press("5")
    await asyncio.sleep(1.2)
    await call.press("#")
    await begins(call, line, "fr", "record_empty")
    await call.hangup()
    story = await line.story(caller)
    assert (story["call"]["outcome"], story["call"]["case"]) == ("left_menu", None)


async def test_a_recording_goes_on_when_the_controller_is_killed_and_is_asked_about_then(
    line: Line, telephones: Telephones
) -> None:
    caller = "+33617000025"
    call = await line.dial(telephones, caller)
    await call.press("742")
    await speaks(call, line, "en", 1400, 1.0)
    call.tone(1400)
    await line.controller_back(line.kill_controller())
    call.silence()
    await call.press("#")
    await begins(call, line, "en", "record_send")
    await call.press("1")
    await begins(call, line, "en", "record_thanks")
    await call.hangup()
    (message,) = await rows(line, Message, caller=caller)
    assert message.category == "suggestion"
    assert message.duration_ms > 1500


async def test_a_message_whose_caller_hung_up_without_a_controller_is_kept(line: Line, telephones: Telephones) -> None:
    caller = "+33617000026"
    call = await line.dial(telephones, caller)
    await call.press("241")
    await speaks(call, line, "fr", 1400, 2.0)
    former = line.pid("ivr")
    os.kill(former, signal.SIGSTOP)  # until he has hung up
    await call.hangup()
    await asyncio.sleep(0.3)
    os.kill(former, signal.SIGKILL)
    await line.controller_back(former)
    (message,) = await rows(line, Message, caller=caller)
    assert has_tone(samples_of(line.home / message.file)[:RATE], 1400)
    (file,) = await rows(line, CaseFile, caller=caller)
    assert (file.kind, file.reference) == ("complaint", message.case_reference)
    assert (await line.story(caller))["call"]["outcome"] == "message"


@pytest.fixture
def full_disk(line: Line) -> Iterator[Path]:
    """A disk of its own, full, in the place where Asterisk records."""
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


async def test_a_full_disk_ends_a_recording_with_an_apology_and_a_file_never_the_call(
    line: Line, telephones: Telephones, full_disk: Path
) -> None:
    caller = "+33617000027"
    call = await line.dial(telephones, caller)
    await call.press("241")
    await speaks(call, line, "fr", 1400, 2.0)
    await call.press("#")
    await begins(call, line, "fr", "record_failed")
    await begins(call, line, "fr", "reference_is")
    (file,) = await rows(line, CaseFile, caller=caller)
    assert (file.kind, file.title) == ("complaint", "The message could not be recorded")
    assert call.state == "talking"
    await call.press("*")
    await begins(call, line, "fr", "main_file")
    await call.hangup()
    assert (await line.story(caller))["call"]["case"] == file.reference
