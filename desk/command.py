"""`hatif` as a program beside the desk: what it computes would keep all pages waiting."""

import asyncio
import contextlib
import os
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from desk.settings import DeskSettings

LARGEST = 2 * 2**30
"""Bytes of memory that it may use."""

LONGEST_S = 60.0
"""Seconds that one takes at most, unless its caller says otherwise."""

_ANSWER = 2**24
_KEPT = "line.json"


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended. `sentence`: the reason, if it refused something."""

    status: int
    output: bytes
    errors: str

    @property
    def sentence(self) -> str:
        return self.errors.strip().removeprefix("hatif: ") if self.status == 1 else ""


async def run_hatif(
    settings: DeskSettings,
    *arguments: str,
    line: Callable[[str], bool] = lambda text: False,
    longest_s: float = LONGEST_S,
) -> Answer:
    """Run a command of the desk's own line at a low priority; it is killed if this is cancelled.

    Raises TimeoutError after `longest_s`. `line` gets each line of standard error, and returns whether it needs no
    further attention.
    """
    pipe = asyncio.subprocess.PIPE
    program = str(Path(sys.executable).with_name("hatif"))
    process = await asyncio.create_subprocess_exec(
        program, *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe,
        env=_environment(settings), limit=_ANSWER,
    )  # fmt: skip
    try:
        with contextlib.suppress(ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, process.pid, 15)
            resource.prlimit(process.pid, resource.RLIMIT_AS, (LARGEST, LARGEST))
        assert process.stdout is not None and process.stderr is not None
        async with asyncio.timeout(longest_s):
            output, errors = await asyncio.gather(process.stdout.read(), _follow(process.stderr, line))
            await process.wait()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return Answer(process.returncode or 0, output, errors)


async def _follow(lines: asyncio.StreamReader, line: Callable[[str], bool]) -> str:
    said = ""
    async for raw in lines:
        text = raw.decode(errors="replace")
        if not line(text):
            said += text
    return said


def _environment(settings: DeskSettings) -> dict[str, str]:
    chosen = {"HATIF_HOME": settings.home, "HATIF_SITE": settings.site_folder}
    known = {name: str(folder) for name, folder in chosen.items() if folder is not None}
    plain = {"NO_COLOR": "1", "COLUMNS": "1000"}
    if settings.home is not None and (settings.home / _KEPT).exists():
        # A line was set up with settings of its own, and refuses any others (`ivr/home/line_settings.py`).
        return {**os.environ, "HATIF_HOME": known["HATIF_HOME"], **plain}
    return {**os.environ, **known, **plain, "HATIF_DATABASE": settings.database_url}
