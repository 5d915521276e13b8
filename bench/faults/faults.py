"""The faults: how each comes and how it is healed."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field

from bench import hatif
from bench.floor.heard import LONG_S
from bench.floor.line import Line
from ivr.process.process import process_of, processes
from ivr.process.supervisor import OWN_NAME

STOPPED_S = 20.0
"""How long a process stays stopped (SIGSTOP) that nobody ends."""

SERVICE_MANAGER_S = 2.0
"""How soon systemd would start a killed `hatif up` again; here the bench does."""

ONES = ("journal", "guard", "monitor", "desk", "gate", "hear", OWN_NAME)
"""Processes besides the controller and Asterisk, as `hatif status` names them."""


@dataclass(slots=True)
class Scene:
    """Where a fault comes. `notes`: what it has to say in the result."""

    line: Line
    notes: list[str] = field(default_factory=list)

    def pid(self, process: str) -> int | None:
        found = process_of(self.line.home / "run", process)
        return found.pid if found is not None and found.alive else None


Comes = Callable[[Scene], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault. Entering `comes` brings it, leaving heals it, `hold_s` later.

    `silence_s`: the longest silence that is wanted beyond the site's own pauses, None for any; `loses`: whether calls
    must be lost, since Asterisk dies; `recover_s`: the limit for all being well again.
    """

    name: str
    what: str
    comes: Comes
    hold_s: float = 0.0
    silence_s: float | None = LONG_S
    loses: bool = False
    recover_s: float = 60.0
    process: str | None = None  # without which the fault cannot come


def catalogue() -> list[Fault]:
    """Return all faults, in the order in which they come."""
    return [
        Fault("nothing", "nothing happens: what is usual", _nothing, hold_s=5.0),
        Fault("kill-controller", "kill -9 of the controller", _kill(hatif.CONTROLLER), process=hatif.CONTROLLER),
        *(Fault(f"kill-{name}", f"kill -9 of {name}", _kill(name), process=name) for name in ONES),
    ]


@asynccontextmanager
async def _nothing(scene: Scene) -> AsyncIterator[None]:
    yield


def _kill(*names: str) -> Comes:
    @asynccontextmanager
    async def comes(scene: Scene) -> AsyncIterator[None]:
        for name in names:
            send(scene, name, signal.SIGKILL)
        yield
        if OWN_NAME in names:
            await asyncio.sleep(SERVICE_MANAGER_S)
            await scene.line.running.start_again()

    return comes


def send(scene: Scene, name: str, number: signal.Signals) -> int | None:
    """Send a signal to a process of the line, and return its pid; None if it does not run."""
    pid = scene.pid(name)
    if pid is None:
        scene.notes.append(f"{name} did not run")
        return None
    with suppress(ProcessLookupError):
        os.kill(pid, number)
    return pid


def running_names(line: Line) -> set[str]:
    """Return the processes of the line that run."""
    return {name for name, info in processes(line.home / "run").items() if info.alive}
