"""How long callers listen before they are where they want to be: `.venv/bin/python -m bench.caller`.

A measure: the exit status is 0, whether or not what is wanted is kept. docs/caller.md has the results.
"""

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.caller import figures, trials
from bench.caller.figures import Figure
from ivr.home import settings
from ivr.model import clock
from ivr.site.findings import SiteError
from prompts.manifest import ManifestError
from prompts.sources import CatalogueError


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.caller", description=__doc__)
    parser.add_argument("--sounds", type=Path, help="the folder of audio; default: the one in HATIF_HOME")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    clock.prepare()
    chosen = settings.read(bound=False)
    try:
        ground = trials.load(chosen.site, given.sounds or chosen.sounds)
        found = figures.measure(ground)
    except (trials.GroundError, SiteError, ManifestError, CatalogueError) as error:
        sys.exit(str(error))
    if given.json:
        print(json.dumps({"site": chosen.site.name, "figures": [figure.document for figure in found]}, indent=1))
    else:
        show(found, ground.languages)


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
        table.add_row(figure.name, *cells, f"≤ {figure.wanted:g}")
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
