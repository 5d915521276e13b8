"""A returning number is greeted in its last language; a site can switch that off, and the number can be erased."""

import re

from left import begins, rows
from line import Line

from db.tables import Caller
from ivr.softphone.sound import RATE, find
from ivr.softphone.telephone import Telephones


async def hears_in(line: Line, telephones: Telephones, caller: str, key: str, language: str) -> None:
    """Call as `caller`, choose a language in the menu and hang up."""
    call = await line.dial(telephones, caller)
    await call.press(key)
    await begins(call, line.audio(language, "welcome"))
    await call.hangup()
    await line.story(caller)


async def test_a_returning_caller_keeps_their_language_by_one_key_or_by_silence(
    line: Line, telephones: Telephones
) -> None:
    for caller, key, language in (
        ("+33619000011", "1", "ar"),
        ("+33619000012", "5", "nl"),
        ("+33619000013", "6", "de"),
    ):
        await hears_in(line, telephones, caller, key, language)
        by_key = await line.dial(telephones, caller)
        await begins(by_key, line.audio(language, "go_on_in_language"))
        assert not find(by_key.heard(), line.audio("fr", "language_option")[:RATE]).same
        await by_key.press("1")
        await begins(by_key, line.audio(language, "welcome"))
        await by_key.hangup()
        by_silence = await line.dial(telephones, caller)
        asked = await by_silence.hears(line.audio(language, "another_language"))
        await begins(by_silence, line.audio(language, "welcome"), asked.offset_s + 0.6)
        await by_silence.hangup()


async def test_nine_leads_to_the_menu_and_the_new_language_is_remembered(line: Line, telephones: Telephones) -> None:
    caller = "+33619000021"
    await hears_in(line, telephones, caller, "3", "es")
    call = await line.dial(telephones, caller)
    await begins(call, line.audio("es", "go_on_in_language"))
    await call.press("9")
    await begins(call, line.audio("fr", "language_option"))
    await call.press("4")
    await begins(call, line.audio("it", "welcome"))
    await call.hangup()
    await rows(line, Caller, number=caller, language="it")
    call = await line.dial(telephones, caller)
    await begins(call, line.audio("it", "go_on_in_language"))
    await call.press("7")  # a key of the menu, pressed by a caller who knows it
    await begins(call, line.audio("en", "welcome"))
    await call.hangup()


async def test_an_erased_number_is_not_remembered_any_more(line: Line, telephones: Telephones) -> None:
    caller = "+33619000031"
    await hears_in(line, telephones, caller, "3", "es")
    shown = line.json("caller", "show", caller)
    assert (shown["number"], shown["language"]) == (caller, "es")
    assert line.run("caller", "erase", caller).returncode == 0
    call = await line.dial(telephones, caller)
    await begins(call, line.audio("fr", "language_option"))
    await call.hangup()
    again = line.run("caller", "erase", caller)
    assert again.returncode == 1 and "Nothing is remembered about" in again.stderr


async def test_a_caller_who_hides_their_number_hears_the_language_menu(line: Line, telephones: Telephones) -> None:
    for _ in range(2):
        call = await telephones.caller(None).dial(f"sip:+33800212000@{line.sip}")
        await call.established()
        await begins(call, line.audio("fr", "language_option"))
        await call.press("3")
        await begins(call, line.audio("es", "welcome"))
        assert not find(call.heard(), line.audio("es", "go_on_in_language")[:RATE]).same
        await call.hangup()


async def test_a_site_can_switch_the_memory_off(line: Line, telephones: Telephones) -> None:
    caller = "+33619000041"
    await hears_in(line, telephones, caller, "3", "es")
    path = line.site / "site.toml"
    path.write_text(re.sub(r"^sip_bind", "caller_memory = false\nsip_bind", path.read_text(), flags=re.MULTILINE))
    await line.restart()
    try:
        call = await line.dial(telephones, caller)
        await begins(call, line.audio("fr", "language_option"))
        await call.hangup()
    finally:
        path.write_text(path.read_text().replace("caller_memory = false\n", ""))
        await line.restart()
