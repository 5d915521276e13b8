"""With the limits of the example site: how soon a vanished caller is noticed, and that a muted one stays."""

import asyncio
import os
import signal
import time

import pytest
from line import Line
from offers import decided, french
from talking import OPERATOR_HZ
from test_silent_callers import caller, waiting

from ivr.softphone.telephone import Telephones


@pytest.mark.long
async def test_with_the_usual_limits_a_vanished_caller_is_noticed_in_half_a_minute_and_a_muted_one_stays_for_minutes(
    lone_line: Line, telephones: Telephones
) -> None:
    call = await lone_line.waiting(telephones, "+33616200006")
    await call.hold()
    began = time.monotonic()
    async with caller(lone_line, "+33616200007") as vanishes:
        await lone_line.until(lambda: len(waiting(lone_line)) == 2, 20, "both wait")
        os.kill(vanishes.pid, signal.SIGSTOP)
        stopped = time.monotonic()
        await lone_line.story("+33616200007", limit_s=40)
        assert time.monotonic() - stopped < 32
    await asyncio.sleep(began + 150 - time.monotonic())
    assert waiting(lone_line) == {"+33616200006": False}
    await call.resume()
    phone = await lone_line.phone(telephones, french(lone_line, 1)[0], answers=OPERATOR_HZ)
    await call.hears_tone(OPERATOR_HZ)
    assert await decided(lone_line, "+33616200006") == [(phone.user, "accepted")]
    await call.hangup()
