"""Search in the guide's procedures, in any of its languages, ignoring accents, vowel signs and small typing errors."""

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rapidfuzz.distance import OSA

_SAME = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "ة": "ه", "ى": "ي", "\u0640": ""})
"""Letters with two spellings, and one without a sound, beyond those that Unicode decomposes."""
_WORD = re.compile(r"[^\W_]+")
_ARTICLE = re.compile(r"^[وبكف]?(?:ال|لل)(?=\w{3})")
"""Arabic prefixes of a word: the article, also after "and", "with", "as", "so", or "for the"."""
_OF_TITLE = 3.0
"""Weight of a word of the title compared with one of the other texts."""
_LEAST = 0.3
"""Minimum share of the best procedure's points; with less, a procedure matches too little of the query."""

_WHOLE, _BEGINNING, _INSIDE, _MISTYPED = 1.0, 0.8, 0.4, 0.4


def plain(text: str) -> str:
    """Return lower-case letters without accents, vowel signs and hamza, so that different spellings match."""
    letters = unicodedata.normalize("NFKD", text.casefold().translate(_SAME))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def words(text: str) -> list[str]:
    """Return the words of a text in plain letters, without Arabic prefixes."""
    return [_ARTICLE.sub("", word) for word in _WORD.findall(plain(text))]


def search(query: str, titles: Mapping[str, Sequence[str]], texts: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the ids of the matching procedures, best first.

    `titles` and `texts` have the words of each procedure in all searched languages.
    """
    titled = {name: _all_words(titles[name]) for name in titles}
    spoken = {name: _all_words(texts[name]) for name in titles}
    points = dict.fromkeys(titles, 0.0)
    for wanted in words(query):
        likenesses = likeness(wanted, set().union(*titled.values(), *spoken.values()))
        found = {
            name: max(_OF_TITLE * best_of(likenesses, titled[name]), best_of(likenesses, spoken[name]))
            for name in titles
        }
        matching = sum(score > 0 for score in found.values())
        for name, score in found.items():
            # A word that occurs everywhere, such as "of", counts little.
            points[name] += score and score * math.log(1 + len(titles) / matching)
    best = max(points.values(), default=0.0)
    fit = [name for name, score in points.items() if score and score >= _LEAST * best]
    # Of two equally good ones, the one with the shorter title comes first: "passport" before its renewal.
    return sorted(fit, key=lambda name: (-points[name], len(titled[name])))


def _all_words(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in words(text)}


def best_of(likeness: Mapping[str, float], there: set[str]) -> float:
    """Return the weight of the best match among the words `there`."""
    return max((likeness[word] for word in there if word in likeness), default=0.0)


def likeness(wanted: str, there: set[str]) -> dict[str, float]:
    """Return the matching words with their weight; typing errors are considered only if nothing else matches."""
    return dict(_matches(wanted, there)) or dict(_near_matches(wanted, there))


def _matches(wanted: str, there: set[str]) -> Iterator[tuple[str, float]]:
    for word in there:
        if word == wanted:
            yield word, _WHOLE
        elif len(wanted) > 3 and wanted in word:
            yield word, _BEGINNING if word.startswith(wanted) else _INSIDE


def _near_matches(wanted: str, there: set[str]) -> Iterator[tuple[str, float]]:
    mistakes = 0 if len(wanted) < 4 else 1 if len(wanted) < 8 else 2
    for word in there if mistakes else ():
        if OSA.distance(wanted, word, score_cutoff=mistakes) <= mistakes:
            yield word, _MISTYPED
