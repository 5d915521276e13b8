"""The guide on the telephone: a caller hears a procedure step by step in their language, can go back and repeat, and
ask for an operator; the received audio is compared with the prompts."""

import asyncio
from functools import partial
from typing import Any

import left
import numpy as np
import pytest
from line import Line

from ivr.softphone.sound import RATE, Match, Samples, find
from ivr.softphone.telephone import Call, Telephones

SOON_S = 1.0
"""Time from a key to the next prompt on a busy machine; the interrupted prompt would have lasted longer."""
IDENTITY = "21"
"""The keys from the main menu to the passports."""
PAPERS, LIST = "23", ("legalisation", "power_of_attorney", "certificates", "nationality")

JOURNEYS = {
    # language and its key: caller, dialled number, procedure, the caller's country, another country with a remark
    "ar1": ("+33624000001", "+33800212000", "legalisation", "fr", "de"),
    "nl5": ("+31614000002", "+31800212002", "nationality", "nl", "de"),
    "en7": ("+4915140000003", "+80000212000", "legalisation", "de", "fr"),
}


begins = partial(left.begins, for_s=1.4)
"""After this time a step counts as heard."""


async def presses(call: Call, keys: str, prompt: Samples) -> Match:
    """Press keys and hear the next prompt from its beginning."""
    since = call.clock
    await call.press(keys)
    pressed = call.clock
    match = await begins(call, prompt, since_s=since)
    assert match.offset_s - pressed < SOON_S
    return match


def heard_of_guide(story: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (event["data"]["procedure"], event["data"]["step"]) for event in story["events"] if event["kind"] == "guide"
    ]


def announcements(story: dict[str, Any]) -> list[list[str]]:
    """Return the prompts of each announcement."""
    return [[prompt for _, prompt in event["data"]["clips"]] for event in story["events"] if event["kind"] == "prompt"]


async def listening(line: Line, telephones: Telephones, caller: str, step: str = "documents") -> Call:
    """Call from France, in English, up to that step of the procedure for a first passport."""
    steps = ["documents", "where", "issuer", "duration", "fee", "legal_basis", "remark_fr"]
    call = await line.dial(telephones, caller)
    # Repeat the first one, which skips the notice.
    await call.press("7" + IDENTITY + "1" + (steps.index(step) * "1" or "#"))
    await begins(call, line.audio("en", f"guide_passport_{step}"))
    return call


# Step by step


async def test_a_caller_hears_a_procedure_step_by_step_in_their_language(line: Line, telephones: Telephones) -> None:
    await asyncio.gather(*(journey(line, telephones, language, *rest) for language, rest in JOURNEYS.items()))


async def journey(
    line: Line,
    telephones: Telephones,
    language: str,
    caller: str,
    number: str,
    procedure: str,
    country: str,
    elsewhere: str,
) -> None:
    def audio(*prompts: str) -> Samples:
        return np.concatenate([line.audio(language[:2], prompt) for prompt in prompts])

    def step(field: str) -> Samples:
        return audio(f"guide_{procedure}_{field}")

    call = await line.dial(telephones, caller, number)
    await call.press(language[2:] + PAPERS)
    await call.hears(audio(f"guide_{LIST[0]}_title", "press_1"), 15)
    await presses(call, str(LIST.index(procedure) + 1), audio("guide_notice"))
    # Repeat, next, back, and ahead.
    await presses(call, "#", step("documents"))
    await presses(call, "1", step("where"))
    await presses(call, "*", step("documents"))
    await presses(call, "11", step("issuer"))
    await presses(call, "111", step("legal_basis"))
    await presses(call, "1", step(f"remark_{country}"))
    end = await presses(call, "1", audio("guide_end"))
    await begins(call, audio(f"guide_{LIST[0]}_title"), since_s=end.offset_s + 0.6)
    await call.hangup()
    story = await line.story(caller)
    steps = ("documents", "documents", "where", "documents", "issuer", "legal_basis", "remark")
    assert heard_of_guide(story) == [(procedure, step) for step in steps]
    assert (story["call"]["outcome"], story["call"]["language"]) == ("self_served", language[:2])
    assert story["call"]["path"][-2:] == ["documents", "papers"]
    assert not any(f"guide_{procedure}_remark_{elsewhere}" in clips for clips in announcements(story))
    output = (await asyncio.to_thread(line.run, "call", str(story["call"]["id"]))).stdout
    assert f"hears about {procedure} in the guide: legal basis" in output


