"""Arabic spelling: letters with the marks above and below them."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace

FATHATAN, DAMMATAN, KASRATAN, FATHA, DAMMA, KASRA, SHADDA, SUKUN = "\u064b\u064c\u064d\u064e\u064f\u0650\u0651\u0652"
DAGGER_ALEF = "\u0670"
ALEF, ALEF_WASLA, ALEF_MADDA, ALEF_MAKSURA = "\u0627\u0671\u0622\u0649"
HAMZA_ABOVE, HAMZA_BELOW = "أ", "إ"
FEMININE = "ة"
MARKS = frozenset((FATHATAN, DAMMATAN, KASRATAN, FATHA, DAMMA, KASRA, SHADDA, SUKUN, DAGGER_ALEF))

CONSONANTS = {
    "ب": "b", "ت": "t", "ث": "T", "ج": "Z", "ح": "X", "خ": "x", "د": "d", "ذ": "D", "ر": "r",
    "ز": "z", "س": "s", "ش": "S", "ص": "s.", "ض": "d.", "ط": "t.", "ظ": "z.", "ع": "H", "غ": "G",
    "ف": "f", "ق": "q", "ك": "k", "ل": "l", "م": "m", "ن": "n", "ه": "h", "و": "w", "ي": "j",
    "أ": "?", "إ": "?", "ؤ": "?", "ئ": "?", "ء": "?",
    FEMININE: "t",
    # Letters added by Moroccan and other spellings, and Persian forms typed instead of Arabic ones.
    "ڭ": "g", "گ": "g", "پ": "b", "ڤ": "f", "ڥ": "f", "ک": "k", "ی": "j",
}  # fmt: skip
"""The consonant of each letter, in the notation of the MBROLA voices ar1 and ar2.

A dot marks an emphatic; T and D are the English th, Z is zh, S is sh, X and H are haa and ayn, x and G khaa and ghayn,
? the glottal stop.
"""
SUN = frozenset("تثدذرزسشصضطظلن")
"""Letters that assimilate the l of the article before them."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter as written."""

    base: str
    vowel: str = ""  # its vowel mark or sukun; empty if none is written
    doubled: bool = False  # has a shadda
    dagger: bool = False  # has a small alef above it

    @property
    def bare(self) -> bool:
        """Whether no vowel is written after it."""
        return self.vowel in ("", SUKUN) and not self.dagger


def letters(word: str) -> list[Letter]:
    """Return the letters of a word, in whatever order its marks were typed; other characters are dropped."""
    found: list[Letter] = []
    for sign in unicodedata.normalize("NFC", unicodedata.normalize("NFKC", word)):
        if sign in MARKS:
            if found:
                found[-1] = _add_mark(found[-1], sign)
        elif sign == ALEF_MADDA:
            found += [Letter(HAMZA_ABOVE, FATHA), Letter(ALEF)]
        elif sign == ALEF_WASLA:
            found.append(Letter(ALEF))
        elif sign in CONSONANTS or sign in (ALEF, ALEF_MAKSURA):
            found.append(Letter(sign))
    return found


def _add_mark(letter: Letter, mark: str) -> Letter:
    if mark == SHADDA:
        return replace(letter, doubled=True)
    if mark == DAGGER_ALEF:
        return replace(letter, dagger=True)
    return replace(letter, vowel=mark) if letter.bare else letter
