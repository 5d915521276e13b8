"""Processes that are killed or stopped."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.faults.fault import ASTERISK, CONTROLLER, Comes, Scene, send
from ivr.process.supervisor import OWN_NAME

STOPPED_S = 20.0
"""How long a process stays stopped (SIGSTOP) that nobody ends."""

SERVICE_MANAGER_S = 2.0
"""How soon systemd would start a killed `hatif up` again; here the bench does."""

BESIDE = ("journal", "guard", "monitor", "desk", "gate", "hear", OWN_NAME)
"""Processes besides the controller and Asterisk, as `hatif status` names them."""

OURS = (OWN_NAME, CONTROLLER, *BESIDE[:-1])


@asynccontextmanager
async def nothing(scene: Scene) -> AsyncIterator[None]:
    yield


def kill(*names: str) -> Comes:
    @asynccontextmanager
    async def comes(scene: Scene) -> AsyncIterator[None]:
        for name in names:
            send(scene, name, signal.SIGKILL)
        yield
        if OWN_NAME in names:
            await asyncio.sleep(SERVICE_MANAGER_S)
            await scene.line.running.start_again()

    return comes


def stop(*names: str) -> Comes:
    """Stop processes. Those that nobody ends within `STOPPED_S` go on then."""

    @asynccontextmanager
    async def comes(scene: Scene) -> AsyncIterator[None]:
        stopped = {name: pid for name in names if (pid := send(scene, name, signal.SIGSTOP)) is not None}
        try:
            yield
            loop = asyncio.get_running_loop()
            until = loop.time() + STOPPED_S
            while (  # noqa: ASYNC110 - others end them
                loop.time() < until and any(scene.pid(name) == pid for name, pid in stopped.items())
            ):
                await asyncio.sleep(0.2)
        finally:
            for name, pid in stopped.items():
                if scene.pid(name) == pid:
                    scene.notes.append(f"nobody ended {name}: it went on after {STOPPED_S:g} s")
                    send(scene, name, signal.SIGCONT)

    return comes


@asynccontextmanager
async def asterisk_stopped(scene: Scene) -> AsyncIterator[None]:
    pid = send(scene, ASTERISK, signal.SIGSTOP)
    try:
        yield
    finally:
        if pid is not None and scene.pid(ASTERISK) == pid:
            send(scene, ASTERISK, signal.SIGCONT)
        else:
            scene.notes.append("Asterisk was ended meanwhile")
