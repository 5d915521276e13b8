"""`hatif prompts lengths`: how long every text lasts in every language."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import typer

from cli.composition import Composition
from cli.output import JSON, as_json, as_table, console
from prompts import catalogue, manifest
from prompts import lengths as measured
from prompts.lengths import Length
from prompts.measure import measure
from reports.sheet import to_csv

_LONGEST = 10
"""So many of the longest texts are shown."""


def register(prompts: typer.Typer) -> None:
    prompts.command("lengths")(lengths)


def lengths(
    csv: bool = typer.Option(False, "--csv", help="Print every text with its seconds in each language, as CSV."),
    loudness: bool = typer.Option(
        False, "--loudness", help="With --csv or --json: measure each text's loudness (LUFS) and level (RMS, dBFS) too."
    ),
    json: bool = JSON,
) -> None:
    """Print how long the texts last in each language, and the longest ones. ~ marks an estimate: there is no audio."""
    if loudness and not (csv or json):
        raise typer.BadParameter("--loudness needs --csv or --json")
    parts = Composition(bound=False)
    texts = catalogue.load(parts.settings.site)
    heard = manifest.load_if_any(parts.settings.sounds / manifest.FILE)
    by_language = {language: list(measured.lengths(texts, heard, language)) for language in parts.site.languages}
    by_text: dict[str, dict[str, Length]] = {prompt: {} for prompt in texts.ids}
    for language, of_language in by_language.items():
        for length in of_language:
            by_text[length.id][language] = length
    sounds = parts.settings.sounds if loudness else None
    if json:
        as_json([_document(length, sounds) for of_language in by_language.values() for length in of_language])
    elif csv:
        _print_csv(by_text, parts.site.languages, sounds)
    else:
        _show(by_language, by_text, parts.site.longest_text_s)


def _document(length: Length, sounds: Path | None) -> dict[str, Any]:
    """Return a text's length; `sounds`: the folder of audio, if its loudness is to be measured."""
    document = {
        "language": length.language,
        "id": length.id,
        "seconds": round(length.seconds, 2),
        "estimated": length.audio is None,
    }
    if sounds is None:
        return document
    lufs, rms = _loudness(length, sounds)
    return document | {"lufs": lufs, "rms_dbfs": rms}


def _loudness(length: Length, sounds: Path) -> tuple[float | None, float | None]:
    """Return the loudness in LUFS and the level in dBFS of a text's audio, as a telephone plays it."""
    if length.audio is None:
        return None, None
    measured = measure(manifest.paths(sounds, length.audio.file)[0])
    return round(measured.lufs, 1), round(measured.rms_dbfs, 1)


def _print_csv(by_text: Mapping[str, Mapping[str, Length]], languages: Sequence[str], sounds: Path | None) -> None:
    """Print a row for each text. `sounds`: the folder of audio, if its loudness is to be measured."""
    figures = [] if sounds is None else [f"{language}_{figure}" for language in languages for figure in ("lufs", "rms")]
    names, rows = ["id", *(f"{language}_s" for language in languages), *figures], []
    for prompt, of_text in by_text.items():
        row: list[object] = [prompt, *_cells(of_text, languages)]
        for length in (of_text.get(language) for language in languages if sounds is not None):
            row += _loudness(length, sounds) if length is not None and sounds is not None else (None, None)
        rows.append(dict(zip(names, row, strict=True)))
    sys.stdout.write(to_csv(names, rows))


def _cells(of_text: Mapping[str, Length], languages: Sequence[str]) -> Iterator[str]:
    for language in languages:
        length = of_text.get(language)
        yield "" if length is None else f"{'~' if length.audio is None else ''}{length.seconds:.1f}"


def _show(
    by_language: Mapping[str, Sequence[Length]], by_text: Mapping[str, Mapping[str, Length]], longest_s: float
) -> None:
    rows = []
    for language, of_language in by_language.items():
        seconds = [length.seconds for length in of_language]
        estimated = sum(length.audio is None for length in of_language)
        too_long = sum(round(lasts, 1) > longest_s for lasts in seconds)
        longest = f"{max(seconds, default=0.0):.1f}"
        rows.append((language, len(seconds), f"{sum(seconds) / 60:.0f}", longest, too_long, estimated))
    columns = ("language", "texts", "minutes", "longest, s", f"over {longest_s:g} s", "estimated")
    as_table("Lengths of the texts", columns, rows)
    console.print()
    longest_first = sorted(
        by_text.items(), key=lambda text: max((item.seconds for item in text[1].values()), default=0.0), reverse=True
    )
    cells = ((prompt, *_cells(of_text, list(by_language))) for prompt, of_text in islice(longest_first, _LONGEST))
    as_table(f"The {_LONGEST} longest texts, in seconds", ("id", *by_language), cells)
