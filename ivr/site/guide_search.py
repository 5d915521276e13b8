"""Finding procedures of the guide by words, in any of its languages: without accents and vowel signs, and with small
mistakes of typing."""

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rapidfuzz.distance import OSA

_SAME = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "ة": "ه", "ى": "ي", "\u0640": ""})
"""Letters that are written in two ways, and one without a sound, beyond what Unicode takes apart by itself."""
_WORD = re.compile(r"[^\W_]+")
_ARTICLE = re.compile(r"^[وبكف]?(?:ال|لل)(?=\w{3})")
"""What Arabic writes in front of a word: the article, with "and", "with", "as", "so" before it, or "for the"."""
_OF_TITLE = 3.0
"""How much more a word of the title says than one of the other texts."""
_LEAST = 0.3
"""Of the best one's points: with less, a procedure has too little of what was asked for."""

_WHOLE, _BEGINNING, _INSIDE, _MISTYPED = 1.0, 0.8, 0.4, 0.4


def plain(text: str) -> str:
    """Small letters without accents, vowel signs and hamza: what two ways of writing a word have in common."""
    letters = unicodedata.normalize("NFKD", text.casefold().translate(_SAME))
    return "".join(each for each in letters if not unicodedata.combining(each))


def words(text: str) -> list[str]:
    return [_ARTICLE.sub("", word) for word in _WORD.findall(plain(text))]


def search(query: str, titles: Mapping[str, Sequence[str]], texts: Mapping[str, Sequence[str]]) -> list[str]:
    """The ids of the procedures that fit, best first.

    `titles` and `texts` have what is said of each procedure, in all the languages that are searched.
    """
    titled = {name: _all(titles[name]) for name in titles}
    spoken = {name: _all(texts[name]) for name in titles}
    points = dict.fromkeys(titles, 0.0)
    for wanted in words(query):
        likeness = _likeness(wanted, set().union(*titled.values(), *spoken.values()))
        found = {name: max(_OF_TITLE * _best(likeness, titled[name]), _best(likeness, spoken[name])) for name in titles}
        having = sum(each > 0 for each in found.values())
        for name, each in found.items():
            # A word that is everywhere, such as "of", says little.
            points[name] += each and each * math.log(1 + len(titles) / having)
    best = max(points.values(), default=0.0)
    fit = [name for name, each in points.items() if each and each >= _LEAST * best]
    # Of two that fit as well the one with the shorter title is what was meant: "passport" before its renewal.
    return sorted(fit, key=lambda name: (-points[name], len(titled[name])))


def _all(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in words(text)}


def _best(likeness: Mapping[str, float], there: set[str]) -> float:
    return max((likeness[word] for word in there if word in likeness), default=0.0)


def _likeness(wanted: str, there: set[str]) -> dict[str, float]:
    """The words that may be meant, and how sure that is. Mistakes are looked for only where nothing else fits."""
    return dict(_written(wanted, there)) or dict(_mistyped(wanted, there))


def _written(wanted: str, there: set[str]) -> Iterator[tuple[str, float]]:
    for word in there:
        if word == wanted:
            yield word, _WHOLE
        elif len(wanted) > 3 and wanted in word:
            yield word, _BEGINNING if word.startswith(wanted) else _INSIDE


def _mistyped(wanted: str, there: set[str]) -> Iterator[tuple[str, float]]:
    mistakes = 0 if len(wanted) < 4 else 1 if len(wanted) < 8 else 2
    for word in there if mistakes else ():
        if OSA.distance(wanted, word, score_cutoff=mistakes) <= mistakes:
            yield word, _MISTYPED
