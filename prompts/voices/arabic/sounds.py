"""The sounds of Arabic words: stress, and the effect of emphatics on vowels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

VOWELS = frozenset("aiu")
EMPHATICS = frozenset(("s.", "d.", "t.", "z."))


@dataclass(frozen=True, slots=True)
class Phone:
    """One sound."""

    symbol: str  # a, i, u or a consonant of `letters.CONSONANTS`
    long: bool = False  # a long vowel or a doubled consonant
    stressed: bool = False
    coloured: bool = False  # a vowel darkened by an adjacent emphatic

    @property
    def is_vowel(self) -> bool:
        return self.symbol in VOWELS


Word = tuple[Phone, ...]


def mark_stress(phones: Sequence[Phone], clitic: int = 0) -> list[Phone]:
    """Mark the stressed vowel of a word.

    The stress is on the last syllable if it is very heavy, else on the penultimate if it is heavy, else on the one
    before. The first `clitic` phones (the article and what precedes it) cannot carry it.
    """
    vowels = [place for place, phone in enumerate(phones) if phone.is_vowel]
    own = [place for place in vowels if place >= clitic] or vowels
    if not own:
        return list(phones)
    weights = [_weight(phones, place, vowels) for place in own]
    if weights[-1] >= 3 or len(own) == 1:
        chosen = own[-1]
    elif weights[-2] >= 2 or len(own) == 2:
        chosen = own[-2]
    else:
        chosen = own[-3]
    return [replace(phone, stressed=place == chosen) for place, phone in enumerate(phones)]


def _weight(phones: Sequence[Phone], vowel: int, vowels: Sequence[int]) -> int:
    """Return the morae of a syllable: 1 is light (ka), 2 heavy (kaa, kat), 3 very heavy (kaat, katb)."""
    following = [place for place in vowels if place > vowel]
    consonants = phones[vowel + 1 : following[0] if following else len(phones)]
    count = sum(2 if phone.long else 1 for phone in consonants)
    coda = count - 1 if following else count  # the last one begins the next syllable
    return 1 + phones[vowel].long + max(0, coda)


def mark_coloured(phones: Sequence[Phone]) -> list[Phone]:
    """Mark the vowels that an adjacent emphatic darkens."""
    dark = [phone.symbol in EMPHATICS or _is_dark_r(phones, place) for place, phone in enumerate(phones)]
    beside = [any(dark[max(0, place - 1) : place + 2]) for place in range(len(phones))]
    return [replace(phone, coloured=phone.is_vowel and beside[place]) for place, phone in enumerate(phones)]


def _is_dark_r(phones: Sequence[Phone], place: int) -> bool:
    """Return whether an r is dark: it is beside a and u, and light beside i."""
    if phones[place].symbol != "r":
        return False
    around = [phone.symbol for phone in phones[max(0, place - 1) : place + 2] if phone.is_vowel]
    return bool(around) and "i" not in around
