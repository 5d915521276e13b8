"""SVOX Pico told sound by sound what to say: for languages that it has no voice for, in the voice of one that it has.

A word is written in X-SAMPA with the sounds of the carrier voice; a sound that the voice lacks is left out without a
word by the German, Spanish, Italian and French voices, and ends the word in the English ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from py_nanotts import NanoTTS, Voice

RATE = 16_000
VOLUME = 0.4
"""Pico's own volume clips; the builder sets the level."""

GERMAN_CONSONANTS = "p b t d k g ? f v s z S Z C x h R l m n N j pf ts tS dZ"
GERMAN_VOWELS = "a a: 6 E E: e e: I i i: O o o: U u u: @ 9 2: y: Y aU aI OY i_^ u_^ y_^ 6_^"
"""All that the German voice says (seen in the length of what it makes of each symbol)."""

_engine = NanoTTS()


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words between two pauses."""

    words: tuple[str, ...]  # X-SAMPA; `"` stands before the stressed syllable
    mark: str  # the punctuation after them, which gives the melody: one of , . ? !


def markup(phrases: Iterable[Phrase]) -> str:
    """The phrases in Pico's own XML. ValueError: there is nothing to say."""
    spoken = [f"{' '.join(map(_tag, phrase.words))}{phrase.mark}" for phrase in phrases if phrase.words]
    if not spoken:
        raise ValueError("there is no sound to say in this text; write it in words")
    return " ".join(spoken)


def _tag(word: str) -> str:
    # Self-closing: what stands between two tags is read aloud as well.
    escaped = word.replace("&", "&amp;").replace("<", "&lt;").replace("'", "&apos;")
    return f"<phoneme ph='{escaped}'/>"


def speak(phrases: Iterable[Phrase], voice: str, settings: Mapping[str, float]) -> tuple[bytes, int]:
    """16-bit samples and their rate in Hz. `settings`: `speed`, `pitch` (1 is the voice's own).

    ValueError: a voice that Pico does not have, or nothing to say.
    """
    if voice not in {each.value for each in Voice}:
        raise ValueError(f"Pico has no voice {voice}; it has {', '.join(each.value for each in Voice)}")
    samples: bytes = _engine.speak(markup(phrases), voice=voice, volume=VOLUME, **settings)
    return samples, RATE
