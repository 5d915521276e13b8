"""A key that Asterisk reports twice counts once, and a key that is pressed twice counts twice."""

import asyncio
import os
import signal
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from line import Line

from ivr.asterisk.ari.events import ChannelDtmfReceived, ChannelRef
from ivr.asterisk.repeated_keys import RepeatedKeys
from ivr.softphone.telephone import Telephones

MEASURED = (
    "2:0 1:700 1:943 3:1315 4:1420 5:1768 6:1902 6:1993 7:2222 7:2269 8:2381 8:2495 9:2674 0:2860 0:2909 1:3125 1:3173 "
    "2:3341 2:3401 3:3605 3:3641 4:3822 4:3869 5:4063 5:4111 6:4303 6:4338 #:4545 #:4589"
)
"""What Asterisk 22.10.1 reported of 18 keys of 180 ms while packets were held back for 150 of every 450 ms: key:ms."""


def counted(reports: list[tuple[str, int, int]]) -> str:
    keys = RepeatedKeys()
    return "".join(digit for digit, duration, at in reports if not keys.repeats(digit, duration, at))


def test_what_asterisk_reported_of_a_line_that_stalls() -> None:
    reports = [(word[0], 180, int(word[2:])) for word in MEASURED.split()]
    assert (len(reports), counted(reports)) == (29, "21134567890123456#")


@pytest.mark.parametrize(("key_ms", "pause_ms"), [(60, 60), (80, 50), (80, 60), (100, 50), (100, 100), (200, 200)])
def test_the_same_key_pressed_many_times_counts_each_time(key_ms: int, pause_ms: int) -> None:
    assert counted([("1", key_ms, number * (key_ms + pause_ms)) for number in range(30)]) == 30 * "1"


def test_a_clock_that_is_set_back_takes_no_key() -> None:
    assert counted([("1", 100, 3_600_000), ("2", 100, 3_600_050), ("2", 100, 0)]) == "122"


def test_an_event_without_a_time_has_none() -> None:
    key = ChannelDtmfReceived(ChannelRef("a"), "5", 100, "2026-11-28T14:18:30.913+0000")
    assert (key.at_ms, ChannelDtmfReceived(ChannelRef("a"), "5").at_ms) == (1_795_875_510_913, None)


@dataclass
class Asterisk:
    """Asterisk's rules for keys that arrive complete, in bursts (main/channel.c, __ast_read), in steps of 1 ms."""

    begun: int = -1000  # when the newest key began to be played out, or ended
    lasts: int = 0  # how long the key that is played out lasts; 0: none is

    def reports(self, arrivals: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
        found, waiting, queue = list[tuple[str, int, int]](), list(arrivals), list[tuple[str, int]]()
        now = 0
        while waiting or queue or self.lasts:
            if self.lasts and now >= self.begun + self.lasts and now % 20 == 0:
                self.begun, self.lasts = now, 0
            if queue and not self.lasts and now - self.begun >= 45:
                found.append((*queue[0], now))
                self.begun, self.lasts = now, max(queue.pop(0)[1], 80)
            while waiting and waiting[0][2] <= now:
                digit, duration, _ = waiting.pop(0)
                found.append((digit, duration, now))
                if self.lasts or now - self.begun < 45:
                    queue.append((digit, duration))
                else:
                    self.begun, self.lasts = now, max(duration, 80)
            now += 1
        return found


KEYS = st.lists(st.tuples(st.sampled_from("0123456789*#"), st.sampled_from([60, 80, 100, 120, 180])), max_size=12)
STALLS = st.lists(st.tuples(st.integers(0, 3000), st.integers(50, 600)), max_size=4)


def arrivals(pressed: list[tuple[str, int]], pause: int, stalls: list[tuple[int, int]]) -> list[tuple[str, int, int]]:
    found, at = list[tuple[str, int, int]](), 0
    for digit, duration in pressed:
        at += duration + pause
        held = max([at, *(begin + length for begin, length in stalls if begin <= at < begin + length)])
        found.append((digit, duration, max(held, found[-1][2] if found else 0)))
    return found


@given(KEYS, st.integers(60, 200), STALLS)
def test_different_keys_of_a_network_that_stalls_count_once(
    pressed: list[tuple[str, int]], pause: int, stalls: list[tuple[int, int]]
) -> None:
    different = list({digit: (digit, duration) for digit, duration in pressed}.values())
    reports = Asterisk().reports(arrivals(different, pause, stalls))
    assert counted(reports) == "".join(digit for digit, _ in different)


@given(KEYS, st.integers(60, 200), STALLS)
def test_no_key_is_missed(pressed: list[tuple[str, int]], pause: int, stalls: list[tuple[int, int]]) -> None:
    reports = Asterisk().reports(arrivals(pressed, pause, stalls))
    assert len(pressed) <= len(counted(reports)) <= len(reports)


async def test_keys_that_arrive_at_once_are_what_was_pressed(line: Line, telephones: Telephones) -> None:
    call = await line.dial(telephones, "+33617000715")
    await call.press("21")  # French, the state of a file
    await asyncio.sleep(0.6)
    asterisk = line.pid("asterisk")
    os.kill(asterisk, signal.SIGSTOP)  # the kernel keeps what arrives
    try:
        await call.press("1357#")
    finally:
        os.kill(asterisk, signal.SIGCONT)
    await asyncio.sleep(1.5)
    await call.hangup()
    story = await line.story("+33617000715")
    assert [event["data"].get("key", "?") for event in story["events"] if event["kind"] == "key"] == [*"21?????"]
