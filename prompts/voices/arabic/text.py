"""An Arabic text as phrases of sounds."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from prompts.voices.arabic import numbers, pronunciation
from prompts.voices.arabic.sounds import Word

_PHRASE = re.compile(r"([^،,.؟?!:؛;…\n()«»\"“”–—]+)([،,.؟?!:؛;…]?)")
_MARKS = {"،": ",", "؛": ",", ";": ",", ":": ",", "؟": "?", "…": "."}
_LATIN = {
    "a": "ا", "b": "ب", "c": "ك", "d": "د", "e": "ي", "f": "ف", "g": "غ", "h": "ه", "i": "ي",
    "j": "ج", "k": "ك", "l": "ل", "m": "م", "n": "ن", "o": "و", "p": "ب", "q": "ك", "r": "ر",
    "s": "س", "t": "ت", "u": "و", "v": "ف", "w": "و", "x": "كس", "y": "ي", "z": "ز",
}  # fmt: skip
"""An Arabic letter for each Latin one: a guess, so that foreign words are not silent."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """The words between two pauses."""

    words: tuple[Word, ...]
    mark: str  # , continues the sentence; . ? ! end it


def phrases(text: str) -> list[Phrase]:
    """Split a text into phrases.

    Raises:
        ValueError: The text contains nothing that can be spoken.
    """
    spelled = numbers.in_words(_arabic(text))
    found = [
        Phrase(tuple(spoken), _MARKS.get(mark, mark) or ",")
        for part, mark in _PHRASE.findall(spelled)
        if (spoken := pronunciation.words(_words(part)))
    ]
    if not found:
        raise ValueError("there is nothing to speak in this text; write it in vowelled Arabic")
    if found[-1].mark == "," and text.rstrip()[-1:] not in "،,؛;:":
        found[-1] = Phrase(found[-1].words, ".")
    return found


def _words(part: str) -> Sequence[str]:
    """Return the words; a separate wa- is joined to the next word."""
    return re.sub("(?<!\\S)وَ?\\s+", "وَ", part).split()


def _arabic(text: str) -> str:
    """Replace Latin letters by Arabic ones."""
    plain = unicodedata.normalize("NFD", text)
    if plain.isascii() or any("a" <= letter.lower() <= "z" for letter in plain):
        text = "".join(_LATIN.get(letter.lower(), letter) for letter in plain)
    return unicodedata.normalize("NFC", text)
