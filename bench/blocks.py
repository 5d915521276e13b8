"""Blocks of calls, interleaved between the ways of answering, and the sums of their times and processor time."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

import orjson
import psutil
from rich.progress import Progress

from bench.load import Measured, MenuBlock, RingBlock

WARM_UP = 20  # calls before the first round, not counted


@dataclass(slots=True)
class Way:
    """One way of answering: its blocks, the processes whose time counts, and the measured results."""

    name: str  # dialplan, bare or hatif
    menu: MenuBlock  # its `calls` and `rings` are the totals of all rounds
    ring: RingBlock
    processes: dict[str, int]  # name to pid; "asterisk", and "controller" where there is one
    menus: Measured = field(default_factory=Measured)
    rings: Measured = field(default_factory=Measured)
    cpu: dict[str, float] = field(default_factory=dict)  # s, during the menu blocks
    beside: int | None = None  # a group of processes that runs during its blocks only


async def measure(ways: Sequence[Way], rounds: int, progress: Progress) -> None:
    """Run all blocks of all ways, one at a time; each round begins with another way. Raises BlockError."""
    total = sum(way.menu.calls + way.ring.rings for way in ways)
    task = progress.add_task("measuring", total=total)
    for way in ways:
        progress.update(task, description=f"warming up {way.name}")
        warm = await run("menu", replace(way.menu, calls=WARM_UP))
        if not warm.key_ms:
            reasons = ", ".join(f"{times} × {why}" for why, times in warm.lost.items())
            raise BlockError(f"{way.name} served none of the first {WARM_UP} calls: {reasons}")
    for number in range(rounds):
        for way in _rotate(ways, number):
            progress.update(task, description=f"menu, {way.name}, round {number + 1} of {rounds}")
            calls = _share(way.menu.calls, number, rounds)
            before = cpu_s(way.processes)
            way.menus.add(await _run_beside(way, "menu", replace(way.menu, calls=calls)))
            for name, seconds in cpu_s(way.processes).items():
                way.cpu[name] = way.cpu.get(name, 0.0) + seconds - before[name]
            progress.advance(task, calls)
    for number in range(rounds):
        for way in _rotate(ways, number):
            progress.update(task, description=f"ringing, {way.name}, round {number + 1} of {rounds}")
            rings = _share(way.ring.rings, number, rounds)
            way.rings.add(await _run_beside(way, "ring", replace(way.ring, rings=rings)))
            progress.advance(task, rings)


class BlockError(Exception):
    """A failure of the load generator itself, with its error output."""


async def _run_beside(way: Way, kind: str, block: MenuBlock | RingBlock) -> Measured:
    if way.beside is None:
        return await run(kind, block)
    os.killpg(way.beside, signal.SIGCONT)
    try:
        return await run(kind, block)
    finally:
        os.killpg(way.beside, signal.SIGSTOP)


async def run(kind: str, block: MenuBlock | RingBlock) -> Measured:
    """Run one block in a fresh process of the load generator and return its result."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.load", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        output, errors = await process.communicate(orjson.dumps({"kind": kind, **asdict(block)}))
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        raise BlockError(f"the load generator could not run its block: {errors.decode().strip()[-2000:]}")
    return Measured(**orjson.loads(output))


def cpu_s(processes: dict[str, int]) -> dict[str, float]:
    """Return the processor time (user and system, s) that each process has used since it started."""
    times = {name: psutil.Process(pid).cpu_times() for name, pid in processes.items()}
    return {name: item.user + item.system for name, item in times.items()}


def _rotate(ways: Sequence[Way], by: int) -> list[Way]:
    by %= len(ways)
    return [*ways[by:], *ways[:by]]


def _share(total: int, number: int, rounds: int) -> int:
    return total // rounds + (number < total % rounds)
