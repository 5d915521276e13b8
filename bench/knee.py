"""Where more calls a second make callers wait: the calls of `bench.menu`, faster and faster, through a bare controller
and through Hatif.

`python -m bench.knee` prints a table as Markdown, with the memory of Asterisk after each block; `--help` lists the
options.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import psutil
import typer

from bench import asterisk, blocks, hatif, machine
from bench.figures import percentile
from bench.load import Measured, MenuBlock
from bench.menu import bare_controller

SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Row:
    """One block: `cpu_s` is the processor time of each process, `memory` Asterisk's after it, in bytes."""

    rate: float
    way: str
    measured: Measured
    cpu_s: dict[str, float]
    memory: int


async def measure(home: Path, offset: int, rates: Sequence[float], seconds: float) -> AsyncIterator[Row]:
    """Yield a row for each rate and each way. Raises UpError, BlockError."""
    async with hatif.up(home, offset) as line:
        prompts, pbx = line.prompts, line.asterisk
        await pbx.extend(prompts, 5070 + offset, ["bench-1"])
        bare = MenuBlock(
            number="bare",
            address=asterisk.CALLERS,
            server=pbx.sip,
            first=prompts.first_files,
            following=prompts.following_files,
            calls=blocks.WARM_UP,
            rate=rates[0],
            listens=1.0,
        )
        own = replace(bare, number=line.number, address=line.callers, key=line.menu_key)
        async with bare_controller(pbx, prompts, ["bench-1"]) as controller:
            ways = (("bare", bare, {"controller": controller}), ("Hatif", own, line.processes))
            for _, block, _ in ways:
                await blocks.run("menu", block)
            for rate in rates:
                for way, block, processes in ways:
                    timed = {"asterisk": pbx.pid, **processes}
                    before = blocks.cpu_s(timed)
                    measured = await blocks.run("menu", replace(block, rate=rate, calls=round(rate * seconds)))
                    cpu_s = {name: spent - before[name] for name, spent in blocks.cpu_s(timed).items()}
                    yield Row(rate, way, measured, cpu_s, psutil.Process(pbx.pid).memory_info().rss)


def head() -> str:
    """Return the first two lines of the table."""
    titles = ("calls/s", "", "INVITE to 200", "key to sound", "lost", "sent late", "Asterisk", "controller", "memory")
    return f"| {' | '.join(titles)} |\n{'|---' * len(titles)}|"


def line_of(row: Row) -> str:
    """Return a row of the table: ms as p50 / p99, processor time in µs a call, memory in MB."""
    found = row.measured
    calls = len(found.late_ms)
    cells = (
        f"{row.rate:g}",
        row.way,
        *(
            f"{percentile(values, 50) or 0:.2f} / {percentile(values, 99) or 0:.2f}"
            for values in (found.answer_ms, found.key_ms)
        ),
        str(sum(found.lost.values())),
        f"{percentile(found.late_ms, 99) or 0:.1f}",
        *(f"{1e6 * row.cpu_s[name] / max(1, calls):.0f}" for name in ("asterisk", "controller")),
        f"{row.memory / 2**20:.0f}",
    )
    return f"| {' | '.join(cells)} |"


def main(
    rates: Annotated[str, typer.Option(help="Calls a second, one block after the other.")] = "40,100,130,160",
    seconds: Annotated[float, typer.Option(min=1, help="Length of each block.")] = SECONDS,
    offset: Annotated[int, typer.Option(help="Added to every port (HATIF_PORT_OFFSET).")] = 40_000,
) -> None:
    """Print how long callers wait at each rate, through a bare controller and through Hatif."""
    about = machine.description()

    async def run() -> None:
        with tempfile.TemporaryDirectory(prefix="hatif-bench-") as home:
            async for row in measure(Path(home), offset, [float(rate) for rate in rates.split(",")], seconds):
                print(line_of(row), flush=True)

    print(f"{about['cpu']}, {about['cores']} cores, Python {about['python']}; blocks of {seconds:g} s\n\n{head()}")
    try:
        asyncio.run(run())
    except (hatif.UpError, blocks.BlockError) as error:
        print(f"bench.knee: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    typer.run(main)
