"""What Asterisk keeps of its memory: after calls, after floods of equal size, and after it is told to give back what is
free.

A flood is INVITEs on loopback whose answers nobody confirms: as many calls at once as there are ports for their sound.
`python -m bench.memory` prints a table as Markdown; `--help` lists the options.
"""

import asyncio
import re
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import psutil
import typer

from asterisk_conf import instance
from bench import blocks, hatif, machine
from bench.callers import Callers
from bench.load import MenuBlock

COLUMNS = ("Rss", "Anonymous", "LazyFree", "Swap")
"""Of `smaps_rollup`."""

_FREE_S = 120.0
_QUIET_S = 2.0  # until threads that are not needed any more have ended


async def measure(home: Path, offset: int, calls: int, rate: float, flood: int, floods: int) -> AsyncIterator[str]:
    """Yield the rows of the table. Raises UpError, BlockError, TimeoutError."""
    async with hatif.up(home, offset) as line:
        pbx = line.asterisk
        menu = MenuBlock(
            number=line.number,
            address=line.callers,
            server=pbx.sip,
            first=line.prompts.first_files,
            following=line.prompts.following_files,
            calls=calls,
            rate=rate,
            listens=1.0,
            key=line.menu_key,
        )
        yield _row("started", pbx.pid)
        for number in (1, 2):
            measured = await blocks.run("menu", menu)
            await _all_gone(pbx.pid, pbx.etc)
            yield _row(f"{number * calls} calls, {sum(measured.lost.values())} lost", pbx.pid)
        for number in range(1, floods + 1):
            at_once = await _flood(line, flood)
            await _all_gone(pbx.pid, pbx.etc)
            yield _row(f"flood {number}, {at_once} calls at once", pbx.pid)
        _console(pbx.pid, pbx.etc, "malloc trim")
        yield _row("malloc trim", pbx.pid)
        await _flood(line, flood)
        await _all_gone(pbx.pid, pbx.etc)
        yield _row(f"flood {floods + 1}", pbx.pid)


async def _flood(line: hatif.Line, calls: int, rate: float = 150.0) -> int:
    """Send INVITEs and confirm no answer. Return how many calls Asterisk had at once."""
    callers = Callers(line.callers, line.asterisk.sip, frozenset(), frozenset())
    try:
        for _ in range(calls):
            callers.invite(line.number, "+33612345678")
            await asyncio.sleep(1 / rate)
        return _channels(line.asterisk.pid, line.asterisk.etc)
    finally:
        callers.close()


async def _all_gone(pid: int, etc: Path) -> None:
    """Wait until Asterisk has no calls. TimeoutError if it keeps some."""
    until = asyncio.get_running_loop().time() + _FREE_S
    while left := _channels(pid, etc):
        if asyncio.get_running_loop().time() > until:
            raise TimeoutError(f"after {_FREE_S:g} s Asterisk still has {left} channels")
        await asyncio.sleep(1.0)
    await asyncio.sleep(_QUIET_S)


def _channels(pid: int, etc: Path) -> int:
    found = re.search(r"^(\d+) active channel", _console(pid, etc, "core show channels count"), re.MULTILINE)
    return int(found[1]) if found is not None else 0


def _console(pid: int, etc: Path, command: str) -> str:
    """Return what a command of Asterisk's console prints."""
    program = psutil.Process(pid).cmdline()
    words = [*program[: program.index("-f")], "-C", str(etc / "asterisk.conf"), "-rx", command]
    return subprocess.run(words, env=instance.environment(), capture_output=True, text=True, check=True).stdout


def _row(after: str, pid: int) -> str:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    sizes = {name: int(size) / 1024 for name, size in re.findall(r"^(\w+): +(\d+) kB$", rollup, re.MULTILINE)}
    cells = (after, *(f"{sizes[name]:.0f}" for name in COLUMNS), str(psutil.Process(pid).num_threads()))
    return f"| {' | '.join(cells)} |"


def main(
    calls: Annotated[int, typer.Option(min=1, help="Calls of one menu, twice before the floods.")] = 1000,
    rate: Annotated[float, typer.Option(min=0.1, help="Calls a second.")] = 40,
    flood: Annotated[int, typer.Option(min=1, max=480, help="Calls of a flood.")] = 450,
    floods: Annotated[int, typer.Option(min=1, help="Floods of that size, one after the other.")] = 4,
    offset: Annotated[int, typer.Option(help="Added to every port (HATIF_PORT_OFFSET).")] = 40_000,
) -> None:
    """Print Asterisk's memory, in MB, after calls and after floods of equal size."""
    about = machine.description()

    async def run() -> None:
        with tempfile.TemporaryDirectory(prefix="hatif-bench-") as home:
            async for row in measure(Path(home), offset, calls, rate, flood, floods):
                print(row, flush=True)

    print(f"{about['cpu']}, {about['cores']} cores; MB\n\n| after | {' | '.join(COLUMNS)} | threads |")
    print("|---" * (len(COLUMNS) + 2) + "|")
    try:
        asyncio.run(run())
    except (hatif.UpError, blocks.BlockError, TimeoutError) as error:
        print(f"bench.memory: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    typer.run(main)
