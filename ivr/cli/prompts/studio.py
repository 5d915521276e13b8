"""Commands about recordings: the sheet that a studio reads from, and what it sends back."""

from collections import Counter
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ivr.cli.composition import Composition
from ivr.cli.output import JSON, Bar, as_json, as_table, console, errors

if TYPE_CHECKING:
    from prompts.importing import DeliveredFile


class Format(StrEnum):
    HTML = "html"
    CSV = "csv"


def register(prompts: typer.Typer) -> None:
    prompts.command()(script)
    prompts.command("import")(import_)


def script(
    language: str = typer.Argument(help="The code of a language of the site."),
    out: Path = typer.Option(None, "--out", help="The file; without it the sheet goes to standard output."),
    format: Format = typer.Option(  # noqa: A002
        None, "--format", help="html, to be printed, or csv, for spreadsheets. Default: as the file is named, or html."
    ),
    missing: bool = typer.Option(False, "--missing", help="Only what is not recorded yet, or has changed since."),
) -> None:
    """Write the sheet that a studio reads from: every text of a language, and how its file is to be named."""
    from prompts import catalogue, manifest
    from prompts import script as sheets

    parts = Composition()
    site = parts.settings.site
    heard = manifest.load_if_any(parts.settings.sounds / manifest.FILE)
    sheet = sheets.script(site, catalogue.load(site), language, missing=missing, heard=heard)
    named = Format.CSV if out and out.suffix.lower() == ".csv" else Format.HTML
    content = (sheets.as_csv if (format or named) is Format.CSV else sheets.as_html)(sheet)
    if sheet.untranslated:
        some = ", ".join(sheet.untranslated[:5])
        said = f"hatif: {len(sheet.untranslated)} texts are not translated or not released and not in it ({some})"
        errors.print(said, style="yellow", markup=False, soft_wrap=True)
    if out is None:
        typer.echo(content, nl=False)
        return
    out.write_bytes(content)
    console.print(f"{out}: {len(sheet.lines)} of {sheet.texts} texts", markup=False)


def import_(
    folder: Path = typer.Argument(help="What the studio sent: LANGUAGE/ID.wav, WAV or FLAC.", metavar="DIR"),
    language: str = typer.Option(None, "--language", help="Only this one; files may lie in DIR itself then."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say what would be taken."),
    replaced: bool = typer.Option(False, "--replace", help="Take the place of other recordings."),
    out: Path = typer.Option(None, "--out", help="A CSV file of what is not taken, and why."),
    json: bool = JSON,
) -> None:
    """Check a studio's recordings and take the good ones into use; say what to record again."""
    from ivr.cli.prompts.build_prompts import build_all
    from prompts import catalogue, importing, manifest

    parts = Composition()
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
        if (wanted or any(each.verdict is importing.Verdict.THERE for each in found)) and not dry_run:
            importing.write_recordings(wanted)
            importing.save_readings(found, texts, site / "recordings")
            if not json:
                bar.step("Prompts")
            report = build_all(parts, lambda done, total, _: bar.update(done, total))
            problems = [str(problem) for problem in report.problems]
    bad = [each for each in found if each.verdict in (importing.Verdict.AGAIN, importing.Verdict.REFUSED)]
    if out is not None:
        _write(out, bad)
    if json:
        as_json([asdict(each) for each in found])
    else:
        _tell(found, dry_run=dry_run)
    for problem in problems:
        errors.print(f"hatif: {problem}", style="yellow", markup=False, soft_wrap=True)
    if bad or problems:
        raise typer.Exit(1)


def _tell(found: "list[DeliveredFile]", *, dry_run: bool) -> None:
    told = [each for each in found if each.reason]
    columns = ("file", "verdict", "seconds", "expected", "noise", "why")
    if told:
        as_table("Recordings", columns, ([*_numbers(each)[:-1], each.reason] for each in told))
    counts = Counter(each.verdict.value for each in found)
    said = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    console.print(f"{said}.{' Nothing was changed.' if dry_run else ''}", markup=False)


def _numbers(each: "DeliveredFile") -> list[Any]:
    numbers = (each.seconds, each.expected_s, each.noise, each.level)
    return [each.file, each.verdict.value, *(None if number is None else f"{number:.1f}" for number in numbers)]


def _write(out: Path, bad: "list[DeliveredFile]") -> None:
    from prompts.script import csv_bytes

    columns = ("file", "verdict", "language", "id", "why", "seconds", "expected_s", "noise_db", "level_dbfs")
    rows = []
    for each in bad:
        file, verdict, *numbers = _numbers(each)
        rows.append((file, verdict, each.language, each.id, each.reason, *("" if n is None else n for n in numbers)))
    out.write_bytes(csv_bytes(columns, rows))