async def test_a_complete_step_ends_with_its_keys_and_the_last_one_leads_to_the_list(
    line: Line, telephones: Telephones
) -> None:
    first, last = await asyncio.gather(line.dial(telephones, "+33624000004"), line.dial(telephones, "+33624000005"))
    await asyncio.gather(first.press("7" + PAPERS + "3"), last.press("7" + PAPERS + "1" + 6 * "1"))
    # The sample notice, once; then the documents; then the keys.
    await begins(first, line.audio("en", "guide_notice"))
    ending = [line.audio("en", prompt) for prompt in ("guide_certificates_documents", "guide_next", "guide_keys")]
    await asyncio.gather(
        first.hears(np.concatenate([ending[0][-RATE:], ending[1], ending[2][: 2 * RATE]]), 25),
        last.hears(
            np.concatenate(
                [
                    line.audio("en", "guide_legalisation_remark_fr")[-RATE:],
                    line.audio("en", "guide_end"),
                    line.audio("en", "guide_legalisation_title")[:RATE],
                ]
            ),
            25,
        ),
    )
    await presses(first, "1", line.audio("en", "guide_certificates_where"))
    await presses(first, "*", line.audio("en", "guide_certificates_documents"))
    await asyncio.gather(first.hangup(), last.hangup())
    documents = "guide_certificates_documents"
    assert [clips for clips in announcements(await line.story("+33624000004")) if "guide_next" in clips] == [
        ["guide_notice", documents, "guide_next", "guide_keys"],
        ["guide_certificates_where", "guide_next"],
        [documents, "guide_next", "guide_keys"],
    ]
    story = await line.story("+33624000005")
    assert announcements(story)[-3:-1] == [["guide_legalisation_remark_fr"], ["guide_end"]]
    assert (story["call"]["outcome"], heard_of_guide(story)) == ("self_served", [("legalisation", "remark")])


async def test_star_leads_from_the_first_step_to_the_list_and_from_there_to_the_previous_menu(
    line: Line, telephones: Telephones
) -> None:
    call = await listening(line, telephones, "+33624000011")
    await presses(call, "*", line.audio("en", "guide_passport_title"))
    await presses(call, "*", line.audio("en", "documents_identity"))


async def test_keys_pressed_ahead_skip_steps_without_playing_them(line: Line, telephones: Telephones) -> None:
    call = await line.dial(telephones, "+33624000012")
    await call.press("7" + IDENTITY + "1" + 7 * "1")
    await begins(call, line.audio("en", "guide_end"))
    for step in ("documents", "where", "fee"):
        assert not find(call.heard(), line.audio("en", f"guide_passport_{step}")[:RATE]).same
    await call.hangup()
    story = await line.story("+33624000012")
    assert (heard_of_guide(story), story["call"]["outcome"]) == ([], "left_menu")


