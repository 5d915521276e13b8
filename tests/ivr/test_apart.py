"""Callers on hold, and callers whose operator consults somebody, keep their operator while there is no controller."""

import asyncio
import os
import signal

import pytest
from line import Line
from offers import french, pairings
from talking import (
    CALLER_HZ,
    COLLEAGUE_HZ,
    OPERATOR_HZ,
    conversation,
    hears_music,
    never_silent,
    stands,
    talk,
)

from ivr.softphone.telephone import Call, Telephones

HELD, CONSULTS = "+33613000061", "+33613000062"
TAKES = "its callers go to the dialplan"


class Apart:
    """A caller on hold, and one whose operator talks with a colleague."""

    def __init__(self, line: Line, telephones: Telephones) -> None:
        self.line, self.telephones = line, telephones
        self.log = line.home / "log" / "guard.log"
        self.seen = 0

    async def begin(self) -> None:
        first, second = french(self.line, 2)
        self.held, self.held_leg, _ = await conversation(self.line, self.telephones, HELD, first)
        self.waits, self.consulting, _ = await conversation(self.line, self.telephones, CONSULTS, second)
        self.other = await self.line.phone(self.telephones, self.line.speaks("it", but=(first, second)))
        self.other.will_answer(tone_hz=COLLEAGUE_HZ)
        self.began = self.held.clock, self.waits.clock
        talk(self.line, HELD, "hold")
        talk(self.line, CONSULTS, "consult", operator=self.other.user)
        self.asked: Call = await self.other.next_call(5)
        await self.consulting.hears_tone(COLLEAGUE_HZ)
        await self.still()
        self.seen = self.log.stat().st_size

    async def still(self) -> None:
        """All is as it was: both callers hear music."""
        await asyncio.gather(hears_music(self.held, self.held.clock), hears_music(self.waits, self.waits.clock))
        legs = (self.held_leg, self.consulting, self.asked)
        assert [leg.state for leg in legs] == ["talking"] * 3

    async def said(self, event: str, limit_s: float) -> None:
        """Wait until the guard has logged an event."""
        await self.line.until(lambda: event in self.log.read_text()[self.seen :], limit_s, f"the guard: {event}")

    async def end(self, by: str) -> None:
        for call, began in zip((self.held, self.waits), self.began, strict=True):
            never_silent(call, began)
            await call.hangup()
        for caller in (HELD, CONSULTS):
            rows = pairings(await self.line.story(caller))
            assert [reason for _, role, reason in rows if role == "operator"] == [by]


@pytest.fixture
async def apart(line: Line, telephones: Telephones) -> Apart:
    made = Apart(line, telephones)
    await made.begin()
    return made


async def test_whoever_is_on_hold_stays_so_without_a_controller_and_the_next_one_goes_on_with_it(
    apart: Apart,
) -> None:
    """It takes the five seconds after which others go to the dialplan."""
    line = apart.line
    await line.without_controller()
    alone = await line.dial(apart.telephones, "+33613000063")  # to see that the guard acts
    await apart.said(TAKES, 20)
    await apart.still()
    await line.controller_again()
    await apart.still()
    assert (stands(line, HELD)["place"], stands(line, CONSULTS)["place"]) == ("hold", "consult")
    talk(line, HELD, "unhold")
    talk(line, CONSULTS, "complete")
    await asyncio.gather(apart.held.hears_tone(OPERATOR_HZ), apart.waits.hears_tone(COLLEAGUE_HZ))
    await alone.hangup()
    for call, began in zip((apart.held, apart.waits), apart.began, strict=True):
        never_silent(call, began)
        await call.hangup()
    held, consulted = await line.story(HELD), await line.story(CONSULTS)
    assert [reason for *_, reason in pairings(held)] == ["caller"]
    assert [reason for *_, reason in pairings(consulted)] == ["transfer", "caller"]


@pytest.mark.long
async def test_after_a_minute_without_a_controller_the_guard_joins_callers_with_their_operators(apart: Apart) -> None:
    line = apart.line
    await line.without_controller()
    await apart.said(TAKES, 20)
    await apart.still()
    await asyncio.gather(apart.held.hears_tone(OPERATOR_HZ, 75), apart.waits.hears_tone(OPERATOR_HZ, 75))
    await asyncio.gather(apart.held_leg.hears_tone(CALLER_HZ), apart.consulting.hears_tone(CALLER_HZ))
    await apart.asked.ended(5)
    await line.controller_again()
    assert [stands(line, caller)["place"] for caller in (HELD, CONSULTS)] == ["together"] * 2
    await apart.end("caller")


@pytest.mark.long
async def test_without_controller_and_guard_asterisk_itself_leaves_callers_on_hold_for_a_minute(apart: Apart) -> None:
    line = apart.line
    alone = await line.dial(apart.telephones, "+33613000064")
    asterisk = line.home / "asterisk" / "log" / "asterisk.log"
    seen = asterisk.stat().st_size
    await line.without_controller()
    os.kill(line.pid("guard"), signal.SIGKILL)
    taken = "There is no controller and no guard"
    await line.until(lambda: taken in asterisk.read_text()[seen:], 30, "Asterisk has given the other caller away")
    await alone.hears(line.audio("fr", "moment"), 10)
    await asyncio.sleep(4)  # Asterisk looks every two seconds
    await apart.still()
    assert asterisk.read_text()[seen:].count(taken) == 1
    await line.controller_again()
    talk(line, HELD, "unhold")
    await apart.held.hears_tone(OPERATOR_HZ)
    await alone.hangup()
    await apart.held.hangup()
    await apart.waits.hangup()
