"""The guide on the telephone: a caller hears a procedure step by step in their language, can go back and repeat, and
ask for an operator; the received audio is compared with the prompts."""

import asyncio
from functools import partial
from typing import Any

import left
import pytest
from line import Line

from ivr.softphone.sound import Match, Samples
from ivr.softphone.telephone import Call, Telephones

SOON_S = 1.0
"""Time from a key to the next prompt on a busy machine; the interrupted prompt would have lasted longer."""
PASSPORT = "21"
"""The keys from the main menu to the procedure for a first passport."""
PAPERS, LIST = "25", ("legalisation", "power_of_attorney", "certificates", "nationality")

LANGUAGE, KEY, REMARK = "nl", "5", "nl"
CALLER, NUMBER, PROCEDURE = "+31614000002", "+31800212002", "nationality"

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


async def listening(line: Line, telephones: Telephones, caller: str, step: str = "documents_1") -> Call:
    """Call from France, in English, up to that step of the procedure for a first passport."""
    steps = ["documents_1", "documents_2", "documents_3", "remark_fr", "fee"]
    call = await line.dial(telephones, caller)
    # Repeat the first one, which skips the notice.
    await call.press("7" + PASSPORT + (steps.index(step) * "1" or "#"))
    await begins(call, line.audio("en", f"guide_passport_{step}"))
    return call


# Step by step


@pytest.mark.usefixtures("words")
async def test_a_caller_hears_a_procedure_step_by_step_in_their_language(line: Line, telephones: Telephones) -> None:
    def audio(*prompts: str) -> Samples:
        return line.audio(LANGUAGE, *prompts)

    def step(field: str) -> Samples:
        return audio(f"guide_{PROCEDURE}_{field}")

    call = await line.dial(telephones, CALLER, NUMBER)
    await call.press(KEY + PAPERS)
    await call.hears(audio(f"guide_{LIST[0]}_title", "press_1"), 15)
    await presses(call, str(LIST.index(PROCEDURE) + 1), audio("guide_notice"))
    # Repeat, next, back, and ahead.
    await presses(call, "#", step("documents_1"))
    await presses(call, "1", step("documents_2"))
    await presses(call, "*", step("documents_1"))
    await presses(call, "11", step(f"remark_{REMARK}"))
    await call.hangup()
    story = await line.story(CALLER)
    steps = ("documents_1", "documents_1", "documents_2", "documents_1", "remark")
    assert heard_of_guide(story) == [(PROCEDURE, step) for step in steps]
    assert (story["call"]["outcome"], story["call"]["language"]) == ("self_served", LANGUAGE)
    assert story["call"]["path"][-2:] == ["documents", "papers"]
    output = (await asyncio.to_thread(line.run, "call", str(story["call"]["id"]))).stdout
    assert f"hears about {PROCEDURE} in the guide: remark" in output


# Changes and mistakes


async def test_after_a_restart_of_the_controller_the_procedure_begins_again(line: Line, telephones: Telephones) -> None:
    call = await listening(line, telephones, "+33624000034", "fee")
    since = call.clock
    await line.restart()
    await begins(call, line.audio("en", "guide_notice"), since_s=since)
    await presses(call, "11", line.audio("en", "guide_passport_documents_3"))
    # Asked for in writing: people see it and end it; nothing is sent by itself.
    await presses(call, "5", line.audio("en", "guide_noted"))
    await call.hangup()
    await line.story("+33624000034")
    (wanted,) = (row for row in line.json("waiting") if row.get("guide_request"))
    assert (wanted["number"], wanted["procedure"], wanted["language"]) == ("+33624000034", "passport", "en")
    ended = line.run("waiting", "sent", wanted["guide_request"][:13], "--outcome", "not_possible", "--why", "a fax")
    assert "passport for +33624000034: not_possible." in ended.stdout
    assert not [row for row in line.json("waiting") if row.get("guide_request")]
    (over,) = (row for row in line.json("waiting", "--last", "5") if row.get("guide_request"))
    assert (over["outcome"], over["reason"]) == ("not_possible", "a fax")
    again = line.run("waiting", "sent", wanted["guide_request"])
    assert "has ended already" in again.stderr
