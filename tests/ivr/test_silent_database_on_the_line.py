"""A line whose database is silent: calls are served, everybody is told, and nothing is missing afterwards."""

import asyncio
import json
import tempfile
from pathlib import Path

import pytest
from line import Line, running
from offsets import LONE_OFFSET
from relay import Mode, Relay
from sqlalchemy import func, select

from db.engine import open_engine, reading
from db.tables import Call
from ivr.softphone.telephone import Telephones

pytest_plugins = ["db_fixtures"]

AWAY_S = 25.0


def journal_check(line: Line) -> tuple[int, bool, str]:
    """Return the exit status of `hatif status`, and what its check of the journal says."""
    answer = line.process("status", "--json")
    (check,) = (check for check in json.loads(answer.stdout)["checks"] if check["name"] == "journal")
    return answer.returncode, check["ok"], check["found"]


@pytest.mark.long
async def test_calls_are_served_while_the_database_is_silent_and_each_is_in_it_once_afterwards(
    telephones: Telephones, relayed_url: str, postgresql_url: str, between: Relay
) -> None:
    with tempfile.TemporaryDirectory(prefix="hatif-silent-") as folder:  # a short path, for sockets
        async with running(Path(folder), LONE_OFFSET, relayed_url) as line:
            line.database = postgresql_url  # the test itself looks past the relay
            await (await line.dial(telephones, "+33612399000")).hangup()
            await line.story("+33612399000")
            assert (await asyncio.to_thread(journal_check, line))[:2] == (0, True)

            between.mode = Mode.DROP
            silent_until = asyncio.get_running_loop().time() + AWAY_S
            callers = [f"+336123990{number:02}" for number in range(1, 13)]
            for caller in callers:
                call = await line.asks_for_operator(telephones, caller, "2")
                await asyncio.sleep(0.5)
                await call.hangup()
            await asyncio.sleep(silent_until - asyncio.get_running_loop().time())
            status, ok, found = await asyncio.to_thread(journal_check, line)
            assert (status, ok) == (0, False) and "The journal is not delivered" in found, found
            assert "does not answer in time" in found

            between.mode = Mode.PASS
            for caller in callers:
                await line.story(caller, limit_s=30)
            async with open_engine(postgresql_url) as engine, reading(engine) as connection:
                counted = select(Call.caller, func.count()).where(Call.live).group_by(Call.caller)
                rows = {row.caller: row[1] for row in await connection.execute(counted)}
                assert rows == dict.fromkeys(["+33612399000", *callers], 1)
            assert (await asyncio.to_thread(journal_check, line))[:2] == (0, True)
            assert line.control("GET", "/guide/amendments") is not None  # the controller reads it again
            log = (line.home / "log" / "journal.log").read_text()
            assert "journal delivery is waiting" in log and "journal delivery has resumed" in log
