"""Run a floor in real time and check what is left behind: `.venv/bin/python -m bench.floor --minutes 10`.

The exit status is 1 if anything is left behind. docs/floor-bench.md has the results.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import hatif, machine
from bench.callers import LostCallError
from bench.floor import day
from bench.floor.left import abbreviate
from bench.floor.line import LineError, team, up

OFFSET = 45_000


def main() -> None:
    defaults = day.Asked()
    parser = argparse.ArgumentParser(prog="bench.floor", description=__doc__)
    parser.add_argument("--minutes", type=float, default=defaults.minutes)
    parser.add_argument("--seed", type=int, default=defaults.seed)
    parser.add_argument("--operators", type=int, default=defaults.operators)
    parser.add_argument("--calls-per-hour", type=float, default=defaults.calls_per_hour)
    parser.add_argument("--talk-s", type=float, default=defaults.talk_s, help="average length of a conversation")
    parser.add_argument("--kill-every", type=float, default=0.0, metavar="SECONDS", help="kill -9 of the controller")
    parser.add_argument("--kill-asterisk", type=float, default=0.0, metavar="SECONDS", help="kill -9 of Asterisk, once")
    parser.add_argument("--messages", type=float, default=0.0, metavar="SHARE", help="share of callers with a message")
    parser.add_argument("--recorded", action="store_true", help="callers consent to the recording of conversations")
    parser.add_argument("--offset", type=int, default=OFFSET, help="added to every port")
    parser.add_argument("--keep", type=Path, help="a new folder for logs and database, kept; its path must be short")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    try:
        asked = day.Asked(
            given.minutes,
            given.seed,
            given.operators,
            given.calls_per_hour,
            given.kill_every,
            given.talk_s,
            given.kill_asterisk,
            given.messages,
            given.recorded,
        )
        if given.keep is not None and given.keep.exists():
            raise ValueError(f"{given.keep} exists; name a new folder")
    except ValueError as wrong:
        parser.error(str(wrong))
    home = given.keep or Path(tempfile.mkdtemp(prefix="hatif-floor-"))
    home.mkdir(parents=True, exist_ok=True)
    document: dict[str, Any] = {"machine": machine.description(), "asked": asdict(asked)}
    console = Console(highlight=False, stderr=given.json)
    try:
        document |= asyncio.run(_measure(home.absolute(), given.offset, asked))
    except (LineError, LostCallError, hatif.UpError) as error:
        console.print(f"[red]{error}[/]")
        sys.exit(2)  # nothing was measured
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    finally:
        if given.keep is None:
            shutil.rmtree(home, ignore_errors=True)
    if given.json:
        print(json.dumps(document, indent=1, ensure_ascii=False))
    else:
        show(document, console)
    sys.exit(0 if day.is_clean(document) else 1)


async def _measure(home: Path, offset: int, asked: day.Asked) -> dict[str, Any]:
    def progress(text: str) -> None:
        if sys.stderr.isatty():
            print(f"\r{text:60}", end="", file=sys.stderr, flush=True)

    async with up(home, offset, team(asked.operators), recorded=asked.recorded) as line:
        return await day.run(line, asked, progress)


if __name__ == "__main__":
    main()


def show(document: Mapping[str, Any], console: Console) -> None:
    it, asked, calls = document["machine"], document["asked"], document["calls"]
    console.print(
        f"{it['cpu']}, {it['cores']} cores, Linux {it['kernel']}, Python {it['python']}; load before "
        f"{it['load_before']}\n{asked['operators']} operators, {asked['calls_per_hour']:g} calls an hour, talks of "
        f"{asked['talk_s']:g} s on average, {asked['minutes']:g} min, seed {asked['seed']}; "
        + (f"the controller killed every {asked['kill_every_s']:g} s" if asked["kill_every_s"] else "nobody killed")
    )
    done = Table("", "", box=None, pad_edge=False, show_header=False)
    done.add_row(
        "calls", f"{calls['dialled']} dialled, {calls['answered']} answered; {_counts(calls['how_they_ended'])}"
    )
    for act, how in document["acts"].items():
        done.add_row(act, _counts(how))
    for name in ("outcomes", "offers", "pairings", "pairings_ended", "refused"):
        done.add_row(f"written: {name.replace('_', ' ')}", _counts(document["written"][name]))
    load = document["load"]
    killed = f"{document['kills']} of the controller" + (", one of Asterisk" if document["asterisk_killed"] else "")
    done.add_row("kills", killed)
    done.add_row("kept", _counts(document["said"]))
    if document["excused"]:
        done.add_row("excused, Asterisk was away", abbreviate(document["excused"]))
    done.add_row(
        "processor, s", f"{_counts(load['cpu_s'])} in {load['seconds']:g} s; a caller late by {load['late_ms']} ms"
    )
    console.print(done)
    table = Table("left behind, or what must not be", "", box=None, pad_edge=False)
    silence = document["silence"]
    rows = {
        **document["left"],
        "operators rung twice at once": document["rung_twice"],
        "callers in silence for over 3 s": silence["others_over_3_s"],
        "what went wrong": document["wrong"],
    }
    for name, lines in rows.items():
        table.add_row(name, f"[red]{len(lines)}[/]: {abbreviate(lines)}" if lines else "[green]0[/]")
    console.print(table)
    lost = silence["after_a_telephone_vanished_s"]
    console.print(
        f"Longest silence {silence['longest_s']} s; after a telephone had vanished {len(lost)} over 3 s"
        + (f", at most {lost[-1]} s" if lost else "")
        + f". Looked for {document['left_looked_for_s']} s after everybody had hung up."
    )


def _counts(counts: Mapping[str, Any]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items()) or "–"
