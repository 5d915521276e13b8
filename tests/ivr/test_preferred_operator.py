"""A caller goes to the operator who has their open case, if that one is on duty and soon idle; else to another one."""

import asyncio
import json
from typing import Any

from left import begins
from line import Line

from ivr.softphone.telephone import Call, Telephones

TONE_HZ = 1870.0


def french(line: Line) -> tuple[str, str]:
    """Return two operators: one whom routing prefers for a caller who speaks French, and one whom it does not."""
    better = next(operator.id for operator in line.operators if operator.languages.get("fr") == 5)
    return better, next(operator.id for operator in line.operators if operator.languages.get("fr") == 3)


async def case(line: Line, *arguments: str) -> dict[str, Any]:
    answer = await asyncio.to_thread(line.run, "case", *arguments)
    assert (answer.returncode, answer.stderr) == (0, "")
    found: dict[str, Any] = json.loads(answer.stdout) if "--json" in arguments else {}
    return found


async def asks_about(line: Line, telephones: Telephones, caller: str, owner: str, *changes: str) -> Call:
    """Return a caller who has heard the state of their case, which `owner` has, and asks for an operator."""
    file = await case(
        line, "open", "--topic", "documents", "--language", "fr", "--country", "FR", "--title", "x", "--json"
    )
    await case(line, "set", file["reference"], "--state", "in_progress", "--owner", owner)
    if changes:
        await case(line, "set", file["reference"], *changes)
    call = await line.dial(telephones, caller)
    await call.press(f"21{file['reference']}#{file['pin']}#")
    await begins(call, line.audio("fr", "case_state_closed" if changes else "case_state_in_progress"))
    await call.press("0")
    return call


async def decisions(line: Line, caller: str) -> list[dict[str, Any]]:
    story = await line.story(caller)
    return [decision for decision in story["decisions"] if decision["kind"] == "offer"]


async def test_the_operator_who_has_the_case_is_rung_even_if_another_one_speaks_better(
    line: Line, telephones: Telephones
) -> None:
    better, owner = french(line)
    first = await line.phone(telephones, better)
    phone = await line.phone(telephones, owner, answers=TONE_HZ)
    call = await asks_about(line, telephones, "+33653000011", owner)
    await call.hears_tone(TONE_HZ)
    assert (len(first.calls), len(phone.calls)) == (0, 1)
    await call.hangup()
    (decision,) = await decisions(line, "+33653000011")
    assert (decision["operator_id"], decision["data"]["step"]) == (owner, 0)


async def test_a_caller_about_a_closed_case_does_not_wait_for_its_operator(line: Line, telephones: Telephones) -> None:
    other, owner = french(line)
    caller = "+33653000040"
    phones = [await line.phone(telephones, other, answers=TONE_HZ), await line.phone(telephones, owner)]
    call = await asks_about(line, telephones, caller, owner, "--state", "closed")
    await call.hears_tone(TONE_HZ)
    assert [len(phone.calls) for phone in phones] == [1, 0]
    await call.hangup()
    (decision,) = await decisions(line, caller)
    assert decision["operator_id"] == other
    assert decision["data"]["waited_s"] < 1
