"""Callers who waited or talked when Asterisk ended are called back, if the site wants that and they may be."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from carrier import calling
from conftest import LONE_OFFSET, short_folder
from db_helpers import put_request
from line import CHECKOUT, Line
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from db import callbacks
from db.callback_requests import CUT_OFF, NOT_ASKED, Claim
from db.callback_states import RequestEvent, advance
from db.engine import writing
from db.ids import uuid7
from db.tables import Call
from ivr.callbacks import cut_calls, prompts
from ivr.callbacks.cut_calls import CutCall
from ivr.process.process import processes
from ivr.records.caller_limits import CallerLimits
from ivr.records.recorder import Recorder
from ivr.site import site
from ivr.softphone.telephone import Telephones
from ivr.trial.records import NOTHING_USED_UP, FakeReferences, MemoryJournal

pytest_plugins = ["db_fixtures"]

NOW = datetime.now(UTC)
CALLER = "+33612345678"
BY = Claim("node1", uuid7())


class Open:
    """A line that is open."""

    def opens_next(self, *_: object, **__: object) -> datetime | None:
        return None


def cut(caller: str = CALLER, **fields: Any) -> CutCall:
    ended = NOW - timedelta(seconds=3)
    made = CutCall(str(uuid7()), "+33800212000", caller, "fr", None, "FR", ended - timedelta(minutes=2), ended)
    return replace(made, **fields)


async def requested(*calls: CutCall) -> list[dict[str, Any]]:
    """Return the requests that are recorded for these calls."""
    journal, example = MemoryJournal("node1"), site.load(CHECKOUT / "sites" / "consulate")
    limits = CallerLimits(NOTHING_USED_UP, example)
    await cut_calls.request(calls, example, limits, Recorder(journal, FakeReferences(1)), cast(Any, Open()))
    return [row for table, row in journal.rows if table == "callback"]


async def test_a_caller_who_was_cut_off_keeps_their_age_and_has_a_minute_to_call_again() -> None:
    call = cut()
    (row,) = await requested(call)
    assert (row["number"], row["kind"], row["reason"], str(row["call_id"])) == (CALLER, "waiting", CUT_OFF, call.id)
    assert row["waiting_since"] == call.since
    assert abs(row["due"] - row["wished"] - cut_calls.CALLS_AGAIN) < timedelta(seconds=1)


async def test_one_caller_has_one_request_and_numbers_that_nobody_may_call_have_none() -> None:
    calls = [cut(), cut(), cut("+33899123456"), cut("+12025550123"), cut("+33800212000")]
    assert [row["number"] for row in await requested(*calls)] == [CALLER]


async def test_a_call_that_was_cut_off_long_ago_is_not_called_back() -> None:
    assert await requested(cut(ended=NOW - timedelta(days=3))) == []


async def test_a_request_that_nobody_has_made_remains_one_until_it_ends(engine: AsyncEngine) -> None:
    request = await put_request(engine, kind="waiting", number=CALLER, wished=NOW, due=NOW, reason=CUT_OFF)
    claimed = advance(request, RequestEvent.CLAIMED, NOW, by=BY)
    dialled = advance(claimed, RequestEvent.DIALLED, NOW, by=BY)
    missed = advance(dialled, RequestEvent.MISSED, NOW, by=BY, wait=timedelta(minutes=30), reason="busy")
    assert (missed.state, missed.reason) == ("wished", f"{CUT_OFF}; busy")
    assert claimed.cut_off and dialled.cut_off and missed.cut_off
    assert [text for _, text in prompts.hello("fr", dialled)][:2] == ["institution", "callback_speak"]
    again = advance(advance(missed, RequestEvent.CLAIMED, NOW, by=BY), RequestEvent.DIALLED, NOW, by=BY)
    assert advance(again, RequestEvent.NOT_ASKED, NOW, by=BY, reason=NOT_ASKED).reason == NOT_ASKED


@pytest.mark.parametrize(
    ("columns", "counts"),
    [
        ({"queued": NOW}, True),
        ({"connected": NOW}, True),
        ({}, False),  # in the menu: they may hang up there
        ({"queued": NOW, "started": NOW - timedelta(minutes=1)}, False),  # was cut off as well
        ({"queued": NOW, "caller": "+33612345679"}, False),
        ({"connected": NOW, "outgoing": True}, False),
    ],
)
async def test_who_has_called_again_and_waits_or_was_answered_is_not_called_back(
    engine: AsyncEngine, columns: dict[str, Any], counts: bool
) -> None:
    first = {"id": uuid7(), "node": "n", "caller": CALLER, "started": NOW - timedelta(minutes=9), "queued": NOW}
    rows = [first | {"ended": NOW - timedelta(seconds=9)}, {**first, "queued": None, "id": uuid7(), "started": NOW}]
    async with writing(engine) as connection:
        await connection.execute(insert(Call).values(rows[0]))
        await connection.execute(insert(Call).values(rows[1] | columns))
    request = await put_request(
        engine, kind="waiting", number=CALLER, wished=NOW, due=NOW, reason=CUT_OFF, call_id=first["id"]
    )
    assert await callbacks.called_again(engine, [request.id]) == ({request.id} if counts else set())


@pytest.fixture(scope="module")
async def cut_line() -> AsyncIterator[Line]:
    with short_folder("hatif-cut-") as folder:
        async with calling(Path(folder), LONE_OFFSET, cut_off=True) as up:
            yield up


async def test_when_asterisk_is_killed_those_who_waited_or_talked_are_called_back_unless_they_call_again(
    cut_line: Line, telephones: Telephones
) -> None:
    line = cut_line
    talks, waits, calls_again, menu = (f"+3361220030{number}" for number in range(4))
    phone = await line.phone(telephones, line.speaks("it"), answers=1870)
    call = await line.asks_for_operator(telephones, talks, keys="40")
    await call.hears_tone(1870)
    line.control("POST", f"/operators/{phone.user}/state", {"state": "paused", "reason": "lunch"})  # afterwards
    callers = [call, *[await line.waiting(telephones, caller) for caller in (waits, calls_again)]]
    withheld = await telephones.caller(None).dial(f"sip:+33800212000@{line.sip}")
    await withheld.established()
    await withheld.press("20")
    await line.until(lambda: len(line.control("GET", "/queue")) == 3, 10, "the third caller waits as well")
    callers += [withheld, await line.dial(telephones, menu)]
    await asyncio.sleep(0.5)  # the journal is delivered
    asterisk = line.pid("asterisk")
    os.kill(asterisk, signal.SIGKILL)

    def another() -> bool:
        info = processes(line.home / "run").get("asterisk")
        return info is not None and info.alive and info.pid != asterisk and line.status().get("serves") is True

    await line.until(another, 30, "there is another Asterisk, and calls are served")

    def requests() -> dict[str, dict[str, Any]]:
        return {row["number"]: row for row in line.json("callbacks")}

    await line.until(lambda: len(requests()) == 3, 10, "those who were cut off have a request each")
    assert requests().keys() == {talks, waits, calls_again}
    assert {row["reason"] for row in requests().values()} == {CUT_OFF}
    assert {row["state"] for row in requests().values()} == {"wished"}
    assert (await line.story(talks))["call"]["outcome"] == "answered"
    story = await line.story(waits)
    assert story["call"]["outcome"] == "abandoned" and story["events"][-1]["kind"] == "cut_off"
    assert "was cut off, since Asterisk ended" in line.run("call", str(story["call"]["id"])).stdout

    await line.waiting(telephones, calls_again)
    await line.until(lambda: requests()[calls_again]["state"] == "cancelled", 10, "who waits again is not called")
    assert requests()[calls_again]["reason"].endswith("called again")
    assert {requests()[caller]["state"] for caller in (talks, waits)} == {"wished"}
    await line.restart()  # a controller that starts makes no second request
    await asyncio.sleep(1)
    assert len(requests()) == 3
