"""What a controller may find after a gap: keys that were lost, an unreadable state, no audio at all."""

import asyncio
import contextlib
from collections.abc import Iterator

import pytest
from left import begins
from line import Line

from ivr.softphone.sound import RATE, tone_share
from ivr.softphone.telephone import Call, Telephones

LONG = ",".join(["sound:hatif/beep"] * 60)
"""Fifteen seconds of sound."""


async def keeps_pressing(call: Call, key: str) -> None:
    """Press keys without waiting, like a caller who enters a whole number."""
    while True:
        await call.press(key)
        await asyncio.sleep(0.15)


GAPS = {
    # what was pressed: the question, the key after the gap, and where it leads
    "2": ("main_file", "2", "documents_passport"),
    "21": ("case_ask_reference", "*", "main_file"),
}


async def test_after_a_gap_the_question_is_repeated_before_keys_count(line: Line, telephones: Telephones) -> None:
    calls = {keys: await line.dial(telephones, f"+3362600010{len(keys)}") for keys in GAPS}
    for keys, call in calls.items():
        await call.press(keys)
        await begins(call, line.audio("fr", GAPS[keys][0]))
    restarting = asyncio.create_task(line.restart())

    async def goes_on(keys: str, question: str, then: str, led: str) -> None:
        call = calls[keys]
        killed = call.clock
        pressing = asyncio.create_task(keeps_pressing(call, "1"))
        try:
            await restarting
            again = await begins(call, line.audio("fr", question), killed)
            await asyncio.sleep(0.5)
        finally:
            pressing.cancel()
        await asyncio.sleep(1)  # the caller notices, and answers
        await call.press(then)
        await begins(call, line.audio("fr", led), again.offset_s + 1)
        await call.hangup()
        kinds = [item["kind"] for item in (await line.story(f"+3362600010{len(keys)}"))["events"]]
        assert kinds[kinds.index("resumed") :].count("key") == 1

    await asyncio.gather(*(goes_on(keys, *gap) for keys, gap in GAPS.items()))


async def test_neither_an_unreadable_state_nor_a_prompt_that_no_state_names_holds_up_anybody_after_a_restart(
    line: Line, telephones: Telephones
) -> None:
    """Asterisk may begin the killed controller's last prompt after the next one has read the states."""
    callers = {"menu": "+33626000211", "queue": "+33626000212", "unreadable": "+33626000201"}
    in_menu = await line.dial(telephones, callers["menu"])
    await in_menu.press("2")
    await begins(in_menu, line.audio("fr", "main_file"))
    waits, unreadable = [await line.waiting(telephones, callers[name]) for name in ("queue", "unreadable")]
    await asyncio.gather(waits.hears(line.music(), 12), unreadable.hears(line.music(), 12))
    channels = {item["caller"]["number"]: item["id"] for item in line.ari("GET", "/channels")}
    seen = line.log.stat().st_size
    await line.without_controller()
    line.ari("POST", f"/channels/{channels[callers['unreadable']]}/variable", variable="HATIF", value='{"id": 7')
    for playback, number in callers.items():
        line.ari("POST", f"/channels/{channels[number]}/play/{playback}", media=LONG)
    playing = {call: call.clock for call in (in_menu, waits, unreadable)}
    await line.controller_again()
    other = await line.dial(telephones, "+33626000213")
    await begins(other, line.audio("fr", "language_option"))
    for playback in callers:
        line.ari("GET", f"/playbacks/{playback}")  # they still play: the other caller did not wait for their end
        line.ari("DELETE", f"/playbacks/{playback}")
    await begins(in_menu, line.audio("fr", "main_file"), playing[in_menu], 30)
    await waits.hears(line.music(), 12, playing[waits])
    # A call whose state cannot be read starts over, as for a caller who has called before.
    await begins(unreadable, line.audio("fr", "go_on_in_language"), playing[unreadable], 30)
    log = line.logged(seen)
    assert "A channel's state cannot be read; its caller starts from the beginning" in log
    assert "does not answer" not in log


@pytest.fixture
def no_audio(line: Line) -> Iterator[None]:
    """Remove the audio of all languages, as after the loss of a disk."""
    sounds = line.home / "sounds"
    languages = [item for item in sounds.iterdir() if item.is_dir()]
    for item in languages:
        item.rename(sounds / f".{item.name}")
    try:
        yield
    finally:
        for item in languages:
            with contextlib.suppress(FileNotFoundError):
                (sounds / f".{item.name}").rename(item)


async def test_without_any_audio_the_caller_hears_a_tone_and_the_dialplan_takes_the_call(
    line: Line, telephones: Telephones, no_audio: None
) -> None:
    caller = "+33626000301"
    await asyncio.sleep(1.1)  # a file that was complete is trusted for this long
    call = await line.dial(telephones, caller)
    await call.hears(line.music(), 12)
    heard = call.heard(0.0, 0.4)
    assert tone_share(heard[-RATE // 4 :], 950) > 0.5, "the special information tone begins with 950 Hz"
    await call.hangup()
    story = await line.story(caller)
    assert story["call"]["outcome"] == "fallback"
    kinds = [item["kind"] for item in story["events"]]
    assert "given_back" in kinds and not {"silence", "failed"} & {*kinds}
