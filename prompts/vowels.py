"""Vowelled Arabic (tashkeel): its words, their letters and marks, and which letters still want a mark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

TATWEEL = "\u0640"
LETTERS = "\u0621-\u063a\u0641-\u064a\u0671\u067e\u0686\u06a4\u06ad\u06af"
"""A class of letters: the alphabet, and those that names borrow (p, ch, v, g)."""
MARKS = "\u064b-\u0652\u0670"
WORD = re.compile(f"[{LETTERS}\u0671-\u06d3][{LETTERS}\u0671-\u06d3{MARKS}{TATWEEL}]*")
"""A word in the letters of Arabic or of a language that is written with more of them."""
FATHATAN, FATHA, DAMMA, KASRA, SHADDA, SUKUN = "\u064b\u064e\u064f\u0650\u0651\u0652"

_LETTER = re.compile(f"([{LETTERS}])({TATWEEL}*[{MARKS}{TATWEEL}]*)")
_SILENT = "اىآٱ"
_ARTICLE = re.compile(f"[وفبك]?[{MARKS}]*ا[{MARKS}]*")


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter and the marks on it; `at` is its place in the word."""

    letter: str
    marks: str
    at: int


def letters(word: str) -> list[Letter]:
    """The letters of a word; a tatweel is none."""
    return [Letter(each[1], each[2].replace(TATWEEL, ""), each.start()) for each in _LETTER.finditer(word)]


def bare(text: str) -> str:
    """The text without its vowels."""
    return re.sub(f"[{MARKS}{TATWEEL}]", "", text)


def is_arabic(word: str) -> bool:
    """Whether a word has only letters that Arabic is written with."""
    return re.fullmatch(f"[{LETTERS}{MARKS}{TATWEEL}]+", word) is not None


def unmarked(word: str) -> list[Letter]:
    """The letters on which a mark is written and is not there.

    None is written on an alef, on waw after u and ya after i (they are long), and on an l that is assimilated.
    """
    return [each for each, previous, following in _between(letters(word)) if not _is_marked(each, previous, following)]


def missing(word: str) -> list[Letter]:
    """The letters whose vowel a reader has to guess: not before an alef (it is a), not the l of the article."""
    return [
        each
        for each, previous, following in _between(letters(word))
        if not _is_marked(each, previous, following)
        and not (following.letter in ("ا", "ى") and following.marks in ("", FATHATAN))
        and not (each.letter == "ل" and following.marks and _ARTICLE.fullmatch(word[: each.at]))
    ]


def _between(found: list[Letter]) -> Iterator[tuple[Letter, Letter, Letter]]:
    """Each letter with those beside it."""
    none = Letter("", "", 0)
    return zip(found, [none, *found], [*found[1:], none], strict=False)


def _is_marked(each: Letter, previous: Letter, following: Letter) -> bool:
    return (
        bool(each.marks.replace(SHADDA, ""))
        or each.letter in _SILENT
        or (each.letter == "و" and DAMMA in previous.marks)
        or (each.letter == "ي" and KASRA in previous.marks)
        or (each.letter == "ل" and SHADDA in following.marks)
    )


def unvowelled(text: str) -> list[str]:
    """The words of a text in which a vowel is missing, each once, as they are written."""
    return list(dict.fromkeys(word for word in WORD.findall(text) if missing(word)))
