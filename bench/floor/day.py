"""The whole day, from the registration of telephones until all calls are over."""

import asyncio
import contextlib
import math
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bench.beside import beside
from bench.blocks import cpu_s
from bench.callers import LostCallError
from bench.floor import left, sound_left
from bench.floor.control import Control
from bench.floor.crowd import Crowd, number_of
from bench.floor.heard import Silence
from bench.floor.line import PHONES, RING_S, WRAP_UP_S, Line
from bench.floor.phones import Fleet
from bench.floor.staff import Staff
from bench.floor.story import Story
from bench.queue_day import Planned
from bench.reference_case import LANGUAGES, MIX
from ivr.process.process import processes
from routing.states import LOGGED_OUT

REGISTER_S = 50.0  # between two REGISTERs of a telephone
LOST_S = 15.0  # at most until a lost operator is noticed and the caller hears something again
READY_S = 20.0
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters of a run. `talk_s`: the average length of a conversation; `kill_every_s` and `kill_asterisk_s`:
    0: never; `messages`: the share of callers who leave one; `recorded`: conversations are recorded."""

    minutes: float = 10.0
    seed: int = 1
    operators: int = 40
    calls_per_hour: float = 400.0
    kill_every_s: float = 0.0
    talk_s: float = 180.0
    kill_asterisk_s: float = 0.0
    messages: float = 0.0
    recorded: bool = False

    def __post_init__(self) -> None:
        if self.load >= 0.8 * self.operators:
            raise ValueError(
                f"{self.load:.1f} of {self.operators} operators would talk all the time, and none would be left to be "
                "asked: take more operators, fewer calls or shorter talks"
            )
        if self.minutes <= 0 or self.operators < 2:
            raise ValueError("--minutes must be above 0, and --operators at least 2")

    @property
    def load(self) -> float:
        """The load in erlangs."""
        return self.calls_per_hour * (self.talk_s + WRAP_UP_S) / 3600


def plan_calls(asked: Asked) -> list[Planned]:
    """Return the calls in the order of their arrival: within the first ten seconds as many as talk at once on average,
    then at random."""
    draw = random.Random(asked.seed)
    fill = round(asked.load)
    times = [10.0 * place / fill for place in range(fill)]
    at, length = 0.0, asked.minutes * 60
    while (at := at + draw.expovariate(asked.calls_per_hour / 3600)) < length:
        times.append(at)
    return [Planned(item, draw.choices(LANGUAGES, MIX)[0], asked.talk_s) for item in sorted(times)]


async def run(line: Line, asked: Asked, progress: Callable[[str], None]) -> dict[str, Any]:
    """Return the document without the machine. Raises LostCallError if a telephone cannot register at the beginning."""
    story, draw = Story(), random.Random(asked.seed + 1)
    control = Control(line)
    fleet = Fleet(PHONES, line.server)
    crowd = Crowd(line.server, fleet, story, draw, asked.messages, asked.recorded)
    staff = Staff(line, fleet, crowd, control, story, draw, asked.talk_s)
    calls = plan_calls(asked)
    pids = {name: info.pid for name, info in processes(line.home / "run").items() if info.alive}
    try:
        async with telephones(fleet, line, story):
            await until_ready(control, line)
            tasks_before = await left.idle_tasks(control) or 0
            cpu, began = cpu_s(pids), time.monotonic()
            staff.start()
            callers, late_ms = await _callers(crowd, line, calls, asked, story, progress)
            used = cpu_s(pids) if not (asked.kill_every_s or asked.kill_asterisk_s) else {}
            seconds = time.monotonic() - began
            progress("everybody hangs up")
            await staff.stop()
            await crowd.everybody_leaves()
            await asyncio.gather(*callers, return_exceptions=True)
            await asyncio.sleep(1.0)
            for leg in fleet.legs():
                fleet.hang_up(leg)
            for user in fleet.dark:
                await fleet.appear(line.accounts[user])
            await _all_are_ready(staff, control, line)
            found, took = await left.until_nothing(line, control, tasks_before, line.team.everybody)
    finally:
        fleet.close()
        crowd.close()
        await control.close()
    speech = await sound_left.find_remains(line)
    found |= speech.pop("left")
    rows = await left.read_account(line)
    mine, written = set(crowd.meters), rows.pop("callers")
    found["callers without a row"] = sorted(mine - set(written))
    found["callers with two rows"] = sorted(item for item in mine if written.count(item) > 1)
    silent, lost = _silences(crowd, story)
    longest = max((meter.longest for meter in crowd.meters.values()), default=0.0)
    return {
        "calls": {"dialled": story.dialled, "answered": story.answered, "how_they_ended": dict(story.callers)},
        "acts": {act: dict(how) for act, how in sorted(story.acts.items())},
        "written": rows,
        "kills": len(story.kills),
        "asterisk_killed": story.asterisk_killed is not None,
        "excused": story.excused,
        "said": speech,
        "silence": {
            "longest_s": round(longest, 2),
            "after_a_telephone_vanished_s": sorted(round(item.length_s, 1) for item in lost),
            "others_over_3_s": silent,
        },
        "rung_twice": fleet.rung_twice,
        "wrong": story.wrong,
        "left": found,
        "left_looked_for_s": round(took, 1),
        "load": {
            "seconds": round(seconds, 1),
            "late_ms": round(max(late_ms, default=0.0), 1),
            "cpu_s": {name: round(item - cpu.get(name, 0.0), 1) for name, item in used.items()},
        },
    }


def is_clean(document: dict[str, Any]) -> bool:
    """Return whether nothing is left, no caller was in silence, no operator was rung twice, and nothing went wrong."""
    return not (
        any(document["left"].values())
        or document["silence"]["others_over_3_s"]
        or document["rung_twice"]
        or document["wrong"]
    )


async def _callers(
    crowd: Crowd, line: Line, calls: list[Planned], asked: Asked, story: Story, progress: Callable[[str], None]
) -> tuple[list[asyncio.Task[None]], list[float]]:
    """Start all calls; return their tasks, and by how many ms each started late."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    tasks: list[asyncio.Task[None]] = []
    late_ms: list[float] = []
    kill_at, asterisk_at = asked.kill_every_s or math.inf, asked.kill_asterisk_s or math.inf
    coming = iter(enumerate(calls))
    number, call = next(coming, (0, None))
    while True:
        due = min(call.at_s if call is not None else math.inf, kill_at, asterisk_at, asked.minutes * 60)
        await asyncio.sleep(max(0.0, start + due - loop.time()))
        if due >= asked.minutes * 60:
            return tasks, late_ms
        if due == asterisk_at:
            asterisk_at = math.inf
            if line.kill("asterisk"):
                story.asterisk_killed = time.time_ns()
                crowd.cut_off()
            continue
        if due == kill_at:
            kill_at += asked.kill_every_s
            if line.kill_controller():
                story.kills.append(time.time_ns())
            continue
        assert call is not None
        late_ms.append((loop.time() - start - call.at_s) * 1000)
        tasks.append(asyncio.create_task(crowd.one(number_of(number), call)))
        progress(f"{due / 60:4.1f} min, {len(crowd.up)} calls up, {len(story.wrong)} wrong")
        number, call = next(coming, (0, None))


