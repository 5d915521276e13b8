"""Two calls a second for a long time, with a fault every 30 s, and whether everything is at the end as at the start."""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.beside import beside
from bench.callers import Call
from bench.faults import judge
from bench.faults.callers import NUMBERS_A_ROUND, Cast, number_of, pass_time
from bench.faults.fault import Fault, Scene
from bench.faults.figures import Figures, compare, read_figures, read_memory
from bench.faults.judge import Facts, Part, Spell, Verdict
from bench.faults.round import RoundError, Rounds, watch_asterisk
from bench.faults.rows import read_rows, until_delivered
from bench.floor import left
from bench.floor.line import Line
from bench.floor.phones import Leg

CALLS_A_SECOND = 2.0
FAULT_EVERY_S = 30.0
WARM_UP_S = 180.0  # calls before the first figures: what is loaded on first use is loaded then, and caches are filled
MEMORY_EVERY_S = 120.0
SENDS = 0.5  # the share of messages that are sent with a key; of the others, the callers hang up
OVER_S = 60.0  # the longest call
ROUND = 500  # of the callers' numbers
NUMBERS = 100 * NUMBERS_A_ROUND

SHARES = {Part.NEW: 50, Part.TALKING: 25, Part.GUIDE: 15, Part.MESSAGE: 10}
LANGUAGE = {Part.NEW: "fr", Part.TALKING: "fr", Part.GUIDE: "ar", Part.MESSAGE: "ar"}


@dataclass(frozen=True, slots=True)
class Brought:
    """A fault that came, at POSIX seconds."""

    fault: Fault
    at: float


@dataclass(slots=True)
class Soaked:
    """What came of it."""

    minutes: float
    faults: list[str]
    memory: list[dict[str, Any]]  # of each process, in MiB, every now and then
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
                send = draw.random() < SENDS
                await self._leave_message(facts, call, draw.uniform(4.0, 8.0), send=send)
                await self._listen(call, draw.uniform(1.0, 8.0) if send else 0.0)
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
    brought: list[Brought] = []
    memory: list[dict[str, Any]] = []
    try:
        await rounds.all_ready()
        async with beside(watch_asterisk(rounds.line, cast)):
            async with beside(_come(cast)):
                rounds.progress(f"{WARM_UP_S:g} s of calls without a fault")
                await asyncio.sleep(WARM_UP_S)
            await _over(cast, rounds)
            before = await read_figures(rounds.line, rounds.control, rounds.database)
            began = time.time()
            async with beside(_come(cast), _note_memory(rounds.line, began, memory)):
                try:
                    await _bring(faults, scene, brought, draw, minutes, every_s, rounds.progress, cast)
                except asyncio.CancelledError:  # by a signal: what was measured until then is worth printing
                    if (task := asyncio.current_task()) is not None:
                        task.uncancel()
                    minutes = round((time.time() - began) / 60, 1)
                await asyncio.sleep(every_s)
            over = time.time()
            rounds.progress("everybody finishes")
            found = await _over(cast, rounds)
        behind = await until_delivered(rounds.line)
        after = await read_figures(rounds.line, rounds.control, rounds.database)
        rows = await read_rows(rounds.line, number_of(ROUND, 0), number_of(ROUND, NUMBERS - 1))
    finally:
        await cast.stop()
        cast.close()
    verdict = judge.judge(list(cast.facts.values()), rows, Spell(began, over))
    verdict.served_s = 0.0  # every 30 s another fault begins
    for sentences in (
        verdict.lost, verdict.broken, verdict.missing, verdict.doubled, verdict.wrong, verdict.unkept, verdict.refused
    ):  # fmt: skip
        sentences[:] = name_faults(sentences, cast.facts, brought)
    behind_us = {name: lines for name, lines in found.items() if lines}
    soaked = Soaked(minutes, [one.fault.name for one in brought], memory, verdict, before, after, behind_us)
    soaked.notes = [*scene.notes, *([behind] if behind else []), *cast.errors]
    soaked.missed = [
        *judge.misses(verdict, silence_s=None, refuses=True),
        *(f"{number} could not leave a message" for number in refused_without_reason(cast.facts.values(), brought)),
        *(f"{name}: {left.abbreviate(lines, 4)}" for name, lines in soaked.left.items()),
        *compare(before, after),
        *scene.failed,
    ]
    return soaked


def name_faults(sentences: list[str], calls: Mapping[str, Facts], brought: Sequence[Brought]) -> list[str]:
    """Return the sentences, which begin with a caller's number, with the fault during or before their calls."""
    found = []
    for sentence in sentences:
        call = calls[sentence.split(" ", 1)[0]]
        began, ended = call.dialled, call.ended or call.dialled
        near = [one for one in brought if one.at <= ended and one.at + FAULT_EVERY_S >= began]
        faults = ", ".join(f"{one.fault.name} {one.at - began:+.0f} s" for one in near) or "no fault"
        found.append(f"{sentence} ({faults} from the call, which took {ended - began:.0f} s)")
    return found


def refused_without_reason(calls: Iterable[Facts], brought: Sequence[Brought]) -> list[str]:
    """Return callers who heard that their message could not be recorded although files could be written."""
    return [
        call.number
        for call in calls
        if call.refused
        and not any(
            one.fault.refuses and one.at <= (call.ended or call.dialled) and one.at + FAULT_EVERY_S >= call.dialled
            for one in brought
        )
    ]


async def _note_memory(line: Line, began: float, memory: list[dict[str, Any]]) -> None:
    while True:
        memory.append({"minutes": round((time.time() - began) / 60, 1), "memory": read_memory(line)})
        await asyncio.sleep(MEMORY_EVERY_S)


async def _come(cast: Callers) -> None:
    while True:
        cast.come()
        await asyncio.sleep(1 / CALLS_A_SECOND)


async def _bring(
    faults: list[Fault],
    scene: Scene,
    brought: list[Brought],
    draw: random.Random,
    minutes: float,
    every_s: float,
    progress: Callable[[str], None],
    cast: Callers,
) -> None:
    began = time.monotonic()
    while (at := time.monotonic() - began) < minutes * 60:
        fault = draw.choice(faults)
        brought.append(Brought(fault, time.time()))
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
