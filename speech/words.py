"""Which of the given phrases was said."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence

from speech.vosk import UNKNOWN, Word


def plain(phrase: str) -> str:
    """Return a phrase as recognisers compare it: lower case, without marks of vowels and punctuation."""
    letters = unicodedata.normalize("NFC", phrase).lower()
    kept = (letter if letter.isalnum() or letter in "'-" else " " for letter in letters if not _is_vowel_mark(letter))
    return " ".join("".join(kept).split())


def _is_vowel_mark(letter: str) -> bool:
    """Return whether this is a mark that Arabic is written with in prompts, but not in models."""
    return unicodedata.category(letter) == "Mn" or letter == "\u0640"


def written(phrase: str) -> str:
    """Return a phrase as a sentence, in the spelling in which texts are usually written: Arabic without vowels."""
    letters = unicodedata.normalize("NFC", phrase)
    kept = " ".join("".join(letter for letter in letters if not _is_vowel_mark(letter)).split()).strip(".")
    return f"{kept[:1].upper()}{kept[1:]}."


LEAST_SHARE = 0.4
"""Of an utterance that a phrase must fill. Somebody who says something else is heard as several short phrases."""


def longest(words: Sequence[Word], phrases: Collection[str], spoken_s: float) -> tuple[str, float] | None:
    """Return the phrase whose words lasted longest, with the confidence of its least sure word; None: there is none.

    A grammar lets a recogniser hear several phrases, and short ones in any noise; the longest is what was meant, if it
    fills enough of the time.

    Args:
        spoken_s: How long the utterance lasted.
    """
    said = [word for word in words if word.text not in UNKNOWN]
    best: tuple[float, str, float] | None = None
    for phrase in phrases:
        parts = phrase.split()
        for first in range(len(said) - len(parts) + 1):
            found = said[first : first + len(parts)]
            if [word.text for word in found] != parts:
                continue
            lasted = found[-1].end - found[0].start
            if best is None or lasted > best[0]:
                best = lasted, phrase, min(word.confidence for word in found)
    return (best[1], best[2]) if best and best[0] >= LEAST_SHARE * spoken_s else None


def known(words: Mapping[str, str]) -> dict[str, str]:
    """Return phrases with their keys, as they are compared."""
    return {spelt: key for phrase, key in words.items() if (spelt := plain(phrase))}


def sentences(words: Mapping[str, str]) -> dict[str, str]:
    """Return phrases with their keys, as `written`; of those that are compared alike the last one."""
    by_plain = {spelt: (written(phrase), key) for phrase, key in words.items() if (spelt := plain(phrase))}
    return dict(by_plain.values())
