"""One fault, from the calls that are there before it to the account of what became of them."""

import asyncio
import contextlib
import random
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.beside import beside
from bench.faults import clock, judge, processes
from bench.faults.callers import (
    BEFORE_S,
    CAST,
    COLLEAGUES,
    NUMBERS_A_ROUND,
    SERVED_WITHIN_S,
    SURVEY_S,
    Cast,
    number_of,
)
from bench.faults.fault import Fault, Scene, send
from bench.faults.judge import Part, Spell, Verdict
from bench.faults.line import Database
from bench.faults.look import Observer
from bench.faults.rows import read_rows, until_delivered
from bench.floor import left
from bench.floor.control import Control
from bench.floor.line import Line
from bench.floor.phones import Fleet
from ivr.process.process import process_of
from ivr.process.supervisor import OWN_NAME
from routing.states import LOGGED_OUT

LEAD_S = 16.0  # from the first call to the fault
ACTS_S = 9.0  # after the first call the operators put on hold and consult
AFTERWARDS_S = 4.0  # all is well, and calls go on
MENDED_S = 100.0  # the check of the last minute included
READY_S = 40.0  # until the operators are ready for the next fault
FEWEST = 22
STATUS_S = 5.0  # 3 s are wanted of `hatif status`, on a machine that does nothing else
_NEW_EVERY_S = 1.0


class RoundError(Exception):
    """The reason why a fault could not be measured, as a sentence."""


