"""Menus with real telephones: what a caller hears is compared with the audio of the prompts."""

import asyncio
import re
from functools import partial

import left
import numpy as np
from line import FRENCH_NUMBER, Line

from bench.callers import Callers
from ivr.softphone.sound import QUIET_DBFS, RATE, Samples, find, level_dbfs
from ivr.softphone.telephone import Telephones

COMFORT_NOISE = 13
"""RTP payload type of comfort noise, RFC 3389."""
GERMAN_NUMBER, SHARED_NUMBER = "+49800212003", "+80000212000"
KEYS = {"1": "ar", "2": "fr", "3": "es", "4": "it", "5": "nl", "6": "de", "7": "en"}

# Menus heard to the end three times.
SAYS_LITTLE = """
start: language
operator: queue
change_language: language
silence_s: 0.5
nodes:
  language: {kind: language, text: press_2, options: {2: fr}, next: main}
  main: {kind: menu, options: [{key: 1, text: press_1, next: queue}]}
  queue: {kind: queue, next: goodbye}
  goodbye: {kind: end, text: goodbye}
"""


begins = partial(left.begins, timeout_s=5.0)


def spoken(line: Line, language: str, *prompts: str) -> Samples:
    """Return prompts one after the other."""
    return np.concatenate([line.audio(language, prompt) for prompt in prompts])


def edit(line: Line, pattern: str, text: str) -> None:
    """Replace what `pattern` matches in the flow of the site."""
    path = line.site / "flow.yaml"
    changed, count = re.subn(pattern, text, path.read_text(), flags=re.MULTILINE)
    assert count
    path.write_text(changed)


# Languages


