"""Arabic with SVOX Pico's German voice, sound by sound.

The German voice has no pharyngeals, no emphatics and no th; these substitutes gave the best results with a speech
recogniser (docs/decisions/0011-arabic-pronunciation.md).
"""

from __future__ import annotations

from collections.abc import Mapping

from prompts.voices import phonemes
from prompts.voices.arabic.sounds import Word
from prompts.voices.arabic.text import phrases

_SOUNDS = {
    "b": "b", "t": "t", "T": "s", "Z": "Z", "X": "x", "x": "x", "d": "d", "D": "z", "r": "R", "z": "z", "s": "s",
    "S": "S", "s.": "s", "d.": "d", "t.": "t", "z.": "z", "H": "?", "G": "R", "f": "f", "q": "k", "k": "k", "l": "l",
    "m": "m", "n": "n", "h": "h", "w": "v", "j": "j", "?": "?", "g": "g",
    "a": "a", "i": "i", "u": "u",
}  # fmt: skip


def speak(text: str, name: str, settings: Mapping[str, float]) -> tuple[bytes, int]:
    """Return 16-bit samples and their rate in Hz.

    Raises:
        ValueError: Nothing in the text can be spoken, or Pico does not have the voice.
    """
    spoken = [phonemes.Phrase(tuple(map(x_sampa, phrase.words)), phrase.mark) for phrase in phrases(text)]
    return phonemes.speak(spoken, name, settings)


def x_sampa(word: Word) -> str:
    """Convert a word to the sounds of the German voice, with the stress mark before the syllable's first consonant."""
    stressed = next((place for place, phone in enumerate(word) if phone.stressed), None)
    onset = stressed - 1 if stressed and not word[stressed - 1].is_vowel else stressed
    return "".join(
        ('"' if place == onset else "")
        + (f"{phone.symbol}:" if phone.is_vowel and phone.long else _SOUNDS[phone.symbol])
        for place, phone in enumerate(word)
    )
