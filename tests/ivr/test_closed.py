"""A closed line: it says when it opens next, takes a message, and notes who wants to be called back."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from left import KEYS, begins, rows, speaks
from line import Line

from db.tables import Callback, CaseFile, Message
from ivr.audio import spoken
from ivr.model import clock
from ivr.softphone.telephone import Telephones

FRENCH = "+33800212000"


def close(line: Line, minutes: int | None = None) -> None:
    """By hand; `minutes`: until then."""
    until = (clock.now() + timedelta(minutes=minutes)).isoformat() if minutes is not None else None
    line.control("POST", "/hours", {"force": "closed", "why": "test", "until": until})


@pytest.mark.parametrize("language", ["es"])
async def test_a_closed_line_says_when_it_opens_next(line: Line, telephones: Telephones, language: str) -> None:
    # Forced until half an hour of the clock, so that the time has a text; the plan is open all day and night then.
    now = clock.now()
    opens = (now + timedelta(minutes=60)).replace(minute=30, second=0, microsecond=0)
    line.control("POST", "/hours", {"force": "closed", "why": "test", "until": opens.isoformat()})
    call = await line.dial(telephones, f"+3361800001{KEYS[language]}")
    await call.press(KEYS[language])
    words = spoken.opens(language, opens, now, line.zone)
    closed = await begins(call, line.audio(language, "force_closed"))
    said = np.concatenate([line.audio(*clip) for clip in words])
    told = await call.hears(said, 20, closed.offset_s)
    await begins(call, line.audio(language, "closed_message"), told.offset_s)
    await call.hangup()
    assert (await line.story(f"+3361800001{KEYS[language]}"))["call"]["outcome"] == "closed"


@pytest.mark.parametrize("language", ["ar"])
async def test_on_a_holiday_of_the_administrator_callers_hear_that_it_is_one_and_when_it_opens(
    line: Line, telephones: Telephones, language: str
) -> None:
    caller, now = f"+3361800007{KEYS[language]}", clock.now()
    today = now.astimezone(line.zone).date()
    assert line.run("hours", "holiday", "add", today.isoformat(), "--name", "Fête d'essai").returncode == 0
    call = await line.dial(telephones, caller)
    await call.press(KEYS[language])
    closed = await begins(call, line.audio(language, "closed_holiday"))
    said = line.audio(language, "opens_again", "opens_tomorrow", "at_0000")
    told = await call.hears(said, 20, closed.offset_s)
    await begins(call, line.audio(language, "closed_message"), told.offset_s)
    await call.hangup()
    assert line.run("hours", "holiday", "remove", today.isoformat()).returncode == 0
    story = await line.story(caller)
    assert story["call"]["outcome"] == "closed"
    (said,) = [event["data"]["why"] for event in story["events"] if event["kind"] == "hours"]
    assert "Fête d'essai" in said


@pytest.mark.parametrize("language", ["it"])
async def test_a_message_that_is_left_when_the_line_is_closed_becomes_a_file(
    line: Line, telephones: Telephones, language: str
) -> None:
    caller = f"+3361800002{KEYS[language]}"
    close(line)
    call = await line.dial(telephones, caller)
    await call.press(KEYS[language])
    await begins(call, line.audio(language, "force_closed"))
    await call.press("1")
    await speaks(call, line, language, caller, 1400, 1.5)
    await call.press("#")
    await begins(call, line.audio(language, "record_send"))
    await call.press("1")
    thanks = await begins(call, line.audio(language, "record_thanks"))
    await begins(call, line.audio(language, "reference_is"), thanks.offset_s, line.lasts(language, "record_thanks") + 5)
    await call.hangup()
    (file,) = await rows(line, CaseFile, caller=caller)
    (message,) = await rows(line, Message, caller=caller)
    assert (file.kind, message.category, message.case_reference) == ("message", "message", file.reference)
    assert (await line.story(caller))["call"]["outcome"] == "message"


async def only_callback(line: Line, call: str) -> Any:
    (row,) = await rows(line, Callback, call_id=call)
    return row


async def test_another_number_is_asked_for_confirmed_and_stored(line: Line, telephones: Telephones) -> None:
    close(line)
    call = await line.dial(telephones, "+33618000041")
    await call.press("2")
    await begins(call, line.audio("fr", "force_closed"))
    await call.press("2")
    await begins(call, line.audio("fr", "callback_this_number"))
    await call.press("2")
    await begins(call, line.audio("fr", "callback_ask_number"))
    await call.press("0033899123456#")  # a number that costs more
    again = (await call.hears(line.audio("fr", "callback_number_wrong", "callback_why_kind"))).offset_s
    await call.press("0031612345678#")
    await call.hears(line.audio("fr", "callback_number_is", "digit_0", "digit_0", "digit_3"), 12, again)
    chosen = call.clock
    await call.press("1")
    # Whole: its first second is like that of callback_other_number (.47).
    await call.hears(line.audio("fr", "callback_noted"), 12, chosen)
    await call.hangup()
    story = await line.story("+33618000041")
    wish = await only_callback(line, story["call"]["id"])
    assert (wish.number, wish.country) == ("+31612345678", "NL")
