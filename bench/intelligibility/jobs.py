"""What is to be measured: the announcements of a list, in a language, spoken by a voice."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bench.intelligibility import announcements, hard
from prompts.catalogue import Catalogues
from prompts.voices import Voice, VoiceMissingError, choice, voice_of


class Announcements(StrEnum):
    """The lists of announcements."""

    TYPICAL = "typical"
    HELD_OUT = "held_out"
    HARD = "hard"
    KEPT_APART = "kept_apart"
    TUNING = "tuning"


SITE, QUICK, PEER = "site", "quick", "espeak-ng"
"""The site's own voice; the voice that speaks at once, until the site's has spoken everything; espeak-ng without
changes, which is the obvious alternative."""


class VoiceNameError(Exception):
    """A voice that cannot be measured; the message says why."""


@dataclass(frozen=True, slots=True)
class Text:
    """One announcement."""

    id: str
    spoken: str | None  # None: not translated
    words: str  # without figures and abbreviations


@dataclass(frozen=True, slots=True)
class Job:
    """A list of announcements of one language, for one voice."""

    language: str
    voice: Voice
    name: str
    peer: bool
    set: Announcements
    texts: tuple[Text, ...]


def jobs(
    languages: Sequence[str],
    voices: Sequence[str],
    sets: Sequence[Announcements],
    texts: Catalogues,
    chosen: choice.Choice,
    folder: Path,
) -> Iterator[Job]:
    """Yield what is to be measured, a language at a time.

    Args:
        voices: By their names in `--voice`; one that does not speak a language is left out there.
        chosen: The site's voices.
        folder: Of voices that are installed on request.

    Raises:
        VoiceNameError: A voice is not here, or speaks none of the languages.
    """
    for name in {*voices} - {SITE, QUICK, PEER}:
        if all(mistakes := [choice.mistake(language, name) for language in languages]):
            raise VoiceNameError(str(mistakes[0]))
    for language in languages:
        for name in voices:
            voice = _voice(language, name, chosen, folder)
            # Measured once, if the site's own voice is the quick one.
            if voice is None or (name == SITE and QUICK in voices and voice == voice_of(language)):
                continue
            for item in sets:
                if found := tuple(_texts(item, texts, language)):
                    yield Job(language, voice, _describe_voice(voice), name == PEER, item, found)


def _voice(language: str, name: str, chosen: choice.Choice, folder: Path) -> Voice | None:
    """Return a voice; None if it does not speak this language."""
    if name == PEER:  # at its default speed
        return Voice(PEER, "prompts.voices.espeak", language, (("rate", 175),), ("pyttsx3", "espeakng-loader"))
    if name == QUICK:
        return voice_of(language)
    if name == SITE:
        if reason := chosen.missing.get(language):
            raise VoiceNameError(f"{chosen.named[language]}: {reason}")
        return chosen.voice(language)
    if choice.mistake(language, name):
        return None
    try:
        return choice.find(language, name, folder)
    except VoiceMissingError as error:
        raise VoiceNameError(f"{name}: {error}") from None


def _texts(wanted: Announcements, texts: Catalogues, language: str) -> Iterator[Text]:
    if wanted is Announcements.HARD:
        for number, (spoken, words) in enumerate(hard.SENTENCES.get(language, ()), 1):
            yield Text(f"hard_{number}", spoken, words)
        return
    for prompt in _prompts(wanted, texts, language):
        text = texts.text(language, prompt)
        yield Text(prompt, text, text or "")


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
