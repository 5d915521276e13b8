"""Passwords of operators' telephones are renewed and removed while the line runs: no call is cut off."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from line import Line
from talking import never_silent

from ivr.home import credentials
from ivr.softphone.telephone import RegistrationError, Telephones

CALLER_HZ, OPERATOR_HZ, NEW_HZ = 1130.0, 1870.0, 2350.0
FRENCH, LEAVER = "1018", "1999"


async def ran(line: Line, *arguments: str) -> Any:
    answer = await asyncio.to_thread(line.run, *arguments, "--json")
    assert answer.returncode == 0, answer
    return json.loads(answer.stdout)


def registered(line: Line, operator: str) -> bool:
    return bool(line.control("GET", f"/operators/{operator}")["telephone"])


async def contacts(line: Line, operator: str) -> list[str]:
    return [name for name in await line.astdb("registrar") if f"/{operator};" in f"/{name}"]


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
    assert await contacts(line, FRENCH)

    told = await ran(line, "operators", "phone", FRENCH, "--new")
    new = told["password"]
    assert told["renewed"] == {"in_force": True, "removed": 1} and new != former
    assert not await contacts(line, FRENCH)
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


@pytest.fixture
async def leaver(line: Line) -> AsyncIterator[str]:
    """An operator who was added, and whose line of the list is to be removed."""
    path = line.site / "operators.csv"
    before = path.read_text()
    path.write_text(f"{before}{LEAVER},Tamarisk Carob,it:5,,no\n")
    await ran(line, "reload")
    yield before
    if path.read_text() != before:
        path.write_text(before)
        await ran(line, "reload")


async def test_of_an_operator_who_is_removed_nothing_is_left_but_their_conversation(
    line: Line, telephones: Telephones, leaver: str
) -> None:
    password = credentials.load(line.home, ()).operators[LEAVER]
    phone = await line.phone(telephones, LEAVER, answers=OPERATOR_HZ)
    call = await line.asks_for_operator(telephones, "+33657000021", "40")
    call.tone(CALLER_HZ)
    await call.hears_tone(OPERATOR_HZ, 12)
    began = call.clock
    assert await contacts(line, LEAVER)
    (line.site / "operators.csv").write_text(leaver)
    await ran(line, "reload")
    assert LEAVER not in credentials.load(line.home, ()).operators
    assert password not in (line.home / "asterisk" / "etc" / "pjsip.conf").read_text()
    assert not await contacts(line, LEAVER)
    for kind in ("endpoint", "auth", "aor"):
        with pytest.raises(OSError, match="404"):
            line.ari("GET", f"/asterisk/config/dynamic/res_pjsip/{kind}/{LEAVER}")
    with pytest.raises(RegistrationError):
        await phone.register()
    await call.hears_tone(OPERATOR_HZ)
    await phone.calls[0].hears_tone(CALLER_HZ)
    never_silent(call, began)
    await call.hangup()
    await phone.calls[0].ended(5)
    assert (await line.story("+33657000021"))["call"]["operator"] == LEAVER
