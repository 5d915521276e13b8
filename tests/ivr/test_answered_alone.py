"""An operator who answers while there is no controller hears music, not silence, until somebody talks to them."""

import os
import signal

from line import Line

from ivr.softphone.telephone import Telephones


async def test_an_operator_who_answers_without_a_controller_hears_music_until_they_talk(
    line: Line, telephones: Telephones
) -> None:
    phone = await line.phone(telephones, line.speaks("fr"))
    call = await line.waiting(telephones, "+33612399011")
    ringing = await phone.next_call(5)
    await line.without_controller()
    guard = line.pid("guard")
    try:
        await ringing.answer()
        await ringing.hears(line.music(), 5)
        os.kill(guard, signal.SIGSTOP)  # it would end the leg before a slow machine has the next controller
    finally:
        await line.controller_again()
        os.kill(guard, signal.SIGCONT)
    ringing.tone(1870)
    call.tone(1130)
    await call.hears_tone(1870)
    await ringing.hears_tone(1130, share=0.9)  # the music is over
    assert len(phone.calls) == 1
    await call.hangup()
    await ringing.ended()
