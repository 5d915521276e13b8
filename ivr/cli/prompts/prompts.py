"""Commands about what callers hear."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ivr.cli.composition import Composition
from ivr.cli.output import JSON, Bar, as_json, as_table, console, errors
from ivr.cli.prompts import studio, tashkeel, voices
from ivr.cli.prompts.build_prompts import build_all

if TYPE_CHECKING:
    from prompts.status import LanguageStatus


def register(app: typer.Typer) -> None:
    prompts = typer.Typer(
        help="What callers hear: texts, voices, recordings.", no_args_is_help=True, rich_markup_mode=None
    )
    prompts.command()(build)
    prompts.command("list")(list_prompts)
    prompts.command()(status)
    prompts.command()(say)
    voices.register(prompts)
    studio.register(prompts)
    tashkeel.register(prompts)
    app.add_typer(prompts, name="prompts")


def build() -> None:
    """Make the audio of all prompts; only what changed is made again."""
    parts = Composition()
    with Bar() as bar:
        bar.step("Prompts in all languages")
        report = build_all(parts, lambda done, total, _: bar.update(done, total))
    console.print(f"{report.made} made, {report.kept} were there, in {report.seconds:.1f} s.")
    for each in report.recorded:
        console.print(f"{each.language} has only recordings: {each}.", markup=False)
    for problem in report.problems:
        errors.print(f"hatif: {problem}", style="yellow", markup=False, soft_wrap=True)
    if report.problems:
        raise typer.Exit(1)


def list_prompts(json: bool = JSON) -> None:
    """Every prompt in every language: text, file, and where the voice is from."""
    from prompts import manifest

    parts = Composition()
    heard = manifest.load(parts.settings.sounds / manifest.FILE)
    rows = [
        {"id": prompt, "language": language, "text": audio.text, "file": audio.file, "source": audio.source}
        for language, prompts in heard.prompts.items()
        for prompt, audio in prompts.items()
    ]
    if json:
        as_json(rows)
    else:
        columns = ("id", "language", "source", "text")
        as_table("Prompts", columns, ([row[column] for column in columns] for row in rows))


def status(json: bool = JSON) -> None:
    """By language: texts, translated, recorded, synthesised, stale, missing, names; who speaks, and since when."""
    from prompts import catalogue, manifest
    from prompts.status import language_statuses

    parts = Composition()
    texts = catalogue.load(parts.settings.site)
    heard = manifest.load_if_any(parts.settings.sounds / manifest.FILE)
    off = [each for each in parts.site.recorded_only if each not in parts.site.languages]
    languages = (*parts.site.languages, *off)
    rows = list(language_statuses(languages, texts, heard, parts.voices, parts.site.recorded_only))
    if json:
        as_json([asdict(row) | {"on": row.language not in off} for row in rows])
        return
    counts = ("texts", "translated", "recorded", "synthesised", "stale", "missing", "names")
    columns = ("language", "state", *counts, "voices")
    as_table("Prompts", columns, (_cells(row, on=row.language not in off) for row in rows))
    for row in rows:
        if row.problem:
            errors.print(f"hatif: {row.language}: {row.problem}", style="yellow", markup=False, soft_wrap=True)


def _cells(row: "LanguageStatus", *, on: bool) -> tuple[object, ...]:
    state = "on" if on else f"off: {row.recorded} of {row.texts} recorded"
    several = len(row.voices) > 1
    voices = [
        each.voice + (f" ({each.prompts})" if several else "") + (f" since {each.since:%Y-%m-%d}" if each.since else "")
        for each in row.voices
    ]
    counts = (row.texts, row.translated, row.recorded, row.synthesised, row.stale, row.missing, row.names)
    return (row.language, state, *counts, ", ".join(voices) or "-")


def say(
    text: str = typer.Argument(help="What is to be said."),
    language: str = typer.Option(..., "--language", help="The code of a language of the site."),
    out: Path = typer.Option(..., "--out", help="The WAV file that is written."),
) -> None:
    """Speak a text the way the site would, into a WAV file."""
    from prompts.say import say as speak

    chosen = Composition().voices
    if problem := chosen.missing.get(language):
        said = f"hatif: {chosen.named[language]}: {problem}; {chosen.voice(language).source} speaks instead"
        errors.print(said, style="yellow", markup=False, soft_wrap=True)
    seconds = speak(text, language, out, voice=chosen.voice(language))
    console.print(f"{out}: {seconds:.1f} s", markup=False)
