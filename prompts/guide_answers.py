"""Which procedures of the guide an answer is about that somebody gave in their own words.

A recogniser wrote it down, so words are wrong, divided in wrong places, or sound like others. Therefore not only words
are compared, as in `guide_search`, but also whole titles and synonyms with whatever in the answer resembles them most.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rapidfuzz import fuzz

from prompts.guide_search import best_of, likeness, words
from prompts.sounds_alike import skeleton

_OF_TITLE, _OF_TEXT, _OF_PHRASE, _OF_SOUND = 3.0, 0.3, 3.0, 3.0
"""The weights of a word of a title or a synonym, of a word of another text, of a phrase that is resembled, and of one
that sounds like the answer."""
_LIKE = 75.0
"""The least likeness of a phrase that counts, of 100."""
_SHORTEST, _SHORTEST_SOUND = 4, 3
"""Letters of a phrase that is compared, and of one by its sound; shorter ones are like anything."""
_NEXT = 0.5
"""The weight of each further text that may have been said, as a share of the one before."""
_LEAST = 2.5
"""With fewer points, a procedure is not what was meant."""
_CLEAR = 1.5
"""How many times the points of the second the best one has, if it is the only one that can be meant."""


class Answers:
    """Finds procedures in one language. `titles`: with the synonyms, `texts`: all that callers hear; by procedure."""

    def __init__(self, titles: Mapping[str, Sequence[str]], texts: Mapping[str, Sequence[str]]) -> None:
        self._phrases = {name: [" ".join(words(phrase)) for phrase in titles[name]] for name in titles}
        self._skeletons = {name: [skeleton(phrase) for phrase in titles[name]] for name in titles}
        self._titled = {name: {word for phrase in self._phrases[name] for word in phrase.split()} for name in titles}
        self._spoken = {name: {word for text in texts[name] for word in words(text)} for name in titles}
        self._all = set[str]().union(*self._titled.values(), *self._spoken.values())

    def find(self, texts: Sequence[str]) -> tuple[str, ...]:
        """Return the procedure that was meant, or two that may have been, better first; nothing if none fits.

        Args:
            texts: What may have been said, likeliest first.
        """
        points, weight = dict.fromkeys(self._titled, 0.0), 1.0
        for text in texts:
            # A recogniser that is given silence after a sentence writes the sentence twice; a word counts once.
            for name, more in self._points(list(dict.fromkeys(words(text)))).items():
                points[name] += weight * more
            weight *= _NEXT
        least = _LEAST * sum(_NEXT**place for place in range(max(1, len(texts))))
        best = sorted((name for name in points if points[name] >= least), key=lambda name: -points[name])
        return tuple(best[:1] if len(best) > 1 and points[best[0]] >= _CLEAR * points[best[1]] else best[:2])

    def _points(self, said: Sequence[str]) -> dict[str, float]:
        points = dict.fromkeys(self._titled, 0.0)
        for wanted in said:
            like = likeness(wanted, self._all)
            found = {
                name: max(_OF_TITLE * best_of(like, self._titled[name]), _OF_TEXT * best_of(like, self._spoken[name]))
                for name in points
            }
            matching = sum(score > 0 for score in found.values())
            for name, score in found.items():
                # A word that occurs everywhere, such as "Morocco", counts little.
                points[name] += score and score * math.log(1 + len(points) / matching)
        answer, sound = " ".join(said), skeleton(" ".join(said))
        for name in points:
            points[name] += _OF_PHRASE * max(
                (_resembled(phrase, answer, _SHORTEST) for phrase in self._phrases[name]), default=0.0
            )
            points[name] += _OF_SOUND * max(
                (_resembled(phrase, sound, _SHORTEST_SOUND) for phrase in self._skeletons[name]), default=0.0
            )
        return points


def _resembled(phrase: str, answer: str, shortest: int) -> float:
    """Return how much of a phrase is in an answer: nothing below `_LIKE`, and more for longer ones."""
    if len(phrase) < shortest:
        return 0.0
    likeness_of = fuzz.partial_ratio if len(phrase) <= len(answer) else fuzz.ratio
    return max(0.0, likeness_of(phrase, answer) - _LIKE) / (100 - _LIKE) * math.log(1 + len(phrase))
