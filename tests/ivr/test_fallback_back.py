"""A call that moved between the dialplan and the controller is one call in the records."""

import asyncio
import os
import signal
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import aiohttp
from left import begins
from line import Line

from db import read
from db.engine import open_engine
from ivr.asterisk.fallback_records import FAMILY
from ivr.controller.connection import APPLICATION
from ivr.home import credentials
from ivr.process.process import processes
from ivr.softphone.telephone import Telephones

ON_DISK_S = 1.5
"""Asterisk writes AstDB to the disk once a second."""
DELIVERED_S = 0.5
"""After this time the journal is in the database."""


async def calls_of(line: Line, caller: str) -> list[dict[str, Any]]:
    """Return all rows of a caller, once the last has ended and all of the fallback's records are imported."""
    await line.story(caller, limit_s=15)
    await line.until(lambda: not asyncio.run(line.astdb(FAMILY)), 5, "all of the fallback's records are imported")
    await asyncio.sleep(DELIVERED_S)
    async with open_engine(line.database) as engine:
        return [asdict(call) for call in await read.calls(engine, 50) if call.caller == caller]


async def kill_asterisk(line: Line) -> datetime:
    """Kill Asterisk and wait until calls are served again; return when it was killed."""
    asterisk = line.pid("asterisk")
    killed = datetime.now(UTC)
    os.kill(asterisk, signal.SIGKILL)

    def another() -> bool:
        info = processes(line.home / "run").get("asterisk")
        return info is not None and info.alive and info.pid != asterisk and line.status().get("serves") is True

    await line.until(another, 30, "there is another Asterisk, and calls are served")
    return killed


async def test_a_caller_who_went_from_the_fallback_to_the_controller_has_one_row_when_asterisk_is_killed(
    line: Line, telephones: Telephones
) -> None:
    """`again` is with the controller for the second time, `late` for the first; `left` hangs up in between."""
    again, left, late, new = (f"+3361220010{number}" for number in range(4))
    moment, menu = line.audio("fr", "moment"), line.audio("fr", "language_option")
    await line.without_controller()
    calls = {caller: await line.dial(telephones, caller) for caller in (again, left)}
    for call in calls.values():
        await begins(call, moment)
    await line.controller_again()
    for call in calls.values():
        await begins(call, menu)
    await line.without_controller()
    gone = {caller: call.clock for caller, call in calls.items()}
    for caller, call in calls.items():
        await begins(call, moment, gone[caller], 15)
    calls[late] = await line.dial(telephones, late)
    await calls[left].hangup()
    since = calls[again].clock
    await line.controller_again()
    await begins(calls[again], menu, since, 15)
    await begins(calls[late], menu, 0, 15)
    await asyncio.sleep(ON_DISK_S)
    calls[new] = await line.dial(telephones, new)
    await begins(calls[new], menu)
    killed = await kill_asterisk(line)

    rows = {caller: await calls_of(line, caller) for caller in calls}
    assert {caller: len(found) for caller, found in rows.items()} == dict.fromkeys(calls, 1), rows
    assert {caller: found[0]["outcome"] for caller, found in rows.items()} == {
        again: "left_menu",
        left: "fallback",
        late: "left_menu",
        new: "left_menu",
    }
    assert all(found[0]["line_answered"] for found in rows.values()), rows
    for caller in (again, late, new):
        ended = rows[caller][0]["ended"]
        assert abs((ended - killed).total_seconds()) < 3, (caller, ended, killed)
    for caller in (again, late, new):
        await calls[caller].hangup()


async def test_a_caller_who_hangs_up_while_the_controller_hangs_is_recorded(line: Line, telephones: Telephones) -> None:
    caller = "+33612200110"
    await line.without_controller()
    call = await line.dial(telephones, caller)
    secrets = credentials.load(line.home, ())
    asked = {"app": APPLICATION, "api_key": f"{secrets.ari_user}:{secrets.ari_password}"}
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"http://127.0.0.1:{8088 + line.offset}/ari/events", params=asked) as hanging,
    ):
        while (await hanging.receive_json(timeout=8))["type"] != "StasisStart":
            pass  # and nothing more happens: the call waits for the controller that hangs
        await call.hangup()
        await line.until(lambda: not line.ari("GET", "/channels"), 5, "the call is over")
    await line.controller_again()
    (row,) = await calls_of(line, caller)
    assert row["outcome"] == "fallback"
