"""Commands about what callers hear."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ivr.cli.compose import Composition
from ivr.cli.output import JSON, Bar, as_json, as_table, console, errors

if TYPE_CHECKING:
    from prompts.build import BuildReport
    from prompts.catalogue import Catalogues
    from prompts.manifest import Manifest


def register(app: typer.Typer) -> None:
    prompts = typer.Typer(
        help="What callers hear: texts, voices, recordings.", no_args_is_help=True, rich_markup_mode=None
    )
    prompts.command()(build)
    prompts.command("list")(list_prompts)
    prompts.command()(status)
    prompts.command()(say)
    app.add_typer(prompts, name="prompts")


def build_all(parts: Composition, progress: Callable[[int, int, str], None]) -> "BuildReport":
    """Brings all audio up to date with the texts and the recordings, and removes what no version of the flow names."""
    from prompts import catalogue, manifest
    from prompts.build import build as build_prompts

    folder, sounds = parts.settings.site, parts.settings.sounds
    report = build_prompts(
        catalogue.load(folder), sounds, folder / "recordings", progress, recorded_only=parts.site.recorded_only
    )
    try:
        manifest.prune(sounds, keep=manifest.files_of_versions(parts.settings.versions))
    except manifest.ManifestError as error:
        errors.print(f"hatif: {error}", style="yellow", markup=False, soft_wrap=True)
    return report


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
    """Language by language: texts, recorded, synthesised, stale, missing."""
    from prompts import catalogue, manifest

    parts = Composition()
    texts = catalogue.load(parts.settings.site)
    try:
        heard = manifest.load(parts.settings.sounds / manifest.FILE)
    except manifest.ManifestError:
        heard = manifest.Manifest({})
    off = [each for each in parts.site.recorded_only if each not in parts.site.languages]
    rows = [_status(language, texts, heard) | {"on": language not in off} for language in (*parts.site.languages, *off)]
    if json:
        as_json(rows)
        return
    columns = ("language", "state", "texts", "recorded", "synthesised", "voices", "stale", "missing")
    for row in rows:
        row["state"] = "on" if row["on"] else f"off: {row['recorded']} of {row['texts']} recorded"
        row["voices"] = " ".join(row["voices"])
    as_table("Prompts", columns, ([row[column] for column in columns] for row in rows))


def _status(language: str, texts: "Catalogues", heard: "Manifest") -> dict[str, Any]:
    audio = {prompt: heard.audio(language, prompt) for prompt in texts.ids}
    sources = Counter(each.source for each in audio.values() if each)
    return {
        "language": language,
        "texts": len(texts.ids),
        "recorded": sources.pop("recording", 0),
        "synthesised": sum(sources.values()),
        "voices": sorted(sources),
        "stale": sum(1 for prompt, each in audio.items() if each and each.text != texts.text(language, prompt)),
        "missing": sum(1 for each in audio.values() if each is None),
    }


def say(
    text: str = typer.Argument(help="What is to be said."),
    language: str = typer.Option(..., "--language", help="The code of a language of the site."),
    out: Path = typer.Option(..., "--out", help="The WAV file that is written."),
) -> None:
    """Speak a text the way the site would, into a WAV file."""
    from prompts.say import say as speak

    seconds = speak(text, language, out)
    console.print(f"{out}: {seconds:.1f} s", markup=False)
