"""Speech from phonemes with SVOX Pico: for languages that Pico does not have, in the voice of one that it has.

A word is written in X-SAMPA with the sounds of the voice used. The German, Spanish, Italian and French voices silently
skip a sound that they lack; in the English ones it ends the word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from py_nanotts import NanoTTS, Voice

RATE = 16_000
VOLUME = 0.4
"""Pico's default volume clips; the builder sets the level."""

_engine = NanoTTS()


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words between two pauses."""

    words: tuple[str, ...]  # X-SAMPA; `"` precedes the stressed syllable
    mark: str  # the punctuation after them, which determines the melody: one of , . ? !


def markup(phrases: Iterable[Phrase]) -> str:
    """Return the phrases as Pico's XML.

    Raises:
        ValueError: There is nothing to speak.
    """
    spoken = [f"{' '.join(map(_tag, phrase.words))}{phrase.mark}" for phrase in phrases if phrase.words]
    if not spoken:
        raise ValueError("there is nothing to speak in this text; write it in words")
    return " ".join(spoken)


def _tag(word: str) -> str:
    # Self-closing, because Pico also reads text between two tags aloud.
    escaped = word.replace("&", "&amp;").replace("<", "&lt;").replace("'", "&apos;")
    return f"<phoneme ph='{escaped}'/>"


def speak(phrases: Iterable[Phrase], voice: str, settings: Mapping[str, float]) -> tuple[bytes, int]:
    """Return 16-bit samples and their rate in Hz.

    Args:
        settings: `speed` and `pitch`; 1 is the voice's default.

    Raises:
        ValueError: Pico does not have the voice, or there is nothing to speak.
    """
    known = [known_voice.value for known_voice in Voice]
    if voice not in known:
        raise ValueError(f"Pico has no voice {voice}; it has {', '.join(known)}")
    samples: bytes = _engine.speak(markup(phrases), voice=voice, volume=VOLUME, **settings)
    return samples, RATE
