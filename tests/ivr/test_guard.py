"""The guard and a controller that comes back just as its callers are given to the dialplan."""

import asyncio
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
from ivr.asterisk.ari.operations import Request
from ivr.home import settings
from ivr.home.heartbeat import beat
from ivr.process import guard
from ivr.process.process import processes
from ivr.site import site

HOLDS = (
    "import sys, time; from pathlib import Path; from ivr.home import pid_lock; pid_lock.hold(Path(sys.argv[1]), 'ivr')"
)
CALLERS = ("a", "b")
GIVEN = [guard.to_fallback(snapshot(name)) for name in CALLERS]


@pytest.fixture
def watching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> guard.Guard:
    """A guard whose clock goes on by a second with each look; the controller has answered once before."""
    chosen = settings.read({"HATIF_HOME": str(tmp_path), "HATIF_PORT_OFFSET": "19000"})
    for path in (chosen.lives, chosen.serves):
        beat(path)
    seconds = iter(range(1_000))
    monkeypatch.setattr(guard, "time", SimpleNamespace(monotonic=lambda: float(next(seconds))))
    return guard.Guard(chosen, site.load(settings.EXAMPLE))


@contextmanager
def controller(chosen: settings.Settings, then: str = "time.sleep(600)") -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that holds the controller's pid file and then does nothing, or something else."""
    process = subprocess.Popen([sys.executable, "-c", f"{HOLDS}; print(flush=True)\n{then}", chosen.run], stdout=-1)
    try:
        assert process.stdout is not None and process.stdout.readline()
        assert processes(chosen.run)["ivr"].pid == process.pid
        yield process
    finally:
        process.kill()
        process.communicate()


async def looks(watching: guard.Guard, asked: list[Request], then: dict[Request, Any]) -> None:
    """Have the guard look until it has acted; `then`: what happens as Asterisk is asked for something."""

    async def ask(_: object, request: Request) -> list[dict[str, Any]]:
        asked.append(request)
        then.get(request, lambda: None)()
        callers = [msgspec.to_builtins(snapshot(name, "hatif,call,+33800212000")) for name in CALLERS]
        return callers if request == operations.CHANNELS() else []

    cast(Any, watching)._ask = ask
    for _ in range(8):
        await watching._look(cast(Any, None))


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
    with controller(chosen, "while True: pass") as process:
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