@dataclass(slots=True)
class Result:
    """A fault and what came of it. Times in seconds since it came; None: never."""

    fault: str
    up: dict[str, int]  # calls when it came, by part
    verdict: Verdict
    seen_s: float | None
    seen_as: str
    green_s: float | None
    left: dict[str, list[str]]
    notes: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    status_s: float = 0.0  # the slowest answer of `hatif status`
    late_ms: float = 0.0  # how late the bench itself was, at most

    def as_data(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(slots=True)
class Rounds:
    """All that the faults of one run share."""

    line: Line
    database: Database
    control: Control
    fleet: Fleet
    observer: Observer
    known: Mapping[bytes, str]
    draw: random.Random
    progress: Callable[[str], None]
    usual: frozenset[str] = frozenset()  # checks that are not ok on this line, such as that of a small disk
    tasks_before: int = 0
    count: int = 0

    async def begin(self) -> None:
        """Note what is usual on this line while nobody calls."""
        if not await self.observer.until(lambda: len(self.observer.looks) >= 2, READY_S):
            raise RoundError("`hatif status` does not answer")
        self.usual = frozenset(self.observer.looks[-1].failed)
        self.tasks_before = await left.idle_tasks(self.control) or 0

    async def play(self, fault: Fault) -> Result:
        """Have the fault come. Raises RoundError if the calls before it could not be made."""
        self.count += 1
        await self.all_ready()
        cast = Cast(self.line.server, self.fleet, self.control, self.count, self.known)
        lag = _Lag()
        try:
            async with beside(lag.watch(), watch_asterisk(self.line, cast)):
                result = await self._play(fault, cast, lag)
                if result.missed and (result.left or result.green_s is None):
                    await self._mend(result)
                return result
        finally:
            await cast.stop()
            for leg in self.fleet.legs():
                self.fleet.hang_up(leg)
            cast.close()

    async def _play(self, fault: Fault, cast: Cast, lag: "_Lag") -> Result:
        scene = Scene(self.line, self.database, self.control, self.draw)
        failed = await self._gather(cast)
        up = cast.up_by_part()
        if sum(up.values()) < FEWEST:
            raise RoundError(f"only {up} are up before {fault.name}; {'; '.join([*failed, *cast.errors])}")
        self.progress(f"{fault.name}: {sum(up.values())} calls up, the fault comes")
        struck = time.time()
        usual = self.usual
        async with beside(self._newcomers(cast)):
            try:
                async with fault.comes(scene):
                    cast.struck.set()
                    await asyncio.sleep(fault.hold_s)
            finally:
                healed = time.time()
            green = await self._until_green(fault, cast, healed, usual)
            over, not_green = time.time(), [] if green else self.observer.failing(usual)
            await asyncio.sleep(AFTERWARDS_S)
        self.progress(f"{fault.name}: {'all green' if green else 'not green'}, everybody finishes")
        cast.operators_hang_up(Part.TALKING)
        await cast.finish(SERVED_WITHIN_S + 5.0)
        with contextlib.suppress(RoundError):  # those who are not are found as left behind
            await self.all_ready()
        found, _ = await left.until_nothing(self.line, self.control, self.tasks_before, self.line.team.everybody)
        behind = await until_delivered(self.line)
        rows = await read_rows(self.line, number_of(self.count, 0), number_of(self.count, NUMBERS_A_ROUND - 1))
        if fault.steps:
            rows = [clock.by_the_machine(row, struck) for row in rows]
        spell = Spell(struck, over)
        verdict = judge.judge(list(cast.facts.values()), rows, spell)
        seen = self.observer.seen_s(struck, usual)
        result = Result(
            fault.name,
            up,
            verdict,
            seen[0] if seen else None,
            seen[1] if seen else "",
            round(green - struck, 1) if green is not None else None,
            {name: lines for name, lines in found.items() if lines},
            [*scene.notes, *not_green, *failed, *([behind] if behind else []), *cast.errors],
            status_s=self.observer.slowest_s(struck),
            late_ms=round(lag.longest_ms, 1),
        )
        loses = fault.loses and any(call.cut for call in cast.facts.values())  # Asterisk may have come through
        result.missed = [
            *judge.misses(
                verdict, silence_s=fault.silence_s, loses=loses, damages=fault.damages, refuses=fault.refuses
            ),
            *_missed(result),
            *scene.failed,
        ]
        return result

    async def _gather(self, cast: Cast) -> list[str]:
        """Have the callers call, and their operators act. Return what failed."""
        began = time.monotonic()

        async def at(seconds: float) -> None:
            await asyncio.sleep(max(0.0, began + seconds - time.monotonic()))

        steps = sorted(
            (LEAD_S - BEFORE_S[part] if part in BEFORE_S else 0.2 * place, part, language)
            for place, (part, language) in enumerate(CAST)
        )
        acted, failed = False, []
        for due, part, language in steps:
            if due >= ACTS_S and not acted:
                await at(ACTS_S)
                acted = True
                failed += await cast.operators_act(Part.HELD, "hold", [None] * 8)
                failed += await cast.operators_act(
                    Part.CONSULTING, "consult", [{"operator": colleague} for colleague in COLLEAGUES]
                )
            await at(due)
            cast.start(part, language)
        await at(LEAD_S - SURVEY_S)
        cast.operators_hang_up(Part.SURVEY)
        await at(LEAD_S)
        return failed

    async def _newcomers(self, cast: Cast) -> None:
        while True:
            cast.start(Part.NEW, "fr")
            await asyncio.sleep(_NEW_EVERY_S)

    async def _until_green(self, fault: Fault, cast: Cast, healed: float, usual: frozenset[str]) -> float | None:
        """Return when all was well again, and new callers were served; None if that takes too long."""
        while time.time() < healed + fault.recover_s:
            green = self.observer.green_since(healed, usual)
            new = [call for call in cast.facts.values() if call.part is Part.NEW and call.dialled > healed]
            served = [call for call in new if call.first == "controller"]
            if green is not None and len(served) >= 2 and judge.served_after_s(new[: len(served)], healed) is not None:
                return green
            await asyncio.sleep(0.5)
        return None

    async def _mend(self, result: Result) -> None:
        """Do what a person would, so that the next fault comes to a line that is well."""
        for name in processes.OURS:
            if name != OWN_NAME:
                send(Scene(self.line, self.database, self.control, self.draw), name, signal.SIGKILL)
        if await self._is_well():
            result.notes.append("all was well once the bench, as a person, had killed all of ours")
            return
        await self.line.running.stop()
        await self.line.running.start_again()
        well = "all was well" if await self._is_well() else "not even then all was well"
        result.notes.append(f"{well} once the bench, as a person, had stopped the line and started it")

    async def _is_well(self) -> bool:
        """Wait until all is green from now on, and everything delivered."""
        now = time.time()
        green = await self.observer.until(lambda: self.observer.green_since(now, self.usual) is not None, MENDED_S)
        return green and not await until_delivered(self.line)

    async def all_ready(self) -> None:
        """Have operators who missed a call, and supervisors, make themselves ready; wait for all. Raises RoundError."""
        deadline, rows = time.monotonic() + READY_S, {}
        while time.monotonic() < deadline:
            rows = await self.control.operators()
            states = {item: rows.get(item, {}).get("state") for item in self.line.team.everybody}
            for item, state in states.items():
                if state == "paused" or rows.get(item, {}).get("reason") == LOGGED_OUT:
                    await self.control.post(f"/operators/{item}/state", {"state": "ready"})
            if rows and all(state == "ready" for state in states.values()):
                return
            await asyncio.sleep(0.5)
        found = {item: (row["state"], row["reason"]) for item, row in rows.items() if row["state"] != "ready"}
        raise RoundError(f"operators are not ready: {found or 'the controller does not answer'}")


async def watch_asterisk(line: Line, cast: Cast) -> None:
    """Tell the callers when Asterisk is gone: no call gets a BYE then."""

    def pid() -> int | None:
        found = process_of(line.home / "run", "asterisk")
        return found.pid if found is not None and found.alive else None

    before = pid()
    while True:
        await asyncio.sleep(0.25)
        if (now := pid()) != before:
            if before is not None:
                cast.cut_off()
            before = now


class _Lag:
    """How late the bench's own loop is: a silence may then be its own."""

    def __init__(self) -> None:
        self.longest_ms = 0.0

    async def watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + 0.1
            await asyncio.sleep(0.1)
            self.longest_ms = max(self.longest_ms, (loop.time() - due) * 1000)


def _missed(result: Result) -> list[str]:
    found = [f"{name}: {left.abbreviate(lines, 4)}" for name, lines in result.left.items()]
    if result.green_s is None:
        found.append("not all green again")
    if result.status_s > STATUS_S:
        found.append(f"`hatif status` took {result.status_s:.0f} s")
    return found
