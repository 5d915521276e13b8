"""A disk that is full or read-only, exhausted descriptors, files that are damaged or gone, a clock that is set."""

import asyncio
import os
import resource
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from bench.faults import clock, disk, processes
from bench.faults.fault import ASTERISK, CONTROLLER, Comes, Scene, send
from db.records import files


@asynccontextmanager
async def home_full(scene: Scene) -> AsyncIterator[None]:
    await asyncio.to_thread(disk.fill, scene.line.home)
    try:
        yield
    finally:
        disk.empty(scene.line.home)


@asynccontextmanager
async def home_full_kill(scene: Scene) -> AsyncIterator[None]:
    async with home_full(scene):
        send(scene, CONTROLLER, signal.SIGKILL)
        yield


@asynccontextmanager
async def home_full_stop(scene: Scene) -> AsyncIterator[None]:
    """Have the guard work on the full disk as well."""
    async with home_full(scene), processes.stop(CONTROLLER)(scene):
        yield


@asynccontextmanager
async def home_read_only(scene: Scene) -> AsyncIterator[None]:
    disk.make_read_only(scene.line.home)
    try:
        yield
    finally:
        disk.unmount(scene.line.home)


@asynccontextmanager
async def descriptors(scene: Scene) -> AsyncIterator[None]:
    pid = scene.pid(CONTROLLER)
    assert pid is not None, "the controller runs before each fault"
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used, before[1]))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


@asynccontextmanager
async def journal_cut(scene: Scene) -> AsyncIterator[None]:
    """Cut the last record in two, as a machine that loses power does."""
    stopped = send(scene, "journal", signal.SIGSTOP)  # else it has delivered the record
    try:
        yield
        send(scene, CONTROLLER, signal.SIGKILL)
        path = files(scene.line.home / "journal")[-1].path
        os.truncate(path, path.stat().st_size - 20)
        scene.notes.append(f"{path.name} lost its last 20 bytes")
    finally:
        if stopped is not None:
            send(scene, "journal", signal.SIGCONT)


@asynccontextmanager
async def journal_garbled(scene: Scene) -> AsyncIterator[None]:
    stopped = send(scene, "journal", signal.SIGSTOP)
    path = files(scene.line.home / "journal")[-1].path
    delivered = path.stat().st_size
    try:
        yield
        middle = (delivered + path.stat().st_size) // 2
        with path.open("r+b") as file:
            file.seek(middle)
            file.write(bytes(scene.draw.randrange(256) for _ in range(16)))
        scene.notes.append(f"16 bytes of {path.name} were overwritten at {middle}")
    finally:
        if stopped is not None:
            send(scene, "journal", signal.SIGCONT)


@asynccontextmanager
async def astdb_gone(scene: Scene) -> AsyncIterator[None]:
    for path in (scene.line.home / "asterisk" / "db").glob("astdb*"):
        path.unlink()
    send(scene, ASTERISK, signal.SIGKILL)
    yield


@asynccontextmanager
async def prompts_gone(scene: Scene) -> AsyncIterator[None]:
    sounds = scene.line.home / "sounds"
    gone = sounds.rename(sounds.with_name("sounds-gone"))
    try:
        yield
    finally:
        while True:
            try:
                gone.rename(sounds)
                break
            except OSError:  # the line has begun to make them again, and goes on while they are put back
                again = Path(tempfile.mkdtemp(prefix="sounds-", dir=scene.line.home))
                sounds.rename(again / sounds.name)
                shutil.rmtree(again, ignore_errors=True)


def clock_stepped(seconds: float) -> Comes:
    """Step the line's clock; in the end it is stepped back."""

    @asynccontextmanager
    async def comes(scene: Scene) -> AsyncIterator[None]:
        clock.step(scene.line.home, seconds)
        try:
            yield
        finally:
            clock.step(scene.line.home, 0.0)

    return comes
