"""How long callers listen before they are where they want to be: `.venv/bin/python -m bench.caller`.

A measure: the exit status is 0, whether or not what is wanted is kept. docs/caller.md has the results.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import hatif
from bench.caller import line
from bench.caller.ground import load_ground
from bench.caller.line import PickUp
from bench.caller.listener import Made
from bench.callers import LostCallError
from bench.floor.line import LineError
from ivr.home import settings
from ivr.model import clock
from ivr.site.findings import SiteError
from ivr.trial.caller_figures import Figure, measure
from ivr.trial.ground import GroundError
from prompts.manifest import ManifestError
from prompts.sources import CatalogueError

_REFUSALS = (GroundError, SiteError, ManifestError, CatalogueError, LineError, LostCallError, hatif.UpError)
"""Errors whose message says why nothing was measured."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.caller", description=__doc__)
    parser.add_argument("--sounds", type=Path, help="the folder of audio; default: the one in HATIF_HOME")
    parser.add_argument("--json", action="store_true")
    on_line = parser.add_argument_group("on a real line, with the example site")
    on_line.add_argument("--line", action="store_true", help="make ten journeys and compare what is heard when")
    on_line.add_argument("--language", action="append", help="only this language; may be repeated")
    on_line.add_argument("--journey", action="append", help="only this journey, by its name; may be repeated")
    on_line.add_argument("--at-once", type=int, default=10, metavar="CALLS", help="so many calls at a time")
    on_line.add_argument("--offset", type=int, default=line.OFFSET, help="added to every port")
    on_line.add_argument("--keep", type=Path, help="a new folder for logs and database, kept; its path must be short")
    given = parser.parse_args()
    clock.prepare()
    chosen = settings.read(bound=False)
    sounds = given.sounds or chosen.sounds
    try:
        if given.line:
            _line(given, sounds)
            return
        ground = load_ground(chosen.site, sounds)
        found = measure(ground)
    except _REFUSALS as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    if given.json:
        print(json.dumps({"site": chosen.site.name, "figures": [figure.document for figure in found]}, indent=1))
    else:
        show(found, ground.languages)


def _line(given: argparse.Namespace, sounds: Path) -> None:
    if given.keep is not None and given.keep.exists():
        sys.exit(f"{given.keep} exists; name a new folder")
    home = given.keep or Path(tempfile.mkdtemp(prefix="hatif-caller-"))
    home.mkdir(parents=True, exist_ok=True)
    try:
        made, picked_up = asyncio.run(_walk(home.absolute(), given, sounds.absolute()))
    finally:
        if given.keep is None:
            shutil.rmtree(home, ignore_errors=True)
    document = line.document(made)
    if given.json:
        answered = [asdict(item) | {"agrees": item.agrees} for item in picked_up]
        print(json.dumps({"calls": document, "pick_ups": answered}, indent=1, ensure_ascii=False))
    else:
        show_line(made, document)
        for item in picked_up:
            text = f"operator picks up → both can talk, {item.language}: {item.heard:.2f} s"
            print(f"{text}, predicted {item.predicted:.2f}{'' if item.agrees else ' !'}")


async def _walk(home: Path, given: argparse.Namespace, sounds: Path) -> tuple[list[Made], list[PickUp]]:
    def progress(text: str) -> None:
        if sys.stderr.isatty():
            print(f"\r{text:60}", end="", file=sys.stderr, flush=True)

    async with line.up(home, given.offset, sounds) as up:
        languages = given.language or up.ground.languages
        if unknown := set(languages) - set(up.ground.languages):
            sys.exit(f"{', '.join(sorted(unknown))}: not a language of the site.")
        # Before the journeys, which take minutes: a text may lack its audio.
        predicted = None if given.journey else await asyncio.to_thread(line.predicted_pick_ups, up)
        made = await line.walk(up, languages, given.at_once, progress, given.journey or ())
        return made, [] if predicted is None else await line.pick_ups(up, predicted)


def show_line(made: Sequence[Made], document: Sequence[dict[str, Any]]) -> None:
    """Print a row for each journey: the largest difference from the prediction in each language, in seconds."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    languages = list(dict.fromkeys(call.predicted.language for call in made))
    table = Table("largest difference, s", *languages, box=None, pad_edge=False, header_style="bold")
    for name in dict.fromkeys(call.predicted.journey for call in made):
        row = {call["language"]: call for call in document if call["journey"] == name}
        cells = (row[language] for language in languages)
        table.add_row(name, *("lost" if cell["worst_s"] is None else f"{cell['worst_s']:.2f}" for cell in cells))
    console.print(table)
    clips = sum(len(call.heard) for call in made)
    kept = sum(call["agrees"] for call in document)
    console.print(f"\n{kept} of {len(made)} calls, with {clips} clips, agree within {line.AGREES_S:g} s.")
    for call in document:
        if not call["agrees"]:
            missing = [clip["id"] for clip in call["clips"] if clip["heard"] is None]
            lost = f"; {call['lost']}" if call["lost"] else ""
            console.print(
                f"{call['journey']} in {call['language']}: not heard {missing or 'nothing'}{lost}", markup=False
            )


def show(found: list[Figure], languages: tuple[str, ...]) -> None:
    """Print the table: what is not kept is marked with an exclamation mark, in red on a terminal."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("seconds, or keys")
    for language in languages:
        table.add_column(language, justify="right")
    table.add_column("wanted", justify="right")
    for figure in found:
        cells = [_cell(figure, language) for language in languages]
        table.add_row(figure.name, *cells, "" if figure.wanted is None else f"≤ {figure.wanted:g}")
    console.print(table)
    console.print("\n! not kept")
    for figure in found:
        console.print(f"- {figure.name}: {figure.definition}", markup=False)


def _cell(figure: Figure, language: str) -> str:
    value = figure.values[language]
    text = "never" if value is None else f"{value:.{0 if figure.unit == 'keys' else 1}f}"
    return text if figure.kept(language) else f"[red]{text}![/]"


if __name__ == "__main__":
    main()
