"""The operator who has a caller's open file gets him, if he is on duty and soon enough; else somebody else does."""

import asyncio
import json
from typing import Any

import pytest
from left import begins
from line import Line

from ivr.softphone.telephone import Call, Telephones

TONE_HZ = 1870.0


def french(line: Line) -> tuple[str, str]:
    """Two operators: one who would be chosen for a caller who speaks French, and one who would not."""
    better = next(each.id for each in line.operators if each.languages.get("fr") == 5)
    return better, next(each.id for each in line.operators if each.languages.get("fr") == 3)


async def case(line: Line, *arguments: str) -> dict[str, Any]:
    answer = await asyncio.to_thread(line.run, "case", *arguments)
    assert (answer.returncode, answer.stderr) == (0, "")
    found: dict[str, Any] = json.loads(answer.stdout) if "--json" in arguments else {}
    return found


async def asks_about(line: Line, telephones: Telephones, caller: str, owner: str, *changes: str) -> Call:
    """A caller who has heard the state of his file, which `owner` has, and asks for an operator."""
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
    return [each for each in story["decisions"] if each["kind"] == "offer"]


async def test_the_operator_who_has_the_file_is_rung_though_another_one_speaks_better(
    line: Line, telephones: Telephones
) -> None:
    better, owner = french(line)
    first = await line.phone(telephones, better)
    his = await line.phone(telephones, owner, answers=TONE_HZ)
    call = await asks_about(line, telephones, "+33653000011", owner)
    await call.hears_tone(TONE_HZ)
    assert (len(first.calls), len(his.calls)) == (0, 1)
    await call.hangup()
    (decision,) = await decisions(line, "+33653000011")
    assert (decision["operator_id"], decision["data"]["step"]) == (owner, 0)


@pytest.mark.parametrize("away", [False], ids=["the file is closed"])
async def test_nobody_is_waited_for_in_vain(line: Line, telephones: Telephones, away: bool) -> None:
    other, owner = french(line)
    caller = f"+3365300004{away:d}"
    phones = [await line.phone(telephones, other, answers=TONE_HZ)]
    if not away:
        phones.append(await line.phone(telephones, owner))
    call = await asks_about(line, telephones, caller, owner, *(() if away else ("--state", "closed")))
    await call.hears_tone(TONE_HZ)
    assert [len(phone.calls) for phone in phones] == ([1] if away else [1, 0])
    await call.hangup()
    (decision,) = await decisions(line, caller)
    assert decision["operator_id"] == other
    assert decision["data"]["waited_s"] < 1