@asynccontextmanager
async def telephones(fleet: Fleet, line: Line, story: Story) -> AsyncIterator[None]:
    """Keep the telephones registered and sending audio."""

    async def registered() -> None:
        while True:
            for user, account in line.accounts.items():
                await asyncio.sleep(REGISTER_S / len(line.accounts))
                if user not in fleet.dark:
                    try:
                        await fleet.register([account])
                    except LostCallError as lost:
                        if user not in fleet.dark:
                            story.fault(str(lost))

    await fleet.register(line.accounts.values())
    try:
        async with beside(registered(), fleet.sounds()):
            yield
    finally:
        with contextlib.suppress(LostCallError):
            await fleet.register(line.accounts.values(), seconds=0)


async def until_ready(control: Control, line: Line) -> None:
    """Wait until everybody is ready; supervisors, whose telephones alone do not make them so, ask for callers."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        rows = await control.operators()
        away = [item for item in line.team.everybody if rows.get(item, {}).get("state") != "ready"]
        if rows and not away:
            return
        for item in away:
            if rows.get(item, {}).get("reason") == LOGGED_OUT:
                await control.post(f"/operators/{item}/state", {"state": "ready"})
        await asyncio.sleep(0.2)
    raise LostCallError("the telephones have registered and their operators are not ready")


async def _all_are_ready(staff: Staff, control: Control, line: Line) -> None:
    """Make every paused operator ready by feature code; every other state must end by itself."""
    await asyncio.sleep(RING_S)
    for _ in range(3):
        rows = await control.operators()
        paused = [operator for operator in line.team.everybody if rows.get(operator, {}).get("state") == "paused"]
        for item in paused:
            await staff.code(item, "*10")
        if rows and not paused:
            return
        await asyncio.sleep(1.0)


def _silences(crowd: Crowd, story: Story) -> tuple[list[str], list[Silence]]:
    """Return the unexcused silences over 3 s, as lines; and those of callers whose operator's telephone vanished."""
    bad, lost = [], []
    for number, meter in crowd.meters.items():
        for silence in meter.silences:
            ends = silence.began + int(silence.length_s * _NS)
            # It may have vanished during the whisper: then the caller is in silence from the bridge on.
            near = [at for at in story.lost_at.get(number, ()) if at <= ends <= at + LOST_S * _NS]
            if near:
                lost.append(silence)
                continue
            at = time.strftime("%H:%M:%S", time.gmtime(silence.began / _NS))
            kill = min((silence.began / _NS - kill / _NS for kill in story.kills), key=abs, default=None)
            after = f", {kill:.1f} s after a kill" if kill is not None else ""
            bad.append(f"{number} from {at} for {silence.length_s:.1f} s{after}")
    return bad, lost
