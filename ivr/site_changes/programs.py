"""Commands of `hatif` in processes of their own, at a low priority: calls come first."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ivr.home.settings import Settings

_NICE = ("nice", "-n", "15")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and what it printed."""

    status: int
    output: str
    errors: str

    @property
    def last_words(self) -> str:
        """The last line of its complaints."""
        lines = [line.strip() for line in self.errors.splitlines() if line.strip()]
        return (lines[-1] if lines else f"exit status {self.status}")[:500]


class ProgramError(Exception):
    """A command that could not be run, or did not end in time; a sentence."""


async def run_hatif(
    settings: Settings, *arguments: str, limit_s: float, environment: Mapping[str, str] | None = None
) -> Ended:
    """Run `hatif ARGUMENTS…` for this line, and wait for its end. Raises ProgramError."""
    command = _command(arguments)
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**_environment(settings), **(environment or {})},
            start_new_session=True,
        )
    except OSError as error:
        raise ProgramError(f"{command[0]} cannot be run ({error.strerror}).") from None
    try:
        async with asyncio.timeout(limit_s):
            output, errors = await process.communicate()
    except TimeoutError:
        raise ProgramError(f"`hatif {' '.join(arguments)}` did not end within {limit_s:g} s.") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return Ended(process.returncode or 0, output.decode(errors="replace"), errors.decode(errors="replace"))


async def run_detached(settings: Settings, out: Path, *arguments: str) -> None:
    """Run `hatif ARGUMENTS…`, which may end this process and goes on without it; `out` gets what it prints.

    Raises ProgramError.
    """
    errors = out.with_suffix(".err")
    with out.open("wb") as printed, errors.open("wb") as complained:
        try:
            # Not the event loop's: it ends its processes as it ends itself.
            process = subprocess.Popen(  # noqa: ASYNC220 - it takes a millisecond
                _command(arguments),
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=complained,
                env=_environment(settings),
                start_new_session=True,
            )
        except OSError as error:
            raise ProgramError(f"hatif cannot be run ({error.strerror}).") from None
    while (status := process.poll()) is None:  # noqa: ASYNC110 - and no thread waits, which would hold up our own end
        await asyncio.sleep(0.1)
    if status:
        said = await asyncio.to_thread(errors.read_text, errors="replace")
        raise ProgramError(Ended(status, "", said).last_words)


def _command(arguments: Sequence[str]) -> list[str]:
    nice = _NICE if shutil.which(_NICE[0]) is not None else ()
    return [*nice, str(Path(sys.executable).with_name("hatif")), *arguments]


def _environment(settings: Settings) -> dict[str, str]:
    ours = {"HATIF_HOME": str(settings.home), "HATIF_SITE": str(settings.site), "NO_COLOR": "1"}
    return {**os.environ, **ours}
