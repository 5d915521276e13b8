"""Running a supervisor in the test, or `up.py` as a process of its own."""

import asyncio
import os
import resource
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import psutil

from ivr.process.supervisor import ProcessSpec, Supervisor, processes

UP = Path(__file__).with_name("up.py")
ROOT = Path(__file__).parents[2]
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
def up(home: Path, *words: str, stderr: int | None = None, full: bool = False) -> Iterator[subprocess.Popen[str]]:
    """Run a supervisor in a process of its own until it is ready. `full`: it can write no byte, as on a full disk."""
    argv = [sys.executable, str(UP), str(home), *words]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with (home / "up.log").open("a") as log:
        popen = subprocess.Popen(
            argv,
            stdout=subprocess.PIPE,
            stderr=stderr or log,
            text=True,
            env=env,
            start_new_session=True,
            preexec_fn=(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))) if full else None,
        )
    with popen:
        assert popen.stdout is not None
        try:
            assert popen.stdout.readline() == "ready\n", (home / "up.log").read_text()
            yield popen
        finally:
            popen.terminate()


def pid_of(home: Path, name: str) -> int:
    return processes(home / "run")[name].pid
