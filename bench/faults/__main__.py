"""Bring faults to a line with calls in every state: `.venv/bin/python -m bench.faults`.

At least 22 calls are up when a fault comes, and a new one comes each second. The exit status is 1 if anything that is
wanted is missed, 2 if a fault could not be measured. docs/faults-bench.md has the method and the results.
"""

import argparse
import asyncio
import json
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from bench import hatif, machine
from bench.callers import LostCallError
from bench.faults import disk, table
from bench.faults import line as lines
from bench.faults.catalogue import catalogue
from bench.faults.fault import NOTHING, Fault
from bench.faults.figures import FiguresError
from bench.faults.look import observing
from bench.faults.round import Result, RoundError, Rounds
from bench.faults.soak import soak
from bench.floor.control import Control
from bench.floor.day import telephones, until_ready
from bench.floor.line import PHONES, Line, LineError
from bench.floor.phones import Fleet
from bench.floor.story import Story
from db.engine import DatabaseError

OFFSET = 47_000
WIDTH = 190  # of the table in a file


def main() -> None:
    known = {fault.name: fault for fault in catalogue()}
    parser = argparse.ArgumentParser(prog="bench.faults", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these faults only; --list names them")
    parser.add_argument("--list", action="store_true", help="list the faults")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--speech", action="store_true", help="callers may speak, so that hear runs (docs/speech.md)")
    parser.add_argument("--clock", action="store_true", help="the line has a clock of its own, which can be stepped")
    parser.add_argument(
        "--soak", type=float, default=0.0, metavar="MINUTES",
        help="instead: two calls a second for so long, with a random fault (of --only) every 30 s",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--offset", type=int, default=OFFSET, help="added to every port")
    parser.add_argument("--keep", type=Path, help="a new folder for logs and database, kept; its path must be short")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    given = parser.parse_args()
    if given.list:
        for fault in known.values():
            needs = f" (--database {fault.kind})" if fault.kind else " (--clock)" if fault.steps else ""
            print(f"{fault.name:24} {fault.what}{needs}")
        return
    if unknown := [name for name in given.only or () if name not in known]:
        parser.error(f"there is no fault {', '.join(unknown)}; --list names them")
    if given.keep is not None and given.keep.exists():
        parser.error(f"{given.keep} exists; name a new folder")
    disk.enter_namespace()
    # A soak of `--only nothing` is what another one is compared with.
    common = [fault for fault in known.values() if fault.soaks and fault.name != NOTHING]
    some = common if given.soak else list(known.values())
    faults = [known[name] for name in given.only] if given.only else some
    folder = given.keep or Path(tempfile.mkdtemp(prefix="hf"))  # short: sockets in it have 107 bytes at most
    folder.mkdir(parents=True, exist_ok=True)
    asked = {"database": given.database, "seed": given.seed, "speech": given.speech, "clock": given.clock}
    document: dict[str, Any] = {"machine": machine.description(), "asked": asked, "faults": []}
    document |= {"skipped": {}, "unmeasured": {}}
    console = Console(highlight=False, stderr=given.json, soft_wrap=True)
    if not console.is_terminal:
        console.width = WIDTH
    stopped = False
    try:
        chosen = (given.database, given.seed, faults, given.soak, given.speech, given.clock)
        run = Run(folder.absolute(), given.offset, *chosen)
        asyncio.run(_until_signal(run, document, console))
    except (LineError, LostCallError, hatif.UpError) as error:
        console.print(f"[red]{error}[/]")
        sys.exit(2)
    except (KeyboardInterrupt, asyncio.CancelledError):
        stopped = True
        console.print("stopped; so far:")
    finally:
        if given.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    if given.json:
        print(json.dumps(document, indent=1, ensure_ascii=False))
    else:
        table.show(document, console)
    if stopped:
        sys.exit(130)
    results = [*document["faults"], *([document["soak"]] if "soak" in document else [])]
    if any(result["missed"] for result in results):
        sys.exit(1)
    sys.exit(2 if document["unmeasured"] or not results else 0)


@dataclass(frozen=True, slots=True)
class Run:
    """What is to be measured."""

    folder: Path
    offset: int
    kind: lines.Kind
    seed: int
    faults: list[Fault]
    soak_min: float
    speech: bool
    own_clock: bool


async def _until_signal(run: Run, document: dict[str, Any], console: Console) -> None:
    """Measure; SIGTERM ends it as Ctrl-C does, so that everything that was started is stopped."""
    task = asyncio.ensure_future(_measure(run, document, console))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await task


async def _measure(run: Run, document: dict[str, Any], console: Console) -> None:
    def progress(text: str) -> None:
        if sys.stderr.isatty():
            print(f"\r{text:70}", end="", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)

    progress("the line starts")
    home = run.folder / "h"
    home.mkdir(exist_ok=True)
    try:
        started = lines.up(home, run.folder, run.offset, run.kind, speech=run.speech, own_clock=run.own_clock)
        async with started as (line, database):
            await _bring(run, line, database, document, console, progress)
    finally:
        progress("the line has ended")


async def _bring(
    run: Run,
    line: Line,
    database: lines.Database,
    document: dict[str, Any],
    console: Console,
    progress: Callable[[str], None],
) -> None:
    """Bring one fault after the other."""
    control, fleet, story = Control(line), Fleet(PHONES, line.server), Story()
    try:
        async with observing(line.running.environment) as observer, telephones(fleet, line, story):
            await until_ready(control, line)
            draw, known = random.Random(run.seed), lines.voices(line.home)
            rounds = Rounds(line, database, control, fleet, observer, known, draw, progress)
            await rounds.begin()
            if run.soak_min:
                some = [fault for fault in run.faults if fault.soaks and fault.missing(line, run.kind) is None]
                try:
                    document["soak"] = (await soak(rounds, some, run.soak_min)).as_data()
                except (RoundError, FiguresError, DatabaseError) as error:
                    document["unmeasured"]["the soak"] = str(error)
                return
            for fault in run.faults:
                if (why := fault.missing(line, run.kind)) is not None:
                    document["skipped"][fault.name] = why
                    progress(f"{fault.name} is left out: {why}")
                    continue
                try:
                    _report(await rounds.play(fault), document, console)
                except (RoundError, DatabaseError, SQLAlchemyError, OSError) as error:
                    # A fault that cannot be healed must not cost what was measured before it.
                    document["unmeasured"][fault.name] = str(error)
                    progress(f"{fault.name} could not be measured: {error}")
    finally:
        fleet.close()
        await control.close()


def _report(result: Result, document: dict[str, Any], console: Console) -> None:
    document["faults"].append(result.as_data())
    table.details(document["faults"][-1], console)


if __name__ == "__main__":
    main()
