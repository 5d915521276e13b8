"""Two calls a second for a long time, with a fault every 30 s, and whether everything is at the end as at the start."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import aiohttp
import psutil

from bench.beside import beside
from bench.callers import Call
from bench.faults import judge
from bench.faults.callers import NUMBERS_A_ROUND, Cast, number_of, pass_time
from bench.faults.fault import Fault, Scene
from bench.faults.judge import Facts, Part, Spell, Verdict
from bench.faults.round import RoundError, Rounds, watch_asterisk
from bench.faults.rows import read_rows, until_delivered
from bench.floor import left
from bench.floor.control import Control
from bench.floor.line import Line
from bench.floor.phones import Leg
from ivr.process.process import processes

CALLS_A_SECOND = 2.0
FAULT_EVERY_S = 30.0
WARM_UP_S = 60.0  # calls before the first figures: what is loaded on first use is loaded then
OVER_S = 60.0  # the longest call
MEMORY = 1.10
ROUND = 500  # of the callers' numbers
NUMBERS = 100 * NUMBERS_A_ROUND

SHARES = {Part.NEW: 50, Part.TALKING: 25, Part.GUIDE: 15, Part.MESSAGE: 10}
LANGUAGE = {Part.NEW: "fr", Part.TALKING: "fr", Part.GUIDE: "ar", Part.MESSAGE: "ar"}


@dataclass(frozen=True, slots=True)
class Figures:
    """What is there while nobody calls. By process: resident memory in MiB, open descriptors."""

    channels: int
    bridges: int
    tasks: int
    memory: Mapping[str, float]
    descriptors: Mapping[str, int]


@dataclass(slots=True)
class Soaked:
    """What came of it."""

    minutes: float
    faults: list[str]
    verdict: Verdict
    before: Figures
    after: Figures
    left: dict[str, list[str]]
    notes: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def as_data(self) -> dict[str, Any]:
        return asdict(self)


class Callers(Cast):
    """Callers who come, do one thing, and go."""

    def __init__(self, *given: Any, draw: random.Random) -> None:
        super().__init__(*given)
        self._draw = draw

    def come(self) -> None:
        (part,) = self._draw.choices(list(SHARES), list(SHARES.values()))
        self.start(part, LANGUAGE[part])

    async def _play(self, facts: Facts, call: Call, language: str) -> None:
        if facts.part is Part.NEW:
            await super()._play(facts, call, language)
            return
        await self._greet(call, language)
        draw = self._draw
        match facts.part:
            case Part.GUIDE:
                await self._press_in_turn(call, "21")
                await self._listen(call, draw.uniform(4.0, 15.0))
            case Part.MESSAGE:
                await self._leave_message(facts, call, draw.uniform(4.0, 8.0))
                await self._listen(call, draw.uniform(1.0, 8.0))
            case _:
                await self.press(call, "0")
                await self._listen(call, draw.uniform(10.0, 40.0))
        await self._leaves(facts)

    async def _converse(self, leg: Leg) -> None:
        """Talk for some seconds; half of the operators hang up, the others wait for their callers to."""
        await pass_time(leg, self._draw.uniform(3.0, 9.0))
        if self._draw.random() < 0.5:
            self._fleet.hang_up(leg)


async def soak(rounds: Rounds, faults: list[Fault], minutes: float, every_s: float = FAULT_EVERY_S) -> Soaked:
    """Have calls come for so long, with one of `faults` every `every_s`. Raises RoundError."""
    draw = random.Random(rounds.draw.random())
    cast = Callers(rounds.line.server, rounds.fleet, rounds.control, ROUND, rounds.known, draw=draw)
    scene = Scene(rounds.line, rounds.database, rounds.control, draw)
    brought: list[str] = []
    try:
        await rounds.all_ready()
        async with beside(watch_asterisk(rounds.line, cast)):
            async with beside(_come(cast)):
                rounds.progress(f"{WARM_UP_S:g} s of calls without a fault")
                await asyncio.sleep(WARM_UP_S)
            await _over(cast, rounds)
            before = await read_figures(rounds.line, rounds.control)
            began = time.time()
            async with beside(_come(cast)):
                await _bring(faults, scene, brought, draw, minutes, every_s, rounds.progress, cast)
                await asyncio.sleep(every_s)
            over = time.time()
            rounds.progress("everybody finishes")
            found = await _over(cast, rounds)
        behind = await until_delivered(rounds.line)
        after = await read_figures(rounds.line, rounds.control)
        rows = await read_rows(rounds.line, number_of(ROUND, 0), number_of(ROUND, NUMBERS - 1))
    finally:
        await cast.stop()
        cast.close()
    verdict = judge.judge(list(cast.facts.values()), rows, Spell(began, over))
    verdict.served_s = 0.0  # every 30 s another fault begins
    soaked = Soaked(minutes, brought, verdict, before, after, {name: lines for name, lines in found.items() if lines})
    soaked.notes = [*scene.notes, *([behind] if behind else []), *cast.errors]
    soaked.missed = [
        *judge.misses(verdict, silence_s=None),
        *(f"{name}: {left.abbreviate(lines, 4)}" for name, lines in soaked.left.items()),
        *compare(before, after),
        *scene.failed,
    ]
    return soaked


def compare(before: Figures, after: Figures) -> list[str]:
    """Return what is not as at the start."""
    found = [
        f"{there} {name}, and {was} before"
        for name, was, there in (
            ("channels", before.channels, after.channels),
            ("bridges", before.bridges, after.bridges),
            ("tasks", before.tasks, after.tasks),
        )
        if there > was
    ]
    found += [
        f"{name} has {after.descriptors.get(name, 0)} descriptors, and {was} before"
        for name, was in before.descriptors.items()
        if after.descriptors.get(name, 0) > was
    ]
    found += [
        f"{name} has {after.memory.get(name, 0):.0f} MiB, and {was:.0f} before"
        for name, was in before.memory.items()
        if after.memory.get(name, 0) > MEMORY * was
    ]
    return found + [f"{name} does not run" for name in before.memory if name not in after.memory]


async def read_figures(line: Line, control: Control) -> Figures:
    """Return what is there now."""
    try:
        channels, bridges = len(await control.ari("/channels")), len(await control.ari("/bridges"))
    except (aiohttp.ClientError, TimeoutError) as error:
        raise RoundError(f"Asterisk does not answer: {error!r}") from error
    memory: dict[str, float] = {}
    descriptors: dict[str, int] = {}
    for name, info in processes(line.home / "run").items():
        if info.alive:
            process = psutil.Process(info.pid)
            memory[name] = round(process.memory_info().rss / 2**20, 1)
            descriptors[name] = process.num_fds()
    return Figures(channels, bridges, await left.idle_tasks(control) or 0, memory, descriptors)


async def _come(cast: Callers) -> None:
    while True:
        cast.come()
        await asyncio.sleep(1 / CALLS_A_SECOND)


async def _bring(
    faults: list[Fault],
    scene: Scene,
    brought: list[str],
    draw: random.Random,
    minutes: float,
    every_s: float,
    progress: Callable[[str], None],
    cast: Callers,
) -> None:
    began = time.monotonic()
    while (at := time.monotonic() - began) < minutes * 60:
        fault = draw.choice(faults)
        brought.append(fault.name)
        progress(f"{at / 60:4.1f} min, {len(cast.facts)} calls, {len(cast.up)} up: {fault.name}")
        async with fault.comes(scene):
            await asyncio.sleep(fault.hold_s)
        await asyncio.sleep(max(0.0, every_s - (time.monotonic() - began - at)))


async def _over(cast: Callers, rounds: Rounds) -> dict[str, list[str]]:
    """Wait until all calls are over; return what is left behind."""
    await cast.until_over(OVER_S)
    try:
        await rounds.all_ready()
    except RoundError as error:
        return {"operators": [str(error)]}
    found, _ = await left.until_nothing(rounds.line, rounds.control, rounds.tasks_before, rounds.line.team.everybody)
    return found
