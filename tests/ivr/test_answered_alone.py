"""Everybody who is alone while there is no controller hears music, not silence, until it goes on with them."""

import asyncio
from collections.abc import Callable

from levels import longest_silence
from line import Line
from talking import hears_music

from ivr.softphone.telephone import Telephones

SILENCE_S = 4.0
"""Three seconds, and a little for a slow machine. The dialplan would have them after five."""

STEP_PAUSE_S = 2.4
"""The pause of the site's own after a step of the guide."""


async def test_whoever_is_alone_without_a_controller_hears_music_until_it_goes_on_with_them(
    line: Line, telephones: Telephones, record_property: Callable[[str, object], None]
) -> None:
    """An operator who answers, and callers in a menu, in the guide and while they enter a number."""
    phone = await line.phone(telephones, line.speaks("fr"))
    call = await line.waiting(telephones, "+33612399011")
    ringing = await phone.next_call(5)
    keys = {"a menu": "2", "the guide": "221", "entering digits": "21"}
    callers = {
        where: await line.asks_for_operator(telephones, f"+3361239901{number}", pressed)
        for number, (where, pressed) in enumerate(keys.items(), start=2)
    }
    await callers["a menu"].hears(line.audio("fr", "main_file"))
    await line.without_controller()
    killed = {where: caller.clock for where, caller in callers.items()}
    await ringing.answer()
    await ringing.hears(line.music(), 5)
    await asyncio.gather(*(hears_music(caller, killed[where] + 1) for where, caller in callers.items()))
    with line.without_guard():  # it would end the leg before a slow machine has the next controller
        for where, caller in callers.items():
            silence = longest_silence(caller.heard(killed[where])).length_s
            record_property(f"longest silence in {where} without a controller, s", round(silence, 2))
            assert silence < SILENCE_S + (STEP_PAUSE_S if where == "the guide" else 0), where
        back = callers["a menu"].clock
        await line.controller_again()
    ringing.tone(1870)
    call.tone(1130)
    await call.hears_tone(1870)
    await ringing.hears_tone(1130, share=0.9)  # the music is over
    assert len(phone.calls) == 1
    # It is over for the others, too: the menu is followed by the silence in which it waits for a key.
    menu = callers["a menu"]
    await menu.hears(line.audio("fr", "main_file"), since_s=back)
    await line.until(lambda: longest_silence(menu.heard(menu.clock - 3)).length_s > 1, 10, "the music is over")
    await asyncio.gather(*(caller.hangup() for caller in callers.values()), call.hangup())
    await ringing.ended()
