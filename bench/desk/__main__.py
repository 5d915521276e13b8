"""What the desk costs: pages that are open, offers that must be on the screen, and the file that must be there.

`.venv/bin/python -m bench.desk` serves a desk in a process of its own behind the control API's own event stream, whose
operators take calls as on a busy day, and follows the streams of many pages. Then it does the same on a real line, with
the pages and without them in turn. `--json` prints one document; `--help` lists the options.
"""

import asyncio
import json
import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench import hatif, machine
from bench.callers import LostCallError
from bench.desk import floor, line

LATE_MS = 200.0
FILE_MS = 150.0
CORE_SHARE = 0.25
OFFSET = 46_000


def main(
    pages: Annotated[int, typer.Option(help="Open pages.", min=1, max=400)] = 60,
    operators: Annotated[int, typer.Option(help="Operators of the line.", min=1, max=200)] = 40,
    seconds: Annotated[float, typer.Option(help="Of each measurement.", min=5)] = 60,
    rounds: Annotated[int, typer.Option(help="On the real line, with pages and without.", min=0)] = 2,
    offset: Annotated[int, typer.Option(help="Added to every port of the real line.")] = OFFSET,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Measure a busy hour (400 calls), many offers in a short time, and a real line (`--rounds 0`: without it)."""
    before = machine.description()
    rows: dict[str, Any] = {
        "a busy hour": asyncio.run(floor.measure(pages, operators, 400, 300, seconds)),
        "many offers": asyncio.run(floor.measure(pages, operators, 9000, 2, seconds)),
    }
    if rounds:
        home = Path(tempfile.mkdtemp(prefix="hatif-desk-"))
        try:
            rows["a real line"] = asyncio.run(line.measure(home, offset, pages, operators, seconds, rounds))
        except (hatif.UpError, LostCallError) as error:
            raise typer.BadParameter(str(error)) from None
        finally:
            shutil.rmtree(home, ignore_errors=True)
    document = {"machine": before, "pages": pages, "operators": operators, "seconds": seconds, **rows}
    if as_json:
        print(json.dumps(document))
        return
    show(document, rows)


def show(document: dict[str, Any], rows: dict[str, Any]) -> None:
    """Print the document for people."""
    times = {"offer_ms": "offer to page", "answer_ms": "answer to page", "file_ms": "answer to the file"}
    table = Table("", "calls/h", "desk, cores", *(f"{name}, ms" for name in times.values()), "n")
    table.caption = "milliseconds: p50 / p95 / p99"
    for name, row in rows.items():
        spreads = [" / ".join(str(row[key][p]) for p in ("p50", "p95", "p99")) for key in times]
        table.add_row(name, f"{row['calls_h']:g}", f"{row['desk_core']:.3f}", *spreads, f"{row['file_ms']['n']}")
    console, on = Console(highlight=False), document["machine"]
    console.print(
        f"{document['pages']} pages, {document['operators']} operators, {document['seconds']:g} s each; "
        f"{on['cpu']}, {on['cores']} cores, load before {on['load_before']}"
    )
    console.print(table)
    busy = rows["a busy hour"]
    console.print(f"In the busy hour: {busy['desk_mb']:g} MB, {busy['kb_s']:g} kB/s sent")
    if real := rows.get("a real line"):
        cost = real["controller_ms_per_call"]
        console.print(
            f"Controller, ms of processor time a call: with pages {cost['with']}, without {cost['without']}, "
            f"ratio {cost['ratio']:.2f}; of a core: with {real['controller_core']['with']:.3f}, without "
            f"{real['controller_core']['without']:.3f}"
        )
    for name, row in rows.items():
        for fault in row["faults"]:
            console.print(f"[red]{name}: {fault}")
    console.print(
        f"wanted: under {CORE_SHARE} of a core in a busy hour; p99 under {LATE_MS:g} ms for offers; the file within "
        f"{FILE_MS:g} ms"
    )


if __name__ == "__main__":
    typer.run(main)
