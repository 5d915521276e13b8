"""Running a supervisor in the test, or `up.py` as a process of its own."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import psutil
import warm_up
from forked import Forked

from ivr.process.supervisor import ProcessSpec, Supervisor, processes

UP = Path(__file__).with_name("up.py")
SLEEP = ("sleep", "600")


def sh(script: str) -> tuple[str, ...]:
    return ("sh", "-c", script)


async def until(true: Callable[[], object], limit_s: float = 5.0) -> None:
    async with asyncio.timeout(limit_s):
        while not true():  # noqa: ASYNC110 - a process sets no event of ours
            await asyncio.sleep(0.005)


def until_sync(true: Callable[[], object], limit_s: float = 5.0) -> None:
    end = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < end, "the condition was never met"
        time.sleep(0.005)


def gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


@asynccontextmanager
async def running(home: Path, *specs: ProcessSpec) -> AsyncIterator[Supervisor]:
    """Run a supervisor inside the block; stop it cleanly at the end."""
    supervisor, stop = Supervisor(specs, home / "run", home / "log"), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(supervisor.run(stop))
        try:
            async with asyncio.timeout(10):
                await supervisor.ready.wait()
            yield supervisor
        finally:
            stop.set()


@contextmanager
def up(home: Path, *words: str, stderr: int | None = None, full: bool = False) -> Iterator[Forked]:
    """Run a supervisor in a process of its own until it is ready. `full`: it can write no byte, as on a full disk."""
    argv = [sys.executable, "-c", UP.read_text(), str(home), *(["--full"] if full else []), *words]
    reads, writes = os.pipe()
    with os.fdopen(reads) as told, (home / "up.log").open("a") as log, Path(os.devnull).open() as nothing:
        files = nothing.fileno(), writes, stderr or log.fileno()
        forked = Forked(warm_up.sockets() / "commands", argv, os.environ, files, leads=True)
        os.close(writes)
        try:
            assert told.readline() == "ready\n", (home / "up.log").read_text()
            yield forked
        finally:
            forked.terminate()
            forked.wait()


def pid_of(home: Path, name: str) -> int:
    return processes(home / "run")[name].pid
