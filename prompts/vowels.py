"""Vowelled Arabic (tashkeel): words, their letters and marks, and the letters whose vowel is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

TATWEEL = "\u0640"
LETTERS = "\u0621-\u063a\u0641-\u064a\u0671\u067e\u0686\u06a4\u06ad\u06af"
"""Character class of letters: the alphabet, and those borrowed for names (p, ch, v, g)."""
MARKS = "\u064b-\u0652\u0670"
WORD = re.compile(f"[{LETTERS}\u0671-\u06d3][{LETTERS}\u0671-\u06d3{MARKS}{TATWEEL}]*")
"""A word in Arabic letters, or in those of a language that adds more of them."""
FATHATAN, FATHA, DAMMA, KASRA, SHADDA, SUKUN = "\u064b\u064e\u064f\u0650\u0651\u0652"

_LETTER = re.compile(f"([{LETTERS}])({TATWEEL}*[{MARKS}{TATWEEL}]*)")
_SILENT = "اىآٱ"
_ARTICLE = re.compile(f"[وفبك]?[{MARKS}]*ا[{MARKS}]*")


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter and the marks on it; `at` is its offset in the word."""

    letter: str
    marks: str
    at: int


def letters(word: str) -> list[Letter]:
    """Return the letters of a word; a tatweel is not a letter."""
    return [Letter(match[1], match[2].replace(TATWEEL, ""), match.start()) for match in _LETTER.finditer(word)]


def bare(text: str) -> str:
    """Return the text without its vowel marks."""
    return re.sub(f"[{MARKS}{TATWEEL}]", "", text)


def missing(word: str) -> list[Letter]:
    """Return the letters whose vowel a reader has to guess: not before an alef (it is a), not the l of the article."""
    return [
        letter
        for letter, previous, following in _with_neighbours(letters(word))
        if not _is_marked(letter, previous, following)
        and not (following.letter in ("ا", "ى") and following.marks in ("", FATHATAN))
        and not (letter.letter == "ل" and following.marks and _ARTICLE.fullmatch(word[: letter.at]))
    ]


def _with_neighbours(found: list[Letter]) -> Iterator[tuple[Letter, Letter, Letter]]:
    """Return each letter with its two neighbours."""
    none = Letter("", "", 0)
    return zip(found, [none, *found], [*found[1:], none], strict=False)


def _is_marked(letter: Letter, previous: Letter, following: Letter) -> bool:
    """An alef, a waw after u, a ya after i (these are long vowels) and an assimilated l carry no mark."""
    return (
        bool(letter.marks.replace(SHADDA, ""))
        or letter.letter in _SILENT
        or (letter.letter == "و" and DAMMA in previous.marks)
        or (letter.letter == "ي" and KASRA in previous.marks)
        or (letter.letter == "ل" and SHADDA in following.marks)
    )


def unvowelled(text: str) -> list[str]:
    """Return the words of a text in which a vowel is missing, each once, as they are written."""
    return list(dict.fromkeys(word for word in WORD.findall(text) if missing(word)))
