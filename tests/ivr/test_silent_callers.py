"""Silent callers are asked whether they are there: muted callers stay, vanished ones are not offered to operators."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from conftest import LONE_OFFSET, short_folder
from line import FRENCH_NUMBER, Line
from offers import decided, french, pairings
from talking import COLLEAGUE_HZ, OPERATOR_HZ, conversation, hears_music

from ivr.softphone.telephone import Telephones

SCRIPT = str(Path(__file__).with_name("caller_process.py"))
QUICK = "[silence]\nsilent_s = 2\nagain_s = 3\nanswer_s = 6.4\n"
GONE_S = 2 + 3 + 6.4 + 14  # silent, asked again, without an answer; and some time for a slow machine


@pytest.fixture(scope="module")
async def quick_line() -> AsyncIterator[Line]:
    """A line with short limits for silence."""
    with short_folder("hatif-mute-") as folder:
        line = Line(Path(folder), LONE_OFFSET)
        path = line.site / "site.toml"
        path.write_text(re.sub(r"\[silence\]\n(?:\w+ = .*\n)+", QUICK, path.read_text()))
        try:
            await line.up()
            yield line
        finally:
            await line.down()


@pytest.fixture
async def mute(quick_line: Line) -> AsyncIterator[Line]:
    """The line for one test. Requested before `telephones`, so that these are closed first."""
    yield quick_line
    await quick_line.cleared()


@contextlib.asynccontextmanager
async def caller(line: Line, number: str, keys: str = "20") -> AsyncIterator[Process]:
    """A waiting caller, in a process of their own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, SCRIPT, number, f"sip:{FRENCH_NUMBER}@{line.sip}", keys
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        await process.wait()


def waiting(line: Line) -> dict[str, bool]:
    """Return, by caller, whether they are silent."""
    return {row["caller"]: row["silent"] for row in line.control("GET", "/queue")}


async def test_a_caller_who_vanished_while_waiting_is_not_offered_but_a_muted_one_is(
    mute: Line, telephones: Telephones
) -> None:
    """One of them waits for what nobody else wants. Nobody else notices anything, and both are hung up."""
    stopped, killed, muted = "+33616200001", "+33616200002", "+33616200003"
    async with caller(mute, stopped, keys="220") as one, caller(mute, killed) as other:
        await mute.until(lambda: waiting(mute).keys() == {stopped, killed}, 20, "they wait")
        call = await mute.waiting(telephones, muted)
        await call.hold()  # nothing comes from there but an answer
        os.kill(one.pid, signal.SIGSTOP)
        other.kill()
        silent = {stopped: True, killed: True, muted: False}
        await mute.until(lambda: waiting(mute) == silent, 10, "two of them do not answer")
        phone = await mute.phone(telephones, french(mute, 1)[0], answers=OPERATOR_HZ)
        await phone.next_call()
        await call.resume()
        await call.hears_tone(OPERATOR_HZ)
        assert await decided(mute, muted) == [(phone.user, "accepted")]
        for number in (stopped, killed):
            story = await mute.story(number, limit_s=GONE_S)
            assert (story["call"]["outcome"], story["offers"]) == ("abandoned", [])
        assert {row["caller"]["number"] for row in mute.ari("GET", "/channels")}.isdisjoint((stopped, killed))
        assert "resumed" not in [event["kind"] for event in (await mute.story(muted, ended=False))["events"]]
        assert len(phone.calls) == 1
        await call.hangup()


async def test_a_caller_who_vanishes_in_a_conversation_and_a_telephone_that_vanishes_on_hold_are_noticed(
    mute: Line, telephones: Telephones
) -> None:
    """At the same time; a telephone that is on hold too stays there."""
    first, second, third = french(mute, 3)
    lost, holds, phone = await conversation(mute, telephones, "+33616200004", second)
    kept, leg, _ = await conversation(mute, telephones, "+33616200006", third)
    await asyncio.gather(holds.hold(), leg.hold())
    await asyncio.gather(hears_music(lost, lost.clock), hears_music(kept, kept.clock))
    alone = await mute.phone(telephones, first, answers=COLLEAGUE_HZ)
    async with caller(mute, "+33616200005") as vanishes:
        talks = await alone.next_call(20)
        await asyncio.sleep(1)
        os.kill(vanishes.pid, signal.SIGSTOP)
        await phone.vanish()
        await talks.ended(GONE_S)
    await lost.hears_tone(COLLEAGUE_HZ, GONE_S)  # the other operator, who is free again
    # The telephone on hold was asked more than once.
    await hears_music(kept, kept.clock)
    assert leg.state == "talking"
    await leg.resume()
    await kept.hears_tone(OPERATOR_HZ)
    await asyncio.gather(lost.hangup(), kept.hangup())
    assert pairings(await mute.story("+33616200004")) == [
        (second, "operator", "lost"),
        (first, "operator", "caller"),
    ]
    assert pairings(await mute.story("+33616200005")) == [(first, "operator", "caller")]
    assert pairings(await mute.story("+33616200006")) == [(third, "operator", "caller")]
    await phone.register()
