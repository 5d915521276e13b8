"""Commands about recordings: write a studio's reading sheet, import its recordings."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Any

import typer

from cli.composition import Composition
from cli.output import JSON, Bar, as_json, as_table, console, errors
from cli.owner import refuse_strangers
from cli.prompts import clip_sets
from cli.prompts.build_prompts import build_all
from prompts import catalogue, importing, manifest
from prompts import script as sheets
from prompts.importing import DeliveredFile
from prompts.script import COLUMNS, Script
from reports.sheet import to_csv


class Format(StrEnum):
    HTML = "html"
    CSV = "csv"


def register(prompts: typer.Typer) -> None:
    prompts.command()(script)
    prompts.command("import")(import_)


def script(
    language: str = typer.Argument(help="The code of a language of the site."),
    out: Path = typer.Option(None, "--out", help="Write to this file.  [default: standard output]"),
    format: Format = typer.Option(  # noqa: A002
        None, "--format", help="html for printing, csv for spreadsheets.  [default: from the file's name, or html]"
    ),
    missing: bool = typer.Option(
        False, "--missing", help="Include only texts that are not recorded yet or have changed since."
    ),
) -> None:
    """Write the sheet that a studio reads from: every text of a language with the name of its file."""
    parts = Composition()
    site = parts.settings.site
    audio = manifest.load_if_any(parts.settings.sounds / manifest.FILE)
    sheet = sheets.script(site, catalogue.load(site), language, missing=missing, heard=audio)
    default = Format.CSV if out and out.suffix.lower() == ".csv" else Format.HTML
    content = (as_csv if (format or default) is Format.CSV else sheets.as_html)(sheet)
    if sheet.untranslated:
        some = ", ".join(sheet.untranslated[:5])
        warning = f"hatif: {len(sheet.untranslated)} texts are left out, not translated or not released ({some})"
        errors.print(warning, style="yellow", markup=False, soft_wrap=True)
    if out is None:
        typer.echo(content, nl=False)
        return
    out.write_bytes(content)
    console.print(f"{out}: {len(sheet.lines)} of {sheet.texts} texts", markup=False)


def import_(
    folder: Path = typer.Argument(
        help="The folder from the studio, with LANGUAGE/ID.wav, WAV or FLAC; or a file of `hatif prompts export`.",
        metavar="DIR|FILE",
    ),
    language: str = typer.Option(None, "--language", help="Import only this language; its files may be in DIR itself."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only show what would be imported."),
    replaced: bool = typer.Option(False, "--replace", help="Replace other recordings."),
    out: Path = typer.Option(
        None, "--out", help="Write the files that are not imported, with reasons, to this CSV file."
    ),
    json: bool = JSON,
) -> None:
    """Check a studio's recordings, use the good ones, and show what to record again; or take what voices have spoken
    elsewhere."""
    parts = Composition()
    refuse_strangers(parts.settings.home)
    if folder.is_file():
        if language or dry_run or replaced or out:
            raise typer.BadParameter("the options but --json are for the folder of a studio, not for a file")
        clip_sets.import_set(parts, folder, json=json)
        return
    site = parts.settings.site
    texts = catalogue.load(site)
    with Bar() as bar:
        if not json:
            bar.step("Recordings")
        found, wanted = importing.examine(
            folder,
            texts,
            site / "recordings",
            manifest.load_if_any(parts.settings.sounds / manifest.FILE),
            language=language,
            replaced=replaced,
            progress=lambda done, total, _: bar.update(done, total),
        )
        problems: list[str] = []
        if (wanted or any(file.verdict is importing.Verdict.THERE for file in found)) and not dry_run:
            importing.write_recordings(wanted)
            importing.save_readings(found, texts, site / "recordings")
            if not json:
                bar.step("Prompts")
            report = build_all(parts, lambda done, total, _: bar.update(done, total))
            problems = [str(problem) for problem in report.problems]
    bad = [file for file in found if file.verdict in (importing.Verdict.AGAIN, importing.Verdict.REFUSED)]
    if out is not None:
        _write_rejected(out, bad)
    if json:
        as_json([asdict(file) for file in found])
    else:
        _show(found, dry_run=dry_run)
    for problem in problems:
        errors.print(f"hatif: {problem}", style="yellow", markup=False, soft_wrap=True)
    if bad or problems:
        raise typer.Exit(1)


def _show(found: list[DeliveredFile], *, dry_run: bool) -> None:
    explained = [file for file in found if file.reason]
    columns = ("file", "verdict", "seconds", "expected", "noise", "why")
    if explained:
        as_table("Recordings", columns, ([*_cells(file)[:-1], file.reason] for file in explained))
    counts = Counter(file.verdict.value for file in found)
    summary = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    console.print(f"{summary}.{' Nothing was changed.' if dry_run else ''}", markup=False)


def _cells(file: DeliveredFile) -> list[Any]:
    numbers = (file.seconds, file.expected_s, file.noise, file.level)
    return [file.file, file.verdict.value, *(None if number is None else f"{number:.1f}" for number in numbers)]


def _write_rejected(out: Path, bad: list[DeliveredFile]) -> None:
    columns = ("file", "verdict", "language", "id", "why", "seconds", "expected_s", "noise_db", "level_dbfs")
    rows = []
    for delivered in bad:
        file, verdict, *numbers = _cells(delivered)
        rows.append(
            (
                file,
                verdict,
                delivered.language,
                delivered.id,
                delivered.reason,
                *("" if n is None else n for n in numbers),
            )
        )
    out.write_bytes(_table(columns, rows))


def as_csv(sheet: Script) -> bytes:
    """Return a recording script for spreadsheets: UTF-8 with a byte order mark, and no cell is a formula."""
    return _table(COLUMNS, [[getattr(line, column) for column in COLUMNS] for line in sheet.lines])


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    return to_csv(columns, [dict(zip(columns, row, strict=True)) for row in rows], bom=True).encode()
