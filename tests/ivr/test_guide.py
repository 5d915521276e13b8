"""The guide on the telephone: a caller hears a procedure step by step in their language, can go back and repeat, and
ask for an operator; the received audio is compared with the prompts."""

import asyncio
from functools import partial
from typing import Any

import left
import pytest
from line import Line

from db.tables import Audit
from ivr.softphone.sound import Match, Samples
from ivr.softphone.telephone import Call, Telephones

SOON_S = 3.0
"""Time from a key to the next prompt on a very busy machine; the interrupted step would have lasted longer."""
PASSPORT = "21"
"""The keys from the main menu to the procedure for a first passport."""
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


@pytest.mark.usefixtures("words")
async def test_a_caller_hears_a_procedure_step_by_step_which_begins_again_after_a_restart_of_the_controller(
    line: Line, telephones: Telephones
) -> None:
    caller = "+33624000034"

    def step(name: str) -> Samples:
        return line.audio("en", f"guide_passport_{name}")

    call = await line.dial(telephones, caller)
    await call.press("7" + PASSPORT + "#")  # which skips the notice
    await begins(call, step("documents_1"))
    # Next, repeat, back.
    await presses(call, "1", step("documents_2"))
    await presses(call, "#", step("documents_2"))
    await presses(call, "*", step("documents_1"))
    since = call.clock
    await line.restart()
    await begins(call, line.audio("en", "guide_notice"), since_s=since)
    await presses(call, "11", step("documents_3"))
    # Asked for in writing: people see it and end it; nothing is sent by itself.
    await presses(call, "5", line.audio("en", "guide_noted"))
    await call.hangup()
    story = await line.story(caller)
    heard = [("passport", f"documents_{number}") for number in (1, 2, 2, 1)]
    assert heard_of_guide(story)[:4] == heard
    assert (story["call"]["outcome"], story["call"]["language"]) == ("self_served", "en")
    output = (await asyncio.to_thread(line.run, "call", str(story["call"]["id"]))).stdout
    assert "hears about passport in the guide: documents 2" in output
    (wanted,) = (row for row in line.json("waiting") if row.get("guide_request"))
    assert (wanted["number"], wanted["procedure"], wanted["language"]) == (caller, "passport", "en")
    ended = line.run("waiting", "sent", wanted["guide_request"][:13], "--outcome", "not_possible", "--why", "a fax")
    assert "passport for +33624000034: not_possible." in ended.stdout
    assert not [row for row in line.json("waiting") if row.get("guide_request")]
    (over,) = (row for row in line.json("waiting", "--last", "5") if row.get("guide_request"))
    assert (over["outcome"], over["reason"]) == ("not_possible", "a fax")
    assert await left.rows(line, Audit, about="list:waiting"), "who has seen that list is on record"
    again = line.run("waiting", "sent", wanted["guide_request"])
    assert "has ended already" in again.stderr
