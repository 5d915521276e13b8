"""What a call costs, by part: processor time of the controller, the guard and the journal's process, sampled.

A Hatif of its own answers calls of one menu, as in `bench.menu`. `python -m bench.cost` prints the table as Markdown;
`--help` lists the options.
"""

import asyncio
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from bench import blocks, hatif, machine, sampler
from bench.load import MenuBlock

PROCESSES = ("controller", "guard", "journal")
SMALL = 0.02  # of a process's time: parts below it are summed
FILES = 3  # named for each part


async def measure(home: Path, samples: Path, offset: int, calls: int, rate: float) -> Iterator[str]:
    """Return the lines of the table. Raises UpError, BlockError."""
    async with hatif.up(home, offset) as line:
        prompts, pids = line.prompts, {name: line.processes[name] for name in PROCESSES}
        block = MenuBlock(
            number=line.number,
            address=line.callers,
            server=line.asterisk.sip,
            first=prompts.first_files,
            following=prompts.following_files,
            calls=calls,
            rate=rate,
            listens=1.0,
            key=line.menu_key,
        )
        await blocks.run("menu", replace(block, calls=blocks.WARM_UP))
        timed = {**pids, "asterisk": line.asterisk.pid}
        offsets = {name: (samples / str(pid)).stat().st_size for name, pid in pids.items()}
        before = blocks.cpu_s(timed)
        measured = await blocks.run("menu", block)
        after = blocks.cpu_s(timed)
        if measured.lost:
            print(f"bench.cost: lost calls: {measured.lost}", file=sys.stderr)
        micros = {name: (after[name] - before[name]) / calls * 1e6 for name in timed}
        return table(micros, {name: list(sampler.read(samples, pid, offsets[name])) for name, pid in pids.items()})


def table(micros: Mapping[str, float], samples: Mapping[str, Sequence[tuple[str, int]]]) -> Iterator[str]:
    """Yield Markdown: each process's time a call (µs), divided among its parts as its samples are.

    A part is a folder of ours, with its most expensive files, or a library that the event loop calls. Shares are of
    Asterisk's time for the same calls, which can be compared between runs on a machine that is busy now and then.
    """
    yield "| process | part | µs a call | of Asterisk's | mostly in |"
    yield "|---|---|---|---|---|"
    for name, total in micros.items():
        yield f"| **{name}** | | **{total:.0f}** | **{total / micros['asterisk']:.1%}** | |"
        files = Counter[str]()
        for place, spent in samples.get(name, ()):
            files[place] += spent
        each = total / max(1, files.total())
        parts = Counter[str]()
        for place, spent in files.items():
            parts[_part(place)] += spent
        for part, spent in parts.most_common():
            if spent >= SMALL * files.total():
                mostly = [place for place, _ in files.most_common() if _part(place) == part != place][:FILES]
                names = ", ".join(f"{PurePosixPath(place).name} {files[place] * each:.0f}" for place in mostly)
                yield f"| | {part} | {spent * each:.0f} | {spent * each / micros['asterisk']:.1%} | {names} |"
        if rest := sum(spent for spent in parts.values() if spent < SMALL * files.total()):
            yield f"| | the rest | {rest * each:.0f} | {rest * each / micros['asterisk']:.1%} | |"


def _part(place: str) -> str:
    """Return a file's folder; a library is its own part."""
    return str(PurePosixPath(place).parent) if place.endswith(".py") and "/" in place else place


@contextmanager
def sampled() -> Iterator[Path]:
    """Have the processes that are started meanwhile sample themselves into the folder that is yielded."""
    with tempfile.TemporaryDirectory(prefix="hatif-cost-") as folder:
        (Path(folder) / "sitecustomize.py").write_text("from bench import sampler\n\nsampler.start()\n")
        before = dict(os.environ)
        os.environ |= {sampler.FOLDER: folder, "PYTHONPATH": f"{folder}{os.pathsep}{hatif.CHECKOUT}"}
        try:
            yield Path(folder)
        finally:
            os.environ.clear()
            os.environ |= before


def main(
    calls: Annotated[int, typer.Option(min=1, help="Calls that are measured.")] = 2000,
    rate: Annotated[float, typer.Option(min=0.1, help="Calls a second.")] = 40,
    offset: Annotated[int, typer.Option(help="Added to every port (HATIF_PORT_OFFSET).")] = 40_000,
) -> None:
    """Print what a call of one menu costs, by part, in microseconds of processor time."""
    about = machine.description()
    try:
        with tempfile.TemporaryDirectory(prefix="hatif-bench-") as home, sampled() as samples:
            lines = asyncio.run(measure(Path(home), samples, offset, calls, rate))
    except (hatif.UpError, blocks.BlockError) as error:
        print(f"bench.cost: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    print(f"{about['cpu']}, {about['cores']} cores, Python {about['python']}; {calls} calls, {rate:g} a second\n")
    print("\n".join(lines))


if __name__ == "__main__":
    typer.run(main)
