"""`python -m bench.intelligibility`: measure each language's voice, and a peer, with the recogniser in one run."""

import sys
import tempfile
import time
import wave
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import numpy as np
import orjson
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from bench import machine
from bench.intelligibility import announcements, errors, hard, report, telephone
from bench.intelligibility.environment import Environment, Recogniser, RecogniserError, install
from bench.intelligibility.report import Announcement, Result
from ivr.home import settings
from ivr.site import site
from prompts import catalogue
from prompts.audio import AudioError
from prompts.build import TIME_LIMIT
from prompts.catalogue import CatalogueError, Catalogues
from prompts.say import TextError, say
from prompts.voices import Voice, VoiceMissingError, choice, voice_of
from prompts.voices.process import VoiceError, VoicePool


class Announcements(StrEnum):
    """The lists of announcements."""

    TYPICAL = "typical"
    HELD_OUT = "held_out"
    HARD = "hard"
    KEPT_APART = "kept_apart"
    TUNING = "tuning"


SITE, QUICK, PEER = "site", "quick", "espeak-ng"
"""The site's own voice; the voice that speaks at once, until the site's has spoken everything; and espeak-ng without
changes, which is the obvious alternative."""


class VoiceNameError(Exception):
    """A voice that cannot be measured; the message says why."""


@dataclass(frozen=True, slots=True)
class _Text:
    id: str
    spoken: str | None  # None: not translated
    words: str  # without figures and abbreviations


@dataclass(frozen=True, slots=True)
class _Job:
    language: str
    voice: Voice
    name: str
    peer: bool
    set: Announcements
    texts: tuple[_Text, ...]


def _peer(language: str) -> Voice:
    """Return espeak-ng at its default speed."""
    return Voice(PEER, "prompts.voices.espeak", language, (("rate", 175),), ("pyttsx3", "espeakng-loader"))


def _jobs(
    languages: list[str],
    voices: list[str],
    sets: list[Announcements],
    texts: Catalogues,
    chosen: choice.Choice,
    folder: Path,
) -> Iterator[_Job]:
    for language in languages:
        quick = voice_of(language)
        for name in voices:
            if name == PEER:
                voice = _peer(language)
            elif name == SITE:
                if reason := chosen.missing.get(language):
                    raise VoiceNameError(f"{chosen.named[language]}: {reason}")
                voice = chosen.voice(language)
            elif name == QUICK:
                voice = quick
            elif choice.mistake(language, name):  # it speaks another language
                continue
            else:
                try:
                    voice = choice.find(language, name, folder)
                except VoiceMissingError as error:
                    raise VoiceNameError(f"{name}: {error}") from None
            if voice == quick and name == SITE and QUICK in voices:  # measured once
                continue
            shown = _describe_voice(voice)
            for item in sets:
                if found := tuple(_texts(item, texts, language)):
                    yield _Job(language, voice, shown, name == PEER, item, found)


def _texts(wanted: Announcements, texts: Catalogues, language: str) -> Iterator[_Text]:
    if wanted is Announcements.HARD:
        for number, (spoken, words) in enumerate(hard.SENTENCES.get(language, ()), 1):
            yield _Text(f"hard_{number}", spoken, words)
        return
    for prompt in _prompts(wanted, texts, language):
        text = texts.text(language, prompt)
        yield _Text(prompt, text, text or "")


def _prompts(wanted: Announcements, texts: Catalogues, language: str) -> Iterable[str]:
    match wanted:
        case Announcements.TYPICAL:
            return announcements.TYPICAL
        case Announcements.HELD_OUT:
            return announcements.HELD_OUT
        case Announcements.KEPT_APART:
            return announcements.kept_apart(texts, language)
        case _:
            return announcements.tuning(texts, language)


def _describe_voice(voice: Voice) -> str:
    if voice.source != "pico":
        return voice.source
    return f"pico {voice.name}" if voice.module == "prompts.voices.pico" else f"pico {voice.name} by phonemes"


