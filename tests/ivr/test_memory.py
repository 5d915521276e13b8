"""A returning number is greeted in its last language; a site can switch that off, and the number can be erased."""

from left import begins
from line import Line

from ivr.softphone.sound import RATE, find
from ivr.softphone.telephone import Telephones


async def hears_in(line: Line, telephones: Telephones, caller: str, key: str, language: str) -> None:
    """Call as `caller`, choose a language in the menu and hang up."""
    call = await line.dial(telephones, caller)
    await call.press(key)
    await begins(call, line.audio(language, "institution"))
    await call.hangup()
    await line.story(caller)


async def test_a_returning_caller_keeps_their_language_by_one_key_or_by_silence_until_their_number_is_erased(
    line: Line, telephones: Telephones
) -> None:
    caller, language = "+33619000012", "nl"
    await hears_in(line, telephones, caller, "5", language)
    by_key = await line.dial(telephones, caller)
    await begins(by_key, line.audio(language, "go_on_in_language"))
    assert not find(by_key.heard(), line.audio("fr", "language_option")[:RATE]).same
    since = by_key.clock
    await by_key.press("1")
    await begins(by_key, line.audio(language, "main_file"), since)
    await by_key.hangup()
    by_silence = await line.dial(telephones, caller)
    asked = await by_silence.hears(line.audio(language, "another_language"))
    await begins(by_silence, line.audio(language, "main_file"), asked.offset_s + 0.6)
    await by_silence.hangup()
    await line.story(caller)
    shown = line.json("caller", "show", caller)
    assert (shown["number"], shown["language"]) == (caller, language)
    assert line.run("caller", "erase", caller).returncode == 0
    call = await line.dial(telephones, caller)
    await begins(call, line.audio("fr", "language_option"))
    await call.hangup()
    await line.story(caller)  # this call is over, and in the database
    assert "Calls without a number now: 1." in line.run("caller", "erase", caller).stdout
    again = line.run("caller", "erase", caller)
    assert again.returncode == 1 and "Nothing is known about" in again.stderr
