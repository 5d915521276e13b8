"""A closed line: it says when it opens next, takes a message, and notes who wants to be called back."""

import asyncio
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from left import KEYS, begins, rows, speaks
from line import Line

from db.tables import Callback, CaseFile, Message
from ivr.audio import spoken
from ivr.model import clock
from ivr.softphone.sound import RATE
from ivr.softphone.telephone import Telephones

FRENCH = "+33800212000"


def close(line: Line, minutes: int | None = None) -> None:
    """By hand; `minutes`: until then."""
    until = (clock.now() + timedelta(minutes=minutes)).isoformat() if minutes is not None else None
    line.control("POST", "/hours", {"force": "closed", "why": "test", "until": until})


@pytest.mark.parametrize("language", ["ar", "es", "en"])
async def test_a_closed_line_says_when_it_opens_next(line: Line, telephones: Telephones, language: str) -> None:
    # Forced until half an hour of the clock, so that the time has a text; the plan is open all day and night then.
    now = clock.now()
    opens = (now + timedelta(minutes=60)).replace(minute=30, second=0, microsecond=0)
    line.control("POST", "/hours", {"force": "closed", "why": "test", "until": opens.isoformat()})
    call = await line.dial(telephones, f"+3361800001{KEYS[language]}")
    await call.press(KEYS[language])
    words = spoken.opening_clips(language, opens, now, line.zone)
    closed = await begins(call, line.audio(language, "force_closed"))
    said = np.concatenate([line.audio(*clip) for clip in words])
    told = await call.hears(said, 20, closed.offset_s)
    await begins(call, line.audio(language, "closed_message"), told.offset_s)
    await call.hangup()
    assert (await line.story(f"+3361800001{KEYS[language]}"))["call"]["outcome"] == "closed"


@pytest.mark.parametrize("language", ["ar", "fr", "nl"])
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


@pytest.mark.parametrize("language", ["ar", "it", "nl"])
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


@pytest.mark.parametrize("language", ["ar", "fr", "de"])
async def test_a_wish_to_be_called_back_is_stored(line: Line, telephones: Telephones, language: str) -> None:
    caller = f"+3361800003{KEYS[language]}"
    close(line, minutes=90)
    call = await line.dial(telephones, caller)
    await call.press(KEYS[language])
    await begins(call, line.audio(language, "force_closed"))
    await call.press("2")
    await begins(call, line.audio(language, "callback_this_number"))
    chosen = call.clock
    await call.press("1")
    await call.hears(line.audio(language, "callback_noted"), 12, chosen)
    await call.hangup()
    story = await line.story(caller)
    assert story["call"]["outcome"] == "callback"
    wish = await only_callback(line, story["call"]["id"])
    assert (wish.number, wish.language, wish.country, wish.state, wish.kind) == (
        caller,
        language,
        "FR",
        "wished",
        "closed",
    )
    assert timedelta(minutes=85) < wish.due - wish.wished < timedelta(minutes=95)


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


async def test_a_caller_without_a_number_is_asked_for_one(line: Line, telephones: Telephones) -> None:
    close(line)
    call = await telephones.caller(None).dial(f"sip:{FRENCH}@{line.sip}")
    await call.established()
    await call.press("2")
    await begins(call, line.audio("fr", "force_closed"))
    await call.press("2")
    await begins(call, line.audio("fr", "callback_ask_number"))
    await call.press("*")
    await begins(call, line.audio("fr", "closed_message"))
    await call.hangup()


async def test_the_guide_is_heard_when_the_line_is_closed_and_zero_leads_to_nobody(
    line: Line, telephones: Telephones
) -> None:
    close(line)
    call = await line.dial(telephones, "+33618000051")
    await call.press("2")
    await begins(call, line.audio("fr", "force_closed"))
    await call.press("51")
    first = (await begins(call, line.audio("fr", "guide_visa_documents"))).offset_s
    # From its list * leads back to what there is on a closed line, and not to the main menu.
    await call.press("**")
    await begins(call, line.audio("fr", "closed_message"), first)
    await call.press("0")
    await call.hears(line.audio("fr", "force_closed")[:RATE], 5, first)
    await call.hangup()
    story = await line.story("+33618000051")
    assert "main" not in story["call"]["path"]
    assert (story["call"]["outcome"], story["offers"]) == ("self_served", [])


async def test_a_caller_who_stays_silent_at_a_closed_line_is_said_goodbye(line: Line, telephones: Telephones) -> None:
    close(line)
    call = await line.dial(telephones, "+33618000061")
    await call.press("2")
    await begins(call, line.audio("fr", "force_closed"))
    for _ in range(3):
        await call.press("8")
        await asyncio.sleep(0.4)
    await begins(call, line.audio("fr", "goodbye"))
    await call.ended(8)
    assert (await line.story("+33618000061"))["call"]["outcome"] == "closed"
