"""Vowelled Arabic to the model's symbols, through our own pronunciation.

The model has no ħ, no ʕ and no emphatics; these substitutes gave the best results with a speech recogniser
(docs/voices.md).
"""

from __future__ import annotations

from prompts.voices.arabic.sounds import Word
from prompts.voices.arabic.text import phrases

_SOUNDS = {
    "b": "b", "t": "t", "T": "θ", "Z": "ʒ", "X": "h", "x": "x", "d": "d", "D": "ð", "r": "r", "z": "z", "s": "s",
    "S": "ʃ", "s.": "s", "d.": "d", "t.": "t", "z.": "ð", "H": "ɐ", "G": "ʁ", "f": "f", "q": "q", "k": "k", "l": "l",
    "m": "m", "n": "n", "h": "h", "w": "w", "j": "j", "?": "", "g": "ɡ",
}  # fmt: skip


def symbols(text: str) -> str:
    """Return the model's symbols for a text.

    Raises:
        ValueError: The text contains nothing that can be spoken.
    """
    return " ".join(" ".join(map(_word, phrase.words)) + phrase.mark for phrase in phrases(text))


def _word(word: Word) -> str:
    found = ""
    for phone in word:
        if phone.is_vowel:
            vowel = "ɑ" if phone.symbol == "a" and phone.coloured else phone.symbol
            found += ("ˈ" if phone.stressed else "") + vowel + ("ː" if phone.long else "")
        else:
            found += _SOUNDS[phone.symbol] * (2 if phone.long else 1)
    return found
