"""The guard and a controller that comes back just as its callers are given to the dialplan."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from snapshots import snapshot

from ivr.asterisk.ari import operations
from ivr.asterisk.ari.link import Response
from ivr.asterisk.ari.operations import Request
from ivr.call.bridge_moves import MUSIC as MUSIC_CLASS
from ivr.home import heartbeat, settings
from ivr.home.heartbeat import beat
from ivr.process import guard
from ivr.process.process import processes
from ivr.site import site

HOLDS = """
import sys, time
from pathlib import Path
from ivr.home import pid_lock
pid_lock.hold(Path(sys.argv[1]), "ivr")
print(flush=True)
while sys.argv[2] == "works":
    pass
time.sleep(600)
"""
CALLERS = ("a", "b")
GIVEN = [guard.to_fallback(snapshot(name)) for name in CALLERS]


@pytest.fixture
def watching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> guard.Guard:
    """A guard whose clock goes on by a second with each look; the controller has answered once before."""
    chosen = settings.read({"HATIF_HOME": str(tmp_path), "HATIF_PORT_OFFSET": "19000"})
    for path in (chosen.lives, chosen.serves):
        beat(path)
    clock = SimpleNamespace(now=0.0)
    clock.monotonic = lambda: clock.now
    clock.monotonic_ns = lambda: round(1e9 * clock.now)
    monkeypatch.setattr(guard, "time", clock)
    return guard.Guard(chosen, site.load(settings.EXAMPLE))


@contextmanager
def controller(chosen: settings.Settings, does: str = "nothing") -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that holds the controller's pid file and does nothing, or `works`."""
    process = subprocess.Popen([sys.executable, "-c", HOLDS, chosen.run, does], stdout=-1)
    try:
        assert process.stdout is not None and process.stdout.readline()
        assert processes(chosen.run)["ivr"].pid == process.pid
        yield process
    finally:
        process.kill()
        process.communicate()


async def looks(watching: guard.Guard, asked: list[Request], then: dict[Request, Any], times: int = 8) -> None:
    """Have the guard look until it has acted; `then`: what happens as Asterisk is asked for something."""

    async def ask(_: object, *requests: Request) -> list[Response]:
        asked.extend(requests)
        for request in requests:
            then.get(request, lambda: None)()
        callers = [snapshot(name, "hatif,call,+33800212000") for name in CALLERS]
        callers.append(snapshot("new", "hatif,call,+33800212000", state="Ring"))
        rows = [msgspec.to_builtins(caller) for caller in callers]
        return [Response(200, rows if request == operations.CHANNELS() else []) for request in requests]

    cast(Any, watching)._ask = ask
    for _ in range(times):
        await watching._look(cast(Any, None))
        cast(Any, guard).time.now += 1


async def test_a_controller_that_comes_back_while_the_guard_asks_asterisk_is_not_taken_for_the_one_that_hung(
    watching: guard.Guard,
) -> None:
    chosen, asked = watching._settings, list[Request]()
    with controller(chosen) as process:
        await looks(watching, asked, {GIVEN[-1]: lambda: beat(chosen.lives)})
        assert [request for request in asked if request in GIVEN] == GIVEN
        assert process.poll() is None and watching.counts["controller_kills"] == 0


async def test_a_controller_that_does_not_beat_any_more_is_killed(watching: guard.Guard) -> None:
    chosen = watching._settings
    with controller(chosen) as process:
        beat(chosen.lives)
        await looks(watching, [], {})
        assert watching.counts["controller_kills"] > 0
        assert await asyncio.to_thread(process.wait, 10) == -9


async def test_a_controller_that_works_and_gets_no_processor_is_late_and_not_killed(watching: guard.Guard) -> None:
    chosen, asked = watching._settings, list[Request]()
    with controller(chosen, "works") as process:
        beat(chosen.lives)
        for _ in range(6):
            await looks(watching, asked, {})  # eight seconds of the guard's clock each, in which it runs for some ms
        assert [request for request in asked if request in GIVEN] == GIVEN  # its callers do not wait for it
        assert process.poll() is None and watching.counts["controller_kills"] == 0


async def test_a_controller_has_time_to_serve_again_once_an_asterisk_answers_that_did_not_for_long(
    watching: guard.Guard,
) -> None:
    chosen = watching._settings
    with controller(chosen) as process:
        for answers in (False, False, False, False, False, True):
            watching._answers = answers
            await looks(watching, [], {operations.CHANNELS(): lambda: beat(chosen.lives)})
        assert process.poll() is None and watching.counts["controller_kills"] == 0


@pytest.mark.parametrize("back_at", [*CALLERS, None])
async def test_callers_stay_with_a_controller_that_is_back_before_they_were_given_to_the_dialplan(
    watching: guard.Guard, back_at: str | None
) -> None:
    chosen, asked = watching._settings, list[Request]()
    then = {
        request: lambda: beat(chosen.serves) for request, name in zip(GIVEN, CALLERS, strict=True) if name == back_at
    }
    await looks(watching, asked, then)
    assert [request for request in asked if request in GIVEN] == GIVEN[
        : CALLERS.index(back_at) + 1 if back_at else None
    ]


MUSIC = [operations.MUSIC(name, mohClass=MUSIC_CLASS) for name in CALLERS]
NEW = guard.to_fallback(snapshot("new"))


async def test_callers_hear_music_and_wait_for_a_controller_that_works_on_its_start_but_not_for_ever(
    watching: guard.Guard,
) -> None:
    """A caller whom no controller has taken yet hears nothing, and does not wait."""
    asked = list[Request]()
    with controller(watching._settings, "works") as process:
        await looks(watching, asked, {}, 30)
        acts = [request for request in asked if request in (*GIVEN, *MUSIC, NEW)]
        assert acts == [*MUSIC, NEW]
        beats = [request for request in asked if dict(request.query).get("variable") == "HATIF_BEAT"]
        assert len(beats) > 20, "Asterisk's last line would give them away"
        await looks(watching, asked, {}, 20)
        assert [request for request in asked if request in GIVEN] == GIVEN
        assert process.poll() is None, "it would only start again"


async def test_a_controller_that_is_stopped_is_killed_before_its_callers_are_given_away(watching: guard.Guard) -> None:
    asked = list[Request]()
    with controller(watching._settings) as process:
        process.send_signal(signal.SIGSTOP)
        await asyncio.to_thread(os.waitpid, process.pid, os.WUNTRACED)
        await looks(watching, asked, {}, 4)
        assert await asyncio.to_thread(process.wait, 10) == -9
        assert [request for request in asked if request in (*GIVEN, *MUSIC)] == MUSIC


async def test_heartbeats_that_cannot_be_written_make_no_controller_absent(
    watching: guard.Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a disk that is read-only."""
    asked = list[Request]()
    monkeypatch.setattr(heartbeat, "beat", lambda _: None)
    await looks(watching, asked, {})
    assert asked == []
