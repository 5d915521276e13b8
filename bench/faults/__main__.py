"""Bring faults to a line with calls in every state: `.venv/bin/python -m bench.faults`.

At least 22 calls are up when a fault comes, and a new one comes each second. The exit status is 1 if anything that is
wanted is missed, 2 if nothing could be measured. docs/faults-bench.md has the method and the results.
"""

import argparse
import asyncio
import json
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import hatif, machine
from bench.callers import LostCallError
from bench.faults import line as lines
from bench.faults import table
from bench.faults.faults import Fault, catalogue, running_names
from bench.faults.look import observing
from bench.faults.round import Result, RoundError, Rounds
from bench.floor import left
from bench.floor.control import Control
from bench.floor.day import telephones, until_ready
from bench.floor.line import PHONES, LineError
from bench.floor.phones import Fleet
from bench.floor.story import Story

OFFSET = 47_000
WIDTH = 190  # of the table in a file


def main() -> None:
    known = {fault.name: fault for fault in catalogue()}
    parser = argparse.ArgumentParser(prog="bench.faults", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these faults only; --list names them")
    parser.add_argument("--list", action="store_true", help="list the faults")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--offset", type=int, default=OFFSET, help="added to every port")
    parser.add_argument("--keep", type=Path, help="a new folder for logs and database, kept; its path must be short")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    given = parser.parse_args()
    if given.list:
        for fault in known.values():
            print(f"{fault.name:24} {fault.what}")
        return
    if unknown := [name for name in given.only or () if name not in known]:
        parser.error(f"there is no fault {', '.join(unknown)}; --list names them")
    if given.keep is not None and given.keep.exists():
        parser.error(f"{given.keep} exists; name a new folder")
    faults = [known[name] for name in given.only] if given.only else list(known.values())
    home = given.keep or Path(tempfile.mkdtemp(prefix="hf"))  # short: sockets in it have 107 bytes at most
    home.mkdir(parents=True, exist_ok=True)
    asked = {"database": "sqlite", "seed": given.seed}
    document: dict[str, Any] = {"machine": machine.description(), "asked": asked, "faults": [], "skipped": {}}
    console = Console(highlight=False, stderr=given.json, soft_wrap=True)
    if not console.is_terminal:
        console.width = WIDTH
    try:
        asyncio.run(_until_signal(home.absolute(), given.offset, faults, document, console))
    except (LineError, LostCallError, hatif.UpError) as error:
        console.print(f"[red]{error}[/]")
        sys.exit(2)
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("stopped")
        raise SystemExit(130) from None
    finally:
        if given.keep is None:
            shutil.rmtree(home, ignore_errors=True)
    if given.json:
        print(json.dumps(document, indent=1, ensure_ascii=False))
    else:
        table.show(document, console)
    if not document["faults"]:
        sys.exit(2)
    sys.exit(1 if any(result["missed"] for result in document["faults"]) else 0)


async def _until_signal(
    home: Path, offset: int, faults: list[Fault], document: dict[str, Any], console: Console
) -> None:
    """Measure; SIGTERM ends it as Ctrl-C does, so that everything that was started is stopped."""
    task = asyncio.ensure_future(_measure(home, offset, faults, document, console))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await task


async def _measure(home: Path, offset: int, faults: list[Fault], document: dict[str, Any], console: Console) -> None:
    def progress(text: str) -> None:
        if sys.stderr.isatty():
            print(f"\r{text:70}", end="", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)

    progress("the line starts")
    async with lines.up(home, offset) as line, observing(line.running.environment) as observer:
        control, fleet, story = Control(line), Fleet(PHONES, line.server), Story()
        try:
            async with telephones(fleet, line, story):
                await until_ready(control, line)
                rounds = Rounds(line, control, fleet, observer, lines.voices(home), progress)
                rounds.tasks_before = await left.idle_tasks(control) or 0
                for fault in faults:
                    if fault.process is not None and fault.process not in running_names(line):
                        document["skipped"][fault.name] = f"{fault.process} does not run on this line"
                        continue
                    try:
                        result = await rounds.play(fault)
                    except RoundError as error:
                        result = None
                        document["skipped"][fault.name] = str(error)
                    _report(result, document, console)
        finally:
            fleet.close()
            await control.close()


def _report(result: Result | None, document: dict[str, Any], console: Console) -> None:
    if result is not None:
        document["faults"].append(result.as_data())
        table.details(document["faults"][-1], console)


if __name__ == "__main__":
    main()
