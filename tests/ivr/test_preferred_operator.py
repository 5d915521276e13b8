"""The operator who has a caller's open file gets him, if he is on duty and soon enough; else somebody else does."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
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


@pytest.fixture
async def brief(line: Line) -> AsyncIterator[Line]:
    """A line on which the operator who has the file is waited for 2 s only."""
    path = line.site / "site.toml"
    text = path.read_text()
    changed, count = re.subn(r"^prefer_s = \d+", "prefer_s = 2", text, flags=re.MULTILINE)
    assert count == 1
    path.write_text(changed)
    await line.restart()
    yield line
    path.write_text(text)
    await line.restart()


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


async def test_he_is_waited_for_and_then_another_one_is_rung(brief: Line, telephones: Telephones) -> None:
    line = brief
    other, owner = french(line)
    his = await line.phone(telephones, owner)
    line.control("POST", f"/operators/{owner}/state", {"state": "paused"})  # on duty, and not to be had
    phone = await line.phone(telephones, other, answers=TONE_HZ)
    call = await asks_about(line, telephones, "+33653000021", owner)
    await call.hears_tone(TONE_HZ)
    assert (len(phone.calls), len(his.calls)) == (1, 0)
    await call.hangup()
    (decision,) = await decisions(line, "+33653000021")
    assert (decision["operator_id"], decision["data"]["step"]) == (other, 1)
    assert decision["data"]["waited_s"] >= 2
    story = await line.story("+33653000021")
    said = line.run("call", str(story["call"]["id"])).stdout
    assert f"waits for operator {owner}, who has the caller's file and is not idle" in said


async def test_he_gets_him_who_becomes_idle_in_time_whoever_else_is(line: Line, telephones: Telephones) -> None:
    other, owner = french(line)
    his = await line.phone(telephones, owner, answers=TONE_HZ)
    line.control("POST", f"/operators/{owner}/state", {"state": "paused"})
    phone = await line.phone(telephones, other)
    call = await asks_about(line, telephones, "+33653000031", owner)
    await line.until(lambda: bool(line.control("GET", "/queue")), 5, "he waits")
    await asyncio.sleep(1)
    line.control("POST", f"/operators/{owner}/state", {"state": "ready"})
    await call.hears_tone(TONE_HZ)
    assert (len(phone.calls), len(his.calls)) == (0, 1)


@pytest.mark.parametrize("away", [True, False], ids=["who has the file is away", "the file is closed"])
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
