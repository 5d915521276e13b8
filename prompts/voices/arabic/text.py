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
"""A letter for each letter of a foreign word: a guess, so that it is not silent."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words between two pauses."""

    words: tuple[Word, ...]
    mark: str  # , goes on; . ? ! end a sentence


def phrases(text: str) -> list[Phrase]:
    """The phrases that a text is read in. ValueError: it holds nothing that can be said."""
    spelled = numbers.in_words(_arabic(text))
    found = [
        Phrase(tuple(spoken), _MARKS.get(mark, mark) or ",")
        for part, mark in _PHRASE.findall(spelled)
        if (spoken := pronunciation.words(_words(part)))
    ]
    if not found:
        raise ValueError("there is nothing to say in this text; write it in vowelled Arabic")
    if found[-1].mark == "," and text.rstrip()[-1:] not in "،,؛;:":
        found[-1] = Phrase(found[-1].words, ".")
    return found


def _words(part: str) -> Sequence[str]:
    """The words; a lone wa- belongs to the word that follows."""
    return re.sub("(?<!\\S)وَ?\\s+", "وَ", part).split()


def _arabic(text: str) -> str:
    """Foreign letters replaced by Arabic ones."""
    plain = unicodedata.normalize("NFD", text)
    if plain.isascii() or any("a" <= letter.lower() <= "z" for letter in plain):
        text = "".join(_LATIN.get(letter.lower(), letter) for letter in plain)
    return unicodedata.normalize("NFC", text)
