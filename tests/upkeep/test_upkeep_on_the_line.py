"""Changes to a running line, by telephone: nobody is cut off, and nobody is in silence."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from asterisk_sip import Telephone
from line import FRENCH_NUMBER, Line
from quick_site import OTHER_CARRIER
from talking import never_silent

from db.engine import open_engine
from desk.people import accounts
from ivr.home import credentials
from ivr.hours import drain
from ivr.softphone.telephone import RegistrationError, Telephones

CALLER_HZ, OPERATOR_HZ, NEW_HZ = 1130.0, 1870.0, 2350.0
NEW = "1999"

Edit = Callable[[str], None]


async def reloaded(line: Line, *options: str) -> Any:
    answer = await asyncio.to_thread(line.run, "reload", "--json", *options)
    assert answer.returncode == 0, answer
    return json.loads(answer.stdout)


@pytest.fixture
async def operators(line: Line) -> AsyncIterator[Edit]:
    """Adds lines to the list of operators, and takes them and the audio of their names back."""
    path = line.site / "operators.csv"
    before = path.read_text()

    def edit(more: str) -> None:
        path.write_text(before + more)

    yield edit
    if path.read_text() != before:
        path.write_text(before)
        await reloaded(line)
        built = await asyncio.to_thread(line.run, "prompts", "build")
        assert built.returncode == 0, built
    assert NEW not in {row["id"] for row in line.control("GET", "/operators")}


async def waiting_for(line: Line, *arguments: str) -> "asyncio.Task[subprocess.CompletedProcess[str]]":
    """Start a command that waits, in a process of its own."""
    return asyncio.create_task(asyncio.to_thread(line.process, *arguments))


async def test_an_operator_who_is_added_by_a_reload_takes_a_call_and_of_one_who_is_removed_only_that_call_is_left(
    line: Line, operators: Edit, telephones: Telephones
) -> None:
    await line.phone(telephones, "1018", answers=OPERATOR_HZ)
    first = await line.asks_for_operator(telephones, "+33656000011")
    first.tone(CALLER_HZ)
    await first.hears_tone(OPERATOR_HZ, 12)
    began = first.clock

    operators(f"{NEW},Tamarisk Carob,es:5,,no\n")
    assert (await asyncio.to_thread(line.run, "setup", "--guide-later")).returncode == 0  # leaves all to the reload
    controller = line.pid("ivr")
    told = await reloaded(line, "--dry-run")
    assert told["changes"] == [f"operator {NEW} (Tamarisk Carob): added"] and not told["applied"]
    assert NEW not in {row["id"] for row in line.control("GET", "/operators")}

    done = await reloaded(line)
    assert (done["restarted"], done["later"], done["applied"]) == ([], {}, True)
    phone = await line.phone(telephones, NEW, answers=NEW_HZ)
    second = await line.asks_for_operator(telephones, "+33656000012", "30")
    second.tone(CALLER_HZ)
    await second.hears_tone(NEW_HZ, 12)
    began_second = second.clock
    await first.hears_tone(OPERATOR_HZ)
    never_silent(first, began)
    assert "Nothing has changed." in line.run("reload").stdout

    async with open_engine(line.database) as engine:  # as their first link does
        await accounts.ensure_operator(engine, NEW, "Tamarisk Carob", False, datetime.now(UTC))
    password = credentials.load(line.home, ()).operators[NEW]
    assert await line.contacts(NEW)
    operators("")
    assert (await reloaded(line))["accounts"] == {"gone": [NEW], "changed": []}
    assert f"cannot sign in: {NEW}" in line.run("accounts").stdout
    assert NEW not in credentials.load(line.home, ()).operators
    assert password not in (line.home / "asterisk" / "etc" / "pjsip.conf").read_text()
    assert not await line.contacts(NEW)
    for kind in ("endpoint", "auth", "aor"):
        with pytest.raises(OSError, match="404"):
            line.ari("GET", f"/asterisk/config/dynamic/res_pjsip/{kind}/{NEW}")
    with pytest.raises(RegistrationError):
        await phone.register()
    await first.hears_tone(OPERATOR_HZ)
    await second.hears_tone(NEW_HZ)
    await phone.calls[0].hears_tone(CALLER_HZ)
    never_silent(second, began_second)
    for call in (second, first):
        await call.hangup()
    await phone.calls[0].ended(5)
    assert (await line.story("+33656000012"))["call"]["operator"] == NEW
    assert line.pid("ivr") == controller, "the controller was restarted for an operator"


async def test_a_carrier_s_user_is_changed_by_a_reload_and_its_calls_come_to_the_new_one(
    line: Line, telephones: Telephones
) -> None:
    site, hosts = line.site / "site.toml", f'hosts = ["{OTHER_CARRIER}"]\n'
    before = site.read_text()
    assert hosts in before

    def registered_as(user: str) -> None:
        """Nobody answers at the registrar, so that the line only tries."""
        text = f'{hosts}registrar = "{OTHER_CARRIER}:9"\nuser = "{user}"\nnumber = "{FRENCH_NUMBER}"\n'
        site.write_text(before.replace(hosts, text))

    registered_as("line-4711")
    credentials.set_outer(line.home, "other", "chosen-by-the-carrier")
    await reloaded(line)
    call = await line.dial(telephones, "+33656000031")
    registered_as("line-4712")
    done = await reloaded(line)
    assert done["changes"] == ["carrier other: user line-4711 → line-4712"] and done["applied"]
    assert "client_uri = sip:line-4712@" in (line.home / "asterisk" / "etc" / "pjsip.conf").read_text()
    for user, status in (("line-4712", 200), ("line-4711", 404)):
        with Telephone(OTHER_CARRIER, 5060 + line.offset, "+33656000032") as carrier:
            answer = await asyncio.to_thread(carrier.invite, user)
            assert answer.status == status, user
            if status == 200:
                await asyncio.to_thread(carrier.hang_up, answer, user)
    await call.hangup()
    site.write_text(before)
    await reloaded(line)


async def test_a_drained_line_refuses_new_calls_ends_those_in_progress_and_asterisk_restarts_when_it_is_empty(
    line: Line, telephones: Telephones
) -> None:
    await line.phone(telephones, "1018", answers=OPERATOR_HZ)
    call = await line.asks_for_operator(telephones, "+33656000021")
    await call.hears_tone(OPERATOR_HZ, 12)
    draining = await waiting_for(line, "drain", "--within", "40")
    await line.until_astdb(drain.FAMILY, drain.REFUSE)  # the controller says so before Asterisk does it
    assert line.status()["drained"] is not None
    refused = await telephones.caller("+33656000022").dial(f"sip:{FRENCH_NUMBER}@{line.sip}")
    assert (await refused.ended(5)).status == 503
    answer = line.run("status", "--json")
    reasons = [check["found"] for check in json.loads(answer.stdout)["checks"] if check["name"] == "drained"]
    assert answer.returncode == 1 and "no new calls are taken" in reasons[0]
    await call.hears_tone(OPERATOR_HZ)
    assert not draining.done()
    await call.hangup()
    ended = await draining
    assert ended.returncode == 0 and ended.stdout.splitlines()[-1] == "The line is empty.", ended

    assert line.run("drain", "--end").returncode == 0
    again = await line.dial(telephones, "+33656000022")
    answer = line.run("restart", "asterisk")
    assert answer.returncode == 1 and "would cut off 1 caller" in answer.stderr, answer
    former = line.pid("asterisk")
    restarting = await waiting_for(line, "restart", "asterisk", "--when-idle", "--within", "40")
    await asyncio.sleep(2)
    assert line.pid("asterisk") == former and not restarting.done()
    await again.hangup()
    ended = await restarting
    assert ended.returncode == 0 and line.pid("asterisk") != former, ended
    assert not any(key.startswith("drain") for key in await line.astdb("hatif-hours"))
    after = await line.dial(telephones, "+33656000023")
    await after.hangup()