async def test_each_caller_hears_the_language_they_chose(line: Line, telephones: Telephones) -> None:
    beginnings = {language: line.audio(language, "welcome")[: RATE * 3 // 2] for language in KEYS.values()}

    async def heard(key: str) -> Samples:
        call = await line.dial(telephones, f"+3361300000{key}")
        await call.press(key)
        await call.hears(beginnings[KEYS[key]], 12)
        await call.hangup()
        return call.heard()

    for key, samples in zip(KEYS, await asyncio.gather(*map(heard, KEYS)), strict=True):
        scores = {language: find(samples, beginning) for language, beginning in beginnings.items()}
        assert [language for language, match in scores.items() if match.same] == [KEYS[key]]
        assert (await line.story(f"+3361300000{key}"))["call"]["language"] == KEYS[key]


async def test_the_language_menu_begins_with_the_likely_languages_of_the_country(
    line: Line, telephones: Telephones
) -> None:
    async def begins_with(prompts: Samples, caller: str | None, number: str) -> None:
        call = await telephones.caller(caller).dial(f"sip:{number}@{line.sip}")
        await call.established()
        match = await call.hears(prompts, len(prompts) / RATE + 10)
        await call.hangup()
        assert level_dbfs(call.heard(until_s=max(0.0, match.offset_s))) < QUIET_DBFS, "something was said before"

    in_france = np.concatenate([spoken(line, "fr", "language_option", "press_2"), line.audio("ar", "language_option")])
    options = {language: line.audio(language, "language_option") for language in KEYS.values()}
    await asyncio.gather(
        begins_with(in_france, "+33613000011", "+33800212000"),
        begins_with(options["de"], "+33613000012", GERMAN_NUMBER),  # the number's country counts, not the caller's
        begins_with(options["es"], "+34613000013", SHARED_NUMBER),  # without one: the caller's prefix
        begins_with(options["en"], "+447400123456", SHARED_NUMBER),
        begins_with(options["ar"], None, SHARED_NUMBER),  # nothing known: the order of the site
    )


# Keys


async def test_a_key_cuts_a_prompt_short(line: Line, telephones: Telephones) -> None:
    call = await line.dial(telephones, "+33613000021")
    menu_s = sum(len(spoken(line, item, "language_option", f"press_{key}")) for key, item in KEYS.items()) / RATE
    menu = await begins(call, line.audio("fr", "language_option"))
    await call.press("2")
    welcome = await begins(call, line.audio("fr", "welcome"), since_s=menu.offset_s + 0.6)
    assert welcome.offset_s < menu.offset_s + menu_s
    await call.press("#")
    option = await begins(call, line.audio("fr", "main_file"), since_s=welcome.offset_s + 0.6)
    assert option.offset_s < welcome.offset_s + len(line.audio("fr", "welcome")) / RATE


async def test_keys_typed_ahead_skip_menus(line: Line, telephones: Telephones) -> None:
    call = await line.dial(telephones, "+33613000022")
    await call.press("230")
    await begins(call, line.audio("fr", "to_operator"))
    (row,) = line.control("GET", "/queue")
    assert (row["caller"], row["language"], row["topic"]) == ("+33613000022", "fr", "travel")
    assert find(call.heard(), line.audio("fr", "main_file")[:RATE]).score < 0.4


async def test_a_wrong_key_leads_to_help_twice_and_then_to_an_operator(line: Line, telephones: Telephones) -> None:
    call = await line.dial(telephones, "+33613000023")
    await call.press("28")
    since = 0.0
    for _ in range(2):
        helped = await begins(call, line.audio("fr", "help_wrong_key"), since_s=since)
        since = helped.offset_s + 0.6
        await call.press("8")
    await begins(call, line.audio("fr", "to_operator"), since_s=since)
    await call.hangup()
    story = await line.story("+33613000023")
    assert story["call"]["path"] == ["language", "hours", "welcome", "main", "operator", "queue"]
    assert [item["data"]["clips"][0] for item in story["events"] if item["kind"] == "prompt"][-3:] == [
        ["fr", "help_wrong_key"],
        ["fr", "help_wrong_key"],
        ["fr", "to_operator"],
    ]


async def test_silence_means_the_countrys_language_then_help_twice_then_an_operator(
    line: Line, telephones: Telephones
) -> None:
    (line.site / "flow.yaml").write_text(SAYS_LITTLE)
    call = await line.dial(telephones, "+33613000024")
    help_ = await begins(call, line.audio("fr", "help_silence"))
    await call.press("#")  # skips the rest of the help
    help_ = await begins(call, line.audio("fr", "help_silence"), since_s=help_.offset_s + 1)
    await call.press("#")
    await begins(call, line.audio("fr", "to_operator"), since_s=help_.offset_s)
    await call.hangup()
    story = await line.story("+33613000024")
    assert story["call"]["language"] == "fr"
    assert story["call"]["path"] == ["language", "main", "queue"]
    silences = [item["flow_node"] for item in story["events"] if item["kind"] == "silence"]
    assert silences == ["language", "main", "main", "main"]


async def test_the_hash_key_repeats_a_menu_and_nine_changes_the_language(line: Line, telephones: Telephones) -> None:
    call = await line.dial(telephones, "+33613000025")
    since = 0.0
    for keys, prompt in (
        ("#", "language_option"),
        ("2#", "language_option"),
        ("#", "main_file"),
        ("9", "main_file"),
        ("6", "language_option"),
    ):
        heard = await begins(call, line.audio("fr", prompt), since_s=since)
        since = heard.offset_s + 0.6
        await call.press(keys)
    await begins(call, line.audio("de", "welcome"), since_s=since)


async def test_the_carrier_gets_comfort_noise_during_the_wait_for_a_key(line: Line) -> None:
    """Some carriers end a call that sends no packets."""
    edit(line, r"^silence_s: \S+", "silence_s: 4")
    callers = Callers("127.0.0.2", ("127.0.0.1", 5060 + line.offset), frozenset(), frozenset())
    kinds: list[int] = []
    callers.got_rtp = lambda data: kinds.append(data[1] & 0x7F)
    call, _ = await callers.dial(FRENCH_NUMBER, "+33613000029")
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


async def test_zero_leads_to_an_operator_from_every_menu(line: Line, telephones: Telephones) -> None:
    in_language_menu, in_main_menu = await asyncio.gather(
        line.dial(telephones, "+33613000026"), line.dial(telephones, "+33613000027")
    )
    await asyncio.gather(in_language_menu.press("0"), in_main_menu.press("60"))
    await asyncio.gather(
        begins(in_language_menu, line.audio("fr", "to_operator")), begins(in_main_menu, line.audio("de", "to_operator"))
    )
    rows = {row["caller"]: (row["language"], row["topic"]) for row in line.control("GET", "/queue")}
    assert rows == {"+33613000026": ("fr", None), "+33613000027": ("de", None)}


# Hours


async def test_callers_of_a_closed_line_hear_so_and_reach_nobody(line: Line, telephones: Telephones) -> None:
    phone = await line.phone(telephones, line.speaks("fr"))
    line.control("POST", "/hours", {"force": "closed", "why": "test"})
    # By the menu, and by asking for an operator before the hours node.
    chosen, asked = await asyncio.gather(line.dial(telephones, "+33613000031"), line.dial(telephones, "+33613000032"))
    await asyncio.gather(chosen.press("2"), asked.press("0"))
    await asyncio.gather(*(begins(call, line.audio("fr", "force_closed")) for call in (chosen, asked)))
    await asyncio.gather(chosen.hangup(), asked.hangup())
    for caller in ("+33613000031", "+33613000032"):
        story = await line.story(caller)
        assert story["call"]["outcome"] == "closed"
        assert story["offers"] == []
    assert not phone.calls
    line.control("POST", "/hours", {"force": "auto"})
    await line.asks_for_operator(telephones, "+33613000033")
    await phone.next_call(2)


# The site's flow


async def test_a_key_changed_in_the_flow_applies_to_the_next_call(line: Line, telephones: Telephones) -> None:
    before = await line.dial(telephones, "+33613000041")
    edit(line, r"key: 3, text: main_travel", "key: 5, text: main_travel")
    call = await line.dial(telephones, "+33613000042")
    await asyncio.gather(call.press("23"), before.press("230"))
    await begins(call, line.audio("fr", "help_wrong_key"))
    await call.press("#")
    await call.hears(spoken(line, "fr", "main_travel", "press_5"))
    await call.press("50")
    await begins(call, line.audio("fr", "to_operator"))
    # A caller who called before the change uses the old keys.
    assert {row["caller"]: row["topic"] for row in line.control("GET", "/queue")} == {
        "+33613000041": "travel",
        "+33613000042": "travel",
    }


async def test_an_invalid_flow_is_refused_with_a_clear_message_and_the_old_one_stays_in_use(
    line: Line, telephones: Telephones
) -> None:
    seen = line.log.stat().st_size
    edit(line, r"goodbye: \{kind: end, .*", "goodbye: {kind: sing}")
    number = (line.site / "flow.yaml").read_text().splitlines().index("  goodbye: {kind: sing}") + 1
    call = await line.asks_for_operator(telephones, "+33613000043")
    await begins(call, line.audio("fr", "to_operator"))
    said = line.logged(seen)
    assert "The flow, guide or audio was changed but is invalid; the old version stays" in said
    assert f"flow.yaml:{number}: E_FLOW_VALUE nodes.goodbye" in said
    assert "Traceback" not in said
