"""A closed line says by telephone when it opens next; everything else about it is tested in `test_trial_closed.py`."""

from datetime import timedelta

from left import KEYS, begins
from line import Line

from ivr.audio import spoken
from ivr.model import clock
from ivr.softphone.telephone import Telephones


async def test_a_closed_line_says_when_it_opens_next(line: Line, telephones: Telephones) -> None:
    language = "es"
    # Forced until half an hour of the clock, so that the time has a text; the plan is open all day and night then.
    now = clock.now()
    opens = (now + timedelta(minutes=60)).replace(minute=30, second=0, microsecond=0)
    line.control("POST", "/hours", {"force": "closed", "why": "test", "until": opens.isoformat()})
    call = await line.dial(telephones, f"+3361800001{KEYS[language]}")
    await call.press(KEYS[language])
    words = spoken.opening_clips(language, opens, now, line.zone, line.settings.zone_of("FR"))
    closed = await begins(call, line.audio(language, "force_closed"))
    announced = await call.hears(line.sound(words), 20, closed.offset_s)
    await begins(call, line.audio(language, "main_urgent"), announced.offset_s)
    await call.hangup()
    ahead = await line.dial(telephones, f"+3361800003{KEYS[language]}")
    await ahead.press(f"{KEYS[language]}2")  # documents, at once while the line is open
    said = await begins(ahead, line.audio(language, "force_closed"))
    whole = await ahead.hears(line.sound(words), 20, said.offset_s)
    await begins(ahead, line.audio(language, "documents_passport"), whole.offset_s)
    await ahead.hangup()
    events = (await line.story(f"+3361800003{KEYS[language]}"))["events"]
    assert {"callback", "message"}.isdisjoint(event["kind"] for event in events)
    assert (await line.story(f"+3361800001{KEYS[language]}"))["call"]["outcome"] == "closed"
