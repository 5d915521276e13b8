"""Passwords of operators' telephones are renewed while the line runs: no call is cut off."""

import asyncio
import json
from typing import Any

import pytest
from line import Line
from talking import never_silent

from ivr.home import credentials
from ivr.softphone.telephone import RegistrationError, Telephones

CALLER_HZ, OPERATOR_HZ, NEW_HZ = 1130.0, 1870.0, 2350.0
FRENCH = "1018"


async def ran(line: Line, *arguments: str) -> Any:
    answer = await asyncio.to_thread(line.run, *arguments, "--json")
    assert answer.returncode == 0, answer
    return json.loads(answer.stdout)


def registered(line: Line, operator: str) -> bool:
    return bool(line.control("GET", f"/operators/{operator}")["telephone"])


async def test_a_new_password_is_in_force_at_once_and_the_conversation_goes_on(
    line: Line, telephones: Telephones
) -> None:
    former = credentials.load(line.home, ()).operators[FRENCH]
    phone = await line.phone(telephones, FRENCH, answers=OPERATOR_HZ)
    other = await line.phone(telephones, "1033")
    call = await line.asks_for_operator(telephones, "+33657000011")
    call.tone(CALLER_HZ)
    await call.hears_tone(OPERATOR_HZ, 12)
    began = call.clock
    assert await line.contacts(FRENCH)

    told = await ran(line, "operators", "phone", FRENCH, "--new")
    new = told["password"]
    assert told["renewed"] == {"in_force": True, "removed": 1} and new != former
    assert not await line.contacts(FRENCH)
    with pytest.raises(RegistrationError):
        await telephones.operator(FRENCH, former, line.sip).register()
    with pytest.raises(RegistrationError):
        await phone.register()
    # The telephone of the conversation still holds, resumes, and ends it.
    await phone.calls[0].hears_tone(CALLER_HZ)
    await call.hears_tone(OPERATOR_HZ)
    never_silent(call, began)
    await phone.calls[0].hold()
    await asyncio.sleep(1)
    await phone.calls[0].resume()
    await call.hears_tone(OPERATOR_HZ, 5)
    assert registered(line, "1033"), "another operator's telephone stays registered"
    await phone.calls[0].hangup()
    await line.story(
        "+33657000011", ended=False, told=lambda story: any(item["ended"] for item in story["pairings"])
    )  # before the caller ends it as well
    await call.hangup()
    story = await line.story("+33657000011")
    assert [item["reason"] for item in story["pairings"]] == ["operator"]

    again = await line.phone(telephones, FRENCH, answers=NEW_HZ)
    second = await line.asks_for_operator(telephones, "+33657000012")
    await second.hears_tone(NEW_HZ, 12)
    await second.hangup()
    assert (len(again.calls), len(phone.calls), len(other.calls)) == (1, 1, 0)
    (row,) = (await ran(line, "audit", "--act", "telephone_password"))[:1]
    assert (row["about"], row["data"]) == (f"operator:{FRENCH}", {"in_force": True, "removed": 1})
    assert new not in json.dumps(row)
