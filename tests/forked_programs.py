"""Programs beside a test that do not load their modules: they are forked, as a line's processes are (tests/warm_up.py).

`QuickStarts` is for code that starts `hatif` and `python` by their path, `start` for tests that kill what they start.
"""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import warm_up
from forked import Forked


class QuickStarts:
    """Stands for `sys` in a module that starts programs beside `sys.executable`."""

    @property
    def executable(self) -> str:
        return str(warm_up.sockets() / "bin" / "python")


class Process:
    """What `asyncio.subprocess.Process` has, as far as the tests use it."""

    def __init__(self, forked: Forked, stdout: asyncio.StreamReader | None = None) -> None:
        self._forked, self.stdout = forked, stdout
        self.pid = forked.pid

    @property
    def returncode(self) -> int | None:
        return self._forked.poll()

    def kill(self) -> None:
        self._forked.kill()

    def terminate(self) -> None:
        self._forked.terminate()

    def send_signal(self, number: int) -> None:
        self._forked.send_signal(number)

    async def wait(self) -> int:
        return await asyncio.to_thread(self._forked.wait)

    async def communicate(self) -> tuple[bytes, None]:
        assert self.stdout is not None
        output = await self.stdout.read()
        await self.wait()
        return output, None


async def start(program: str, *arguments: str) -> Any:
    """Run Python code as `python -c` does, with piped standard output."""
    reads, writes = os.pipe()
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        argv = [sys.executable, "-c", program, *arguments]
        forked = Forked(warm_up.sockets() / "commands", argv, os.environ, (nothing, writes, 2))
    finally:
        os.close(writes)
        os.close(nothing)
    stdout = asyncio.StreamReader(limit=2**24)
    protocol = asyncio.StreamReaderProtocol(stdout)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(reads, "rb"))
    return Process(forked, stdout)


def start_hatif(words: Sequence[str], environment: Mapping[str, str], output: int) -> Process:
    """Run `hatif` with its output in a file."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        argv = [warm_up.HATIF, *words]
        return Process(Forked(warm_up.sockets() / "commands", argv, environment, (nothing, output, output)))
    finally:
        os.close(nothing)
