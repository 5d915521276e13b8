"""Vowelled Arabic to the model's symbols, through our own pronunciation.

The model has no ħ, no ʕ and no emphatics; these substitutes gave the best results with a speech recogniser
(docs/decisions/0011-arabic-pronunciation.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prompts.voices.arabic.sounds import Word
from prompts.voices.arabic.text import phrases


@dataclass(frozen=True, slots=True)
class Sounds:
    """The model's symbols for each sound; decision 11 has those that were tried."""

    consonants: Mapping[str, str]
    vowels: Mapping[str, str]
    dark: Mapping[str, str]
    """Vowels beside an emphatic."""
    darken: frozenset[str] = frozenset()
    """Consonants that darken a vowel like the emphatics."""


SOUNDS = Sounds(
    consonants={
        "b": "b", "t": "t", "T": "θ", "Z": "ʒ", "X": "h", "x": "x", "d": "d", "D": "ð", "r": "r", "z": "z", "s": "s",
        "S": "ʃ", "s.": "s", "d.": "d", "t.": "t", "z.": "z", "H": "ɐ", "G": "ɣ", "f": "f", "q": "q", "k": "k",
        "l": "l", "m": "m", "n": "n", "h": "h", "w": "w", "j": "j", "?": "", "g": "ɡ",
    },
    vowels={"a": "a", "i": "i", "u": "u", "aː": "aː", "iː": "iː", "uː": "uː"},
    dark={"a": "ɑ", "i": "ɨ", "u": "ʊ", "aː": "ɑː", "iː": "ɨː", "uː": "oː"},
    darken=frozenset("q"),
)  # fmt: skip


def symbols(text: str, sounds: Sounds = SOUNDS) -> str:
    """Return the model's symbols for a text.

    Raises:
        ValueError: The text contains nothing that can be spoken.
    """
    return " ".join(" ".join(_word(word, sounds) for word in phrase.words) + phrase.mark for phrase in phrases(text))


def _word(word: Word, sounds: Sounds) -> str:
    found = ""
    for place, phone in enumerate(word):
        if phone.is_vowel:
            beside = {other.symbol for other in word[max(0, place - 1) : place + 2]}
            vowels = sounds.dark if phone.coloured or beside & sounds.darken else sounds.vowels
            found += ("ˈ" if phone.stressed else "") + vowels[phone.symbol + ("ː" if phone.long else "")]
        else:
            found += sounds.consonants[phone.symbol] * (2 if phone.long else 1)
    return found
