"""Compare our routing with Asterisk's app_queue in real time: the same calls, the same forty registered telephones.

`python -m bench.app_queue --together` prints both side by side, with `--json` as one document; `--help` lists the
options. Takes 35 minutes per way of answering, or 35 in all with `--together`, each on an Asterisk of its own.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
import uvloop
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

from asterisk_conf.errors import AsteriskError
from bench import blocks, hatif, machine, queue_pool, queue_results
from bench.callers import LostCallError
from bench.load import NO_MORE, RingBlock
from bench.queue_conf import BEST, USUAL, VARIANTS, AppQueue, Plan, plan_of
from bench.queue_day import Case, plan_calls, predict
from bench.queue_lines import BareLine, LineError, app_queue, bare_line, ours
from bench.queue_way import CALLERS, PHONES, Way, run
from bench.reference_case import LANGUAGES
from routing.engine import Engine
from routing.policy import Policy
from routing.simulation.day import Routing
from routing.states import Operator

BARE_TALK_S = (10.0, 30.0)  # so that the bare originate is measured about as often as the other two
BARE_WAITING = 2
MORE_RINGS = 1_000_000  # more than occur in any run: a block of the bare originate ends when its time is up
OURS = queue_pool.OURS


async def measure(
    case: Case, queues: Sequence[str], home: Path, offset: int, *, together: bool, progress: Progress
) -> dict[str, Any]:
    """Return the whole document. The bare originate is measured beside all ways, with the same disturbances."""
    calls, team = plan_calls(case), case.team()
    plans = {_name(queue, queues): plan_of(queue, LANGUAGES, team) for queue in queues}
    everybody = (*plans, OURS)
    about = machine.description()
    ways: list[Way] = []
    bare = _Bare()
    began, used = time.monotonic(), time.process_time()
    for names in [everybody] if together else [(name,) for name in everybody]:
        async with AsyncExitStack() as stack:
            starting = progress.add_task(f"starting {' and '.join(names)}", total=None)
            line = await stack.enter_async_context(bare_line(home / "bare", offset))
            some = [
                await stack.enter_async_context(
                    _line(home / f"way{place}", offset + 1000 * place, team, name, plans.get(name))
                )
                for place, name in enumerate(names, 1)
            ]
            progress.remove_task(starting)
            about["asterisk"] = line.version
            async with asyncio.TaskGroup() as running:
                running.create_task(bare.measure(line, case))
                for way in some:
                    running.create_task(run(way, case, calls, _bar(progress, way.name, len(calls))))
            ways += some
    generator = {
        "seconds": time.monotonic() - began,
        "cpu_s": time.process_time() - used,
        "registers_lost": [why for way in ways for why in way.registers_lost],
        "late_ms": max((late for way in ways for late in way.late_ms), default=0.0),
    }
    speaks = {operator.id: tuple(operator.languages) for operator in team}
    results = {way.name: queue_results.result(way.story, case, calls, speaks) for way in ways}
    routings: dict[str, Routing] = {
        OURS: Engine(),
        "the plain policy": Engine(Policy.plain()),
        **{f"a model of {name} without its delay": AppQueue(plan, case.seed) for name, plan in plans.items()},
    }
    return {
        "machine": about,
        "case": asdict(case),
        "queues": {_name(queue, queues): VARIANTS[queue] for queue in queues},
        "together": together,
        "ways": {
            "bare": bare.figures(),
            **{way.name: queue_results.figures(results[way.name]) | {"cpu_s": way.cpu_s} for way in ways},
        },
        "generator": generator,
        "predicted": {name: asdict(predict(case, calls, routing)) for name, routing in routings.items()},
        "wanted": {name: queue_results.judge(results[OURS], results[name], bare.rings_ms, name) for name in plans},
        "waits_s": {name: item.waits for name, item in results.items()},
        "ringings": {name: [asdict(ringing) for ringing in item.ringings] for name, item in results.items()},
        "bare_rings_ms": bare.rings_ms,
    }


def _name(variant: str, queues: Sequence[str]) -> str:
    """Return the name in the table; the first queue is the one that we compare with."""
    return "app_queue" if variant == queues[0] else f"app_queue, {variant}"


def _line(
    home: Path, offset: int, team: Sequence[Operator], name: str, plan: Plan | None
) -> AbstractAsyncContextManager[Way]:
    return ours(home, offset, team) if plan is None else app_queue(home, offset, team, plan, name)


def _bar(progress: Progress, name: str, calls: int) -> Callable[[int], None]:
    task = progress.add_task(f"{name}, calls answered", total=calls)
    return lambda done: progress.update(task, completed=done)


@dataclass(slots=True)
class _Bare:
    """The bare originate's result and processor time (s, by process). A failure is reported as a loss, so that the
    other ways do not lose their half hour."""

    rings_ms: list[float] = field(default_factory=list)
    lost: dict[str, int] = field(default_factory=dict)
    cpu_s: dict[str, float] = field(default_factory=dict)

    async def measure(self, line: BareLine, case: Case) -> None:
        """Run for as long as calls are counted."""
        await asyncio.sleep(case.warm_s)
        before = blocks.cpu_s(line.processes)
        block = RingBlock(
            number=line.number,
            address=CALLERS,
            server=line.server,
            phones_address=PHONES,
            phones_port=0,
            accounts=tuple((account.user, account.password) for account in line.accounts),
            rings=MORE_RINGS,
            waiting=BARE_WAITING,
            talk=BARE_TALK_S,
            seconds=case.minutes * 60,
        )
        try:
            found = await blocks.run("ring", block)
        except blocks.BlockError as error:
            self.lost[str(error)] = self.lost.get(str(error), 0) + 1
            return
        self.rings_ms += found.ring_ms
        for why, times in found.lost.items():
            if why != NO_MORE:
                self.lost[why] = self.lost.get(why, 0) + times
        for name, seconds in blocks.cpu_s(line.processes).items():
            self.cpu_s[name] = self.cpu_s.get(name, 0.0) + seconds - before[name]

    def figures(self) -> dict[str, Any]:
        return {"free_to_ring_ms": queue_results.spread(self.rings_ms), "cpu_s": self.cpu_s, "lost": self.lost}


def main(
    minutes: Annotated[float, typer.Option(min=0.5, help="Minutes in which calls are counted.")] = 30,
    warm_minutes: Annotated[float, typer.Option(min=0.5, help="Minutes before them, not counted.")] = 5,
    calls_per_hour: Annotated[float, typer.Option(min=1, help="Calls per hour, all languages together.")] = 400,
    operators: Annotated[int, typer.Option(min=len(LANGUAGES), max=200, help="Operators, one telephone each.")] = 40,
    languages_each: Annotated[int, typer.Option(min=1, max=len(LANGUAGES), help="Languages per operator.")] = 3,
    pick_up: Annotated[float, typer.Option(min=0, max=10, help="Seconds until an operator answers.")] = 0,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    queues: Annotated[
        list[str] | None,
        typer.Option(help=f"Variants of app_queue: {', '.join(VARIANTS)}. Default: {BEST} and {USUAL}."),
    ] = None,
    together: Annotated[bool, typer.Option("--together", help="Run all ways at the same time.")] = False,
    offset: Annotated[
        int, typer.Option(help="Port offset of the first Asterisk; the others use 1000, 2000, … more.")
    ] = 41_000,
    home: Annotated[Path | None, typer.Option(help="Folder of the run; default: a temporary one.")] = None,
    again: Annotated[
        list[Path] | None,
        typer.Option("--from", help="Measure nothing: print a document of --json as a table; several are pooled."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Compare app_queue with Hatif in real time: the same calls and telephones, side by side."""
    if again:
        _tell(_read(again), as_json)
        return
    chosen = list(dict.fromkeys(queues or (BEST, USUAL)))
    if unknown := [item for item in chosen if item not in VARIANTS]:
        raise typer.BadParameter(f"unknown variant {unknown[0]!r}; use {', '.join(VARIANTS)}", param_hint="--queues")
    try:
        case = Case(calls_per_hour, operators, languages_each, minutes, warm_minutes, pick_up, seed)
        with tempfile.TemporaryDirectory(prefix="hatif-queue-") as temporary, _progress() as progress:
            folder = (home or Path(temporary)).absolute()
            document = uvloop.run(measure(case, chosen, folder, offset, together=together, progress=progress))
    except* KeyboardInterrupt:
        raise SystemExit(130) from None
    except* (
        hatif.UpError, LineError, AsteriskError, blocks.BlockError, LostCallError, TimeoutError, OSError, ValueError,
    ) as errors:  # fmt: skip
        print(f"bench.app_queue: {_first(errors)}", file=sys.stderr)
        raise SystemExit(1) from None
    _tell(document, as_json)


def _read(files: Sequence[Path]) -> Mapping[str, Any]:
    """Return one document, or several pooled. Exits the program if one cannot be read."""
    runs: dict[str, Any] = {}
    for file in files:
        try:
            runs[str(file)] = orjson.loads(file.read_bytes())
        except (OSError, orjson.JSONDecodeError) as error:
            raise typer.BadParameter(f"{file}: {error}; give a document of --json", param_hint="--from") from None
    try:
        return queue_pool.pool(runs) if len(runs) > 1 else next(iter(runs.values()))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--from") from None


def _tell(document: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
    else:
        queue_results.show(document, Console(highlight=False, width=None if sys.stdout.isatty() else 160))


def _progress() -> Progress:
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=1)


def _first(errors: BaseException) -> str:
    while isinstance(errors, BaseExceptionGroup):
        errors = errors.exceptions[0]
    return str(errors) or type(errors).__name__


if __name__ == "__main__":
    typer.run(main)
