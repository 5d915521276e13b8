"""The floor bench: what counts as silence, the day's calls, the verdict; and a small floor for real."""

import json
import os
import random
import subprocess
import sys
from typing import Any

import pytest
from line import CACHE, CHECKOUT

from bench.floor import day
from bench.floor.heard import LONG_S, Meter, Silence, alaw_values, has_sound, tone
from bench.floor.line import team
from bench.media import SILENCE
from bench.reference_case import LANGUAGES

S = 1_000_000_000
LOUD = tone()


def test_alaw_follows_g711() -> None:
    values = alaw_values()
    assert (values[0xD5], values[0x55], values[0xAA], values[0x2A]) == (8, -8, 32256, -32256)
    assert len({*values}) == 256


def test_a_tone_has_sound_and_silence_and_faint_noise_have_none() -> None:
    assert len(LOUD) == len(SILENCE) == 160
    assert has_sound(LOUD)
    assert not has_sound(SILENCE)
    faint = bytes(code for code, value in enumerate(alaw_values()) if abs(value) < 250)
    assert faint
    assert not has_sound(faint)


def test_a_caller_is_in_silence_while_packets_without_sound_or_no_packets_arrive() -> None:
    meter = Meter(last=0)
    meter.packet(LOUD, 1 * S)
    for at in range(2, 6):
        meter.packet(SILENCE, at * S)
    meter.packet(LOUD, 6 * S)  # five seconds of packets without sound
    meter.packet(LOUD, 8 * S)
    meter.end(12 * S)  # four seconds without packets
    meter.end(99 * S)
    assert meter.silences == [Silence(1 * S, 5.0), Silence(8 * S, 4.0)]
    assert meter.longest == 5.0


def test_three_seconds_of_silence_are_not_too_long() -> None:
    meter = Meter(last=0)
    meter.packet(LOUD, int(LONG_S * S))
    meter.end(int(LONG_S * S) + 1)
    assert meter.silences == []


def test_the_same_calls_come_each_time_and_the_floor_is_full_at_once() -> None:
    asked = day.Asked(seed=4)
    calls = day.plan_calls(asked)
    assert calls == day.plan_calls(asked)
    assert calls != day.plan_calls(day.Asked(seed=5))
    assert sum(call.at_s <= 10 for call in calls) >= round(asked.load)
    assert 40 < sum(call.at_s > 10 for call in calls) < 95  # 66 on average, 8 its standard deviation
    assert {call.language for call in calls} <= {*LANGUAGES}


def test_a_floor_on_which_all_operators_would_always_talk_is_refused() -> None:
    with pytest.raises(ValueError, match="take more operators"):
        day.Asked(operators=10)
    with pytest.raises(ValueError, match="--operators at least 2"):
        day.Asked(operators=1, calls_per_hour=1)


@pytest.mark.parametrize("operators", [5, 14, 40, 200])
def test_every_language_is_spoken_and_there_are_a_supervisor_and_a_listener(operators: int) -> None:
    of = team(operators)
    assert len(of.operators) == operators
    assert {language for speak in of.speaks.values() for language in speak} == {*LANGUAGES}
    assert of.consuls
    assert {*of.consuls} <= {*of.operators}
    assert of.listeners
    assert not {*of.listeners} & {*of.operators}


def document(**changed: Any) -> dict[str, Any]:
    silence = {"longest_s": 11.0, "after_a_telephone_vanished_s": [11.0], "others_over_3_s": []}
    return {"left": {"bridges": []}, "silence": silence, "rung_twice": [], "wrong": [], **changed}


def test_anything_left_behind_or_wrong_is_not_clean() -> None:
    assert day.is_clean(document())
    assert not day.is_clean(document(left={"bridges": ["b with 0 channels"]}))
    assert not day.is_clean(document(rung_twice=["1001"]))
    assert not day.is_clean(document(wrong=["a caller was cut off"]))
    assert not day.is_clean(document(silence={**document()["silence"], "others_over_3_s": ["4 s"]}))


@pytest.mark.long  # an Asterisk of its own, half a minute of calls, and the wait until all is over: over a minute
@pytest.mark.parametrize("kill_every_s", [0, 12])
def test_a_small_floor_leaves_nothing_behind_whether_or_not_its_controller_is_killed(
    kill_every_s: int,
) -> None:
    offset = int(os.environ.get("HATIF_TEST_OFFSET", "2000")) + 1000
    words = ("--minutes", "0.42", "--operators", "5", "--calls-per-hour", "720", "--talk-s", "10", "--json")
    ran = subprocess.run(
        [sys.executable, "-m", "bench.floor", *words, "--offset", str(offset), "--kill-every", str(kill_every_s),
         "--seed", str(random.Random(kill_every_s).randint(1, 99))],
        cwd=CHECKOUT, env={**os.environ, "HATIF_INSTALL": str(CACHE)}, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    found = json.loads(ran.stdout) if ran.stdout else {}
    assert ran.returncode == 0, (ran.stderr[-2000:], {key: found.get(key) for key in ("left", "silence", "wrong")})
    assert found["calls"]["answered"] >= 3
    assert found["written"]["outcomes"].get("answered", 0) >= 1
    assert bool(found["kills"]) is bool(kill_every_s)
