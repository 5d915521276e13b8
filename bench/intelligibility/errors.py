"""The recognition error of a text: the character error rate, ignoring differences that do not change the sound."""

import re
import unicodedata
from collections.abc import Iterable

from rapidfuzz.distance import Levenshtein

_ARABIC_ALIKE = str.maketrans({"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ؤ": "و", "ئ": "ي", "ة": "ه", "ـ": ""})
"""Letters that even careful writers interchange: the seats of hamza, alef maqsura for yaa, taa marbuta for haa."""
_ARABIC_VOWELS = re.compile("[\u064b-\u0652\u0670]")


def unvowelled(text: str) -> str:
    """Return a text as it is usually written: without Arabic vowels, otherwise unchanged."""
    return " ".join(_ARABIC_VOWELS.sub("", unicodedata.normalize("NFC", text)).split())


def normalize(text: str) -> str:
    """Return the text in lower case, with no punctuation or Arabic vowels, one form of hamza, and single spaces."""
    text = unicodedata.normalize("NFC", text).casefold()
    text = _ARABIC_VOWELS.sub("", text).translate(_ARABIC_ALIKE)
    letters = (letter if letter.isalnum() else " " for letter in text.replace("'", "").replace("’", ""))
    return " ".join("".join(letters).split())


def character_error(wanted: str, recognised: str) -> float:
    """Return the number of one-letter changes from the recognised to the wanted text, divided by the letters of the
    wanted text; at most 1.

    Spaces do not count: no pause between words is heard in fluent speech, and the recogniser divides compounds as it
    likes ("Reise Pass"). The maximum matters because a recogniser that fails may repeat itself without end.
    """
    letters = _letters(wanted)
    return min(1.0, Levenshtein.distance(letters, _letters(recognised)) / len(letters))


def _letters(text: str) -> str:
    return normalize(text).replace(" ", "")


def mean(values: Iterable[float]) -> float:
    """Return the mean of at least one value."""
    found = list(values)
    return sum(found) / len(found)
