"""Menus with real telephones: what a caller hears is compared with the audio of the prompts."""

import asyncio
import re
from functools import partial

import left
import pytest
from line import FRENCH_NUMBER, Line

from bench.callers import Callers
from ivr.softphone.sound import RATE, Samples, find
from ivr.softphone.telephone import Telephones

COMFORT_NOISE = 13
"""RTP payload type of comfort noise, RFC 3389."""
KEYS = {"1": "ar", "2": "fr", "3": "es", "4": "it", "5": "nl", "6": "de", "7": "en"}


begins = partial(left.begins, timeout_s=5.0)


def edit(line: Line, pattern: str, text: str) -> None:
    """Replace what `pattern` matches in the flow of the site."""
    path = line.site / "flow.yaml"
    changed, count = re.subn(pattern, text, path.read_text(), flags=re.MULTILINE)
    assert count
    path.write_text(changed)


# Languages


@pytest.mark.usefixtures("words")
async def test_each_caller_hears_the_language_they_chose(line: Line, telephones: Telephones) -> None:
    beginnings = {language: line.audio(language, "institution")[: RATE * 3 // 2] for language in KEYS.values()}

    async def heard(key: str) -> Samples:
        call = await line.dial(telephones, f"+3361390000{key}")
        await call.hears(beginnings["ar"][:RATE])  # the name is said in Arabic first, and cut short by the key
        since = call.clock if KEYS[key] != "ar" else 0.0  # who keeps the language does not hear it again
        await call.press(key)
        await call.hears(beginnings[KEYS[key]], 12, since_s=since)
        # Now the key has counted: callers who keep Arabic have heard the name before their key.
        await call.hears(line.audio(KEYS[key], "main_file")[:RATE], 12, since_s=since)
        await call.hangup()
        return call.heard(since)

    for key, samples in zip(KEYS, await asyncio.gather(*map(heard, KEYS)), strict=True):
        scores = {language: find(samples, beginning) for language, beginning in beginnings.items()}
        assert [language for language, match in scores.items() if match.same] == [KEYS[key]]
        assert (await line.story(f"+3361390000{key}"))["call"]["language"] == KEYS[key]


# Keys


@pytest.mark.usefixtures("words")
async def test_a_key_cuts_a_prompt_short(line: Line, telephones: Telephones) -> None:
    call = await line.dial(telephones, "+33613900021")
    clips = [(item, text) for key, item in KEYS.items() for text in ("language_option", f"key_{key}")]
    menu_s = len(line.sound(clips)) / RATE
    menu = await begins(call, line.audio("fr", "language_option"))
    await call.press("5")  # Dutch has the longest name: the key has time to come before its end
    welcome = await begins(call, line.audio("nl", "institution"), since_s=menu.offset_s + 0.6)
    assert welcome.offset_s < menu.offset_s + menu_s
    await call.press("#")
    option = await begins(call, line.audio("nl", "main_file"), since_s=welcome.offset_s + 0.6)
    assert option.offset_s < welcome.offset_s + line.lasts("nl", "institution")


async def test_the_carrier_gets_comfort_noise_during_the_wait_for_a_key(line: Line) -> None:
    """Some carriers end a call that sends no packets."""
    edit(line, r"^silence_s: \S+", "silence_s: 4")
    callers = Callers("127.0.0.2", ("127.0.0.1", 5060 + line.offset), frozenset(), frozenset())
    kinds: list[int] = []
    callers.got_rtp = lambda data: kinds.append(data[1] & 0x7F)
    call, _ = await callers.dial(FRENCH_NUMBER, "+33613900029")
    try:
        for key in "211":  # the last one is the first digit of a reference, which waits for the others
            await callers.be_heard(call)
            await callers.press(call, key)
        kinds.clear()
        await line.until(lambda: kinds.count(COMFORT_NOISE) >= 2, 4, "two packets of comfort noise")
        assert kinds.count(COMFORT_NOISE) > len(kinds) / 2, "all else is the rest of the prompt"
    finally:
        await callers.hang_up(call)
        callers.close()


# The site's flow


async def test_an_invalid_flow_is_refused_with_a_clear_message_and_the_old_one_stays_in_use(
    line: Line, telephones: Telephones
) -> None:
    seen = line.log.stat().st_size
    edit(line, r"goodbye: \{kind: end, .*", "goodbye: {kind: sing}")
    number = (line.site / "flow.yaml").read_text().splitlines().index("  goodbye: {kind: sing}") + 1
    call = await line.asks_for_operator(telephones, "+33613900043")
    await begins(call, line.audio("fr", "duty_nobody"))
    log = line.logged(seen)
    assert "The flow, guide or audio was changed but is invalid; the old version stays" in log
    assert f"flow.yaml:{number}: E_FLOW_VALUE nodes.goodbye" in log
    assert "Traceback" not in log
