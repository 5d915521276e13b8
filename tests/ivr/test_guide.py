"""The guide on the telephone: a caller hears a procedure step by step, in his language, and can go back, repeat, and
ask for an operator; what he heard is compared with the audio of the prompts."""

import asyncio
from functools import partial
from typing import Any

import left
import numpy as np
from line import Line

from ivr.softphone.sound import Match, Samples
from ivr.softphone.telephone import Call, Telephones

SOON_S = 1.0
"""From a key to what follows, on a busy machine; what it cut short would have gone on for longer."""
IDENTITY = "21"
"""Keys from the main menu to the passports."""
PAPERS, LIST = "23", ("legalisation", "power_of_attorney", "certificates", "nationality")

JOURNEYS = {
    # language and its key: caller, number dialled, procedure
    "ar1": ("+33624000001", "+33800212000", "legalisation"),
    "nl5": ("+31614000002", "+31800212002", "nationality"),
    "en7": ("+4915140000003", "+80000212000", "legalisation"),
}


begins = partial(left.begins, for_s=1.4)
"""So long a step counts as listened to."""


async def presses(call: Call, keys: str, prompt: Samples) -> Match:
    """Presses keys and hears what is said at once then, from its beginning."""
    since = call.clock
    await call.press(keys)
    pressed = call.clock
    match = await begins(call, prompt, since_s=since)
    assert match.offset_s - pressed < SOON_S
    return match


def heard_of_guide(story: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["data"]["procedure"], each["data"]["step"]) for each in story["events"] if each["kind"] == "guide"]


async def listening(line: Line, telephones: Telephones, caller: str, step: str = "documents") -> Call:
    """A caller from France, in English, who hears that step of the procedure for a first passport."""
    steps = ["documents", "where", "issuer", "duration", "fee", "legal_basis", "remark_fr"]
    call = await line.dial(telephones, caller)
    # The first one again, which spares the notice.
    await call.press("7" + IDENTITY + "1" + (steps.index(step) * "1" or "#"))
    await begins(call, line.audio("en", f"guide_passport_{step}"))
    return call


# Step by step


async def test_a_caller_hears_a_procedure_step_by_step_in_his_language(line: Line, telephones: Telephones) -> None:
    await asyncio.gather(*(journey(line, telephones, language, *rest) for language, rest in JOURNEYS.items()))


async def journey(
    line: Line,
    telephones: Telephones,
    language: str,
    caller: str,
    number: str,
    procedure: str,
) -> None:
    def audio(*prompts: str) -> Samples:
        return np.concatenate([line.audio(language[:2], prompt) for prompt in prompts])

    def step(field: str) -> Samples:
        return audio(f"guide_{procedure}_{field}")

    call = await line.dial(telephones, caller, number)
    await call.press(language[2:] + PAPERS)
    await call.hears(audio(f"guide_{LIST[0]}_title", "press_1"), 15)
    await presses(call, str(LIST.index(procedure) + 1), audio("guide_notice"))
    # Again, on, back, and ahead.
    await presses(call, "#", step("documents"))
    await presses(call, "1", step("where"))
    await presses(call, "*", step("documents"))
    await presses(call, "11", step("issuer"))
    await call.hangup()
    story = await line.story(caller)
    steps = ("documents", "documents", "where", "documents", "issuer")
    assert heard_of_guide(story) == [(procedure, step) for step in steps]
    assert (story["call"]["outcome"], story["call"]["language"]) == ("self_served", language[:2])
    assert story["call"]["path"][-2:] == ["documents", "papers"]
    told = (await asyncio.to_thread(line.run, "call", str(story["call"]["id"]))).stdout
    assert f"is told of {procedure} in the guide: issuer" in told


# What is written and what breaks


async def test_what_the_ministry_has_confirmed_is_heard_without_a_notice_from_the_next_call_on(
    line: Line, telephones: Telephones
) -> None:
    before = await line.dial(telephones, "+33624000031")
    file = line.site / "guide" / "passport.yaml"
    file.write_text(file.read_text().replace("status: sample", "status: confirmed"))
    call = await line.dial(telephones, "+33624000032")
    for each in (before, call):
        await each.press("7" + IDENTITY)
        await begins(each, line.audio("en", "guide_passport_title"))
    await presses(call, "1", line.audio("en", "guide_passport_documents"))
    # Who called before the change hears what it was.
    await presses(before, "1", line.audio("en", "guide_notice"))


async def test_a_broken_guide_is_told_and_calls_go_on_with_the_former_one(line: Line, telephones: Telephones) -> None:
    seen = line.log.stat().st_size
    file = line.site / "guide" / "passport.yaml"
    file.write_text(file.read_text().replace("status: sample", "status: draft"))
    await listening(line, telephones, "+33624000033")
    said = line.logged(seen)
    assert f"{file}:2: E_GUIDE_FIELD status is draft; write sample or confirmed" in said
    assert "Traceback" not in said


async def test_after_a_restart_of_the_controller_the_list_is_heard_again(line: Line, telephones: Telephones) -> None:
    call = await listening(line, telephones, "+33624000034", "where")
    since = call.clock
    await line.restart()
    await begins(call, line.audio("en", "guide_passport_title"), since_s=since)
    await presses(call, "211", line.audio("en", "guide_passport_renewal_issuer"))