def _measure(job: _Job, recogniser: Recogniser, done: Callable[[], None]) -> Result:
    heard, failed = [], []
    with tempfile.TemporaryDirectory(prefix="hatif-speech-") as scratch, VoicePool(TIME_LIMIT) as pool:
        file = Path(scratch) / "speech.wav"
        for text in job.texts:
            if text.spoken is None:
                failed.append(f"{text.id}: it is not translated")
            else:
                try:
                    say(text.spoken, job.language, file, voice=job.voice, pool=pool)
                except (TextError, VoiceError, AudioError) as error:
                    failed.append(f"{text.id}: {error}")
                else:
                    understood = recogniser.hear(telephone.telephone_sound(*_samples(file)), job.language)
                    error_rate = errors.character_error(text.words, understood)
                    heard.append(Announcement(text.id, text.words, understood, error_rate))
            done()
    return Result(job.language, job.name, job.peer, job.set, tuple(heard), tuple(failed))


def _samples(file: Path) -> tuple[NDArray[np.int16], int]:
    with wave.open(str(file), "rb") as audio:
        return np.frombuffer(audio.readframes(audio.getnframes()), dtype="<i2"), audio.getframerate()


def _run(
    languages: list[str], voices: list[str], sets: list[Announcements], limit: float, installs: bool
) -> list[Result]:
    console = Console(stderr=True)
    here = settings.read()
    environment = Environment(here.home / "intelligibility")
    if installs:
        install(environment, lambda text: console.print(f"  {text}"))
    own, texts = site.load(here.site), catalogue.load(here.site)
    named = choice.wanted(own.voices, texts.languages, slow=not here.quick_voices)
    chosen = choice.choose(named, here.voices)
    if unknown := sorted(set(languages) - set(texts.languages)):
        raise VoiceNameError(f"the site has no language {', '.join(unknown)}; it has {', '.join(texts.languages)}")
    jobs = list(_jobs(languages, voices, sets, texts, chosen, here.voices))
    results = []
    ends = time.monotonic() + 60 * limit
    with Recogniser(environment) as recogniser, Progress(console=console, transient=True) as progress:
        task = progress.add_task("", total=sum(len(job.texts) for job in jobs))
        for job in jobs:
            if time.monotonic() > ends:
                console.print(f"{limit:g} minutes are over: {job.language} and all later ones were left out")
                break
            progress.update(task, description=f"{job.language} {job.name}")
            result = _measure(job, recogniser, lambda: progress.advance(task))
            results.append(result)
            console.print(
                f"  {result.language} {result.voice}, {result.set}: {report.format_error(result.mean)}", markup=False
            )
    return results


def main(
    language: Annotated[list[str], typer.Option(help="A language; may be repeated. Default: all with a limit.")] = [],  # noqa: B006
    voice: Annotated[
        list[str],
        typer.Option(help=f"`{SITE}`, `{QUICK}`, `{PEER}`, or a voice that can be switched on, such as mbrola-nl2."),
    ] = [SITE, QUICK, PEER],  # noqa: B006
    announced: Annotated[
        list[Announcements], typer.Option("--set", help="A list of announcements; may be repeated.")
    ] = [Announcements.TYPICAL, Announcements.HELD_OUT, Announcements.HARD],  # noqa: B006
    minutes: Annotated[float, typer.Option(min=0.1, help="No further voice is started after this.")] = 30,
    installs: Annotated[
        bool, typer.Option("--install", help="Create the recogniser's environment first (600 MB).")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Measure how well an independent recogniser understands each voice by telephone."""
    about = machine.description()
    started = time.monotonic()
    try:
        results = _run(language or sorted(report.WANTED), voice, announced, minutes, installs)
    except (RecogniserError, VoiceNameError, CatalogueError, settings.SettingsError, site.SiteError) as error:
        print(f"bench.intelligibility: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    seconds = time.monotonic() - started
    if as_json:
        print(orjson.dumps(report.document(about, results, seconds), option=orjson.OPT_INDENT_2).decode())
    else:
        report.show(about, results, seconds)


if __name__ == "__main__":
    typer.run(main)