@pytest.mark.parametrize("key", ["*", "#"])
async def test_at_the_end_star_and_hash_repeat_the_last_step(line: Line, telephones: Telephones, key: str) -> None:
    call = await line.dial(telephones, "+33624000013")
    await call.press("7" + IDENTITY + "1" + 7 * "1")
    await call.hears(line.audio("en", "guide_end")[: RATE // 2], 5)  # a short prompt
    await presses(call, key, line.audio("en", "guide_passport_remark_fr"))


async def test_a_key_at_the_end_counts_for_the_list(line: Line, telephones: Telephones) -> None:
    call = await line.dial(telephones, "+33624000014")
    await call.press("7" + IDENTITY + "1" + 7 * "1")
    await call.hears(line.audio("en", "guide_end")[: RATE // 2], 5)  # a short prompt
    await presses(call, "21", line.audio("en", "guide_passport_renewal_where"))


async def test_nine_changes_the_language_in_the_middle_of_a_step(line: Line, telephones: Telephones) -> None:
    call = await listening(line, telephones, "+33624000015")
    await presses(call, "9", line.audio("fr", "language_option"))
    await presses(call, "5" + IDENTITY + "2" + "1", line.audio("nl", "guide_passport_renewal_where"))


# Operators


async def test_zero_calls_an_operator_about_the_topic_of_the_menu_or_of_the_guide(
    line: Line, telephones: Telephones
) -> None:
    about_documents = await listening(line, telephones, "+33624000021", "where")
    about_travel = await line.dial(telephones, "+33624000022")
    await about_travel.press("731")
    await begins(about_travel, line.audio("en", "guide_notice"))
    for call in (about_documents, about_travel):
        await presses(call, "0", line.audio("en", "to_operator"))
    rows = {row["caller"]: (row["language"], row["topic"]) for row in line.control("GET", "/queue")}
    assert rows == {"+33624000021": ("en", "documents"), "+33624000022": ("en", "travel")}
    await asyncio.gather(about_documents.hangup(), about_travel.hangup())
    # A caller who then leaves the queue does not count as served by what they heard before.
    assert (await line.story("+33624000021"))["call"]["outcome"] == "abandoned"


async def test_a_caller_who_goes_from_the_guide_to_an_operator_counts_as_answered(
    line: Line, telephones: Telephones
) -> None:
    phone = await line.phone(telephones, line.speaks("en"), answers=1870.0)
    call = await listening(line, telephones, "+33624000023")
    await call.press("0")
    await line.until_state(phone.user, "talking")
    await call.hangup()
    story = await line.story("+33624000023")
    assert (story["call"]["outcome"], story["call"]["operator"]) == ("answered", phone.user)
    (case,) = [item for item in await line.cases() if item["call_id"] == story["call"]["id"]]
    assert case["topic"] == "documents"


async def test_wrong_keys_and_silence_lead_to_help_twice_and_then_to_an_operator(
    line: Line, telephones: Telephones
) -> None:
    async def silent_last(caller: str) -> None:
        call = await duration(caller)
        for key in "85":
            helped = await presses(call, key, line.audio("en", "help_wrong_key"))
        await begins(call, line.audio("en", "to_operator"), helped.offset_s + 0.6, timeout_s=25)

    async def silent_first(caller: str) -> None:
        call = await duration(caller)
        await begins(call, line.audio("en", "help_silence"), call.clock, timeout_s=15)
        await presses(call, "2", line.audio("en", "help_wrong_key"))
        await presses(call, "2", line.audio("en", "to_operator"))

    async def duration(caller: str) -> Call:
        call = await line.dial(telephones, caller)
        await call.press("7" + PAPERS + "3" + "111")
        await begins(call, line.audio("en", "guide_certificates_duration"))
        return call

    callers = ("+33624000024", "+33624000025")
    await asyncio.gather(silent_last(callers[0]), silent_first(callers[1]))
    rows = {row["caller"]: row["topic"] for row in line.control("GET", "/queue")}
    assert rows == dict.fromkeys(callers, "documents")
    # After the help: the keys, not the whole step again.
    helps = [
        clips for clips in announcements(await line.story(callers[0], ended=False)) if clips[0].startswith("help_")
    ]
    assert helps == 2 * [["help_wrong_key", "guide_next", "guide_keys"]]


async def test_the_guide_is_available_while_the_line_is_closed(line: Line, telephones: Telephones) -> None:
    line.control("POST", "/hours", {"force": "closed", "why": "test"})
    call = await line.dial(telephones, "+33624000026")
    await begins(call, line.audio("fr", "language_option"))
    await call.press("7")
    await begins(call, line.audio("en", "force_closed"))
    await call.press("41" + "1" + "1")
    where = await begins(call, line.audio("en", "guide_passport_where"))
    await call.press("0")
    await begins(call, line.audio("en", "force_closed"), since_s=where.offset_s + 0.6)
    await call.hangup()
    story = await line.story("+33624000026")
    assert (story["call"]["outcome"], story["offers"]) == ("self_served", [])


# Changes and mistakes


async def test_a_confirmed_procedure_is_played_without_a_notice_from_the_next_call_on(
    line: Line, telephones: Telephones
) -> None:
    before = await line.dial(telephones, "+33624000031")
    file = line.site / "guide" / "passport.yaml"
    file.write_text(file.read_text().replace("status: sample", "status: confirmed"))
    call = await line.dial(telephones, "+33624000032")
    for item in (before, call):
        await item.press("7" + IDENTITY)
        await begins(item, line.audio("en", "guide_passport_title"))
    await presses(call, "1", line.audio("en", "guide_passport_documents"))
    # A caller from before the change hears the old version.
    await presses(before, "1", line.audio("en", "guide_notice"))


async def test_a_broken_guide_is_reported_and_calls_keep_the_previous_one(line: Line, telephones: Telephones) -> None:
    seen = line.log.stat().st_size
    file = line.site / "guide" / "passport.yaml"
    file.write_text(file.read_text().replace("status: sample", "status: draft"))
    await listening(line, telephones, "+33624000033")
    log = line.logged(seen)
    assert f"{file}:2: E_GUIDE_FIELD status is draft; write sample or confirmed" in log
    assert "Traceback" not in log


async def test_after_a_restart_of_the_controller_the_list_is_played_again(line: Line, telephones: Telephones) -> None:
    call = await listening(line, telephones, "+33624000034", "where")
    since = call.clock
    await line.restart()
    await begins(call, line.audio("en", "guide_passport_title"), since_s=since)
    await presses(call, "211", line.audio("en", "guide_passport_renewal_issuer"))
