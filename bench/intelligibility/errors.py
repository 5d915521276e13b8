"""How much of a text was recognised: the character error, after what does not change its sound is taken away."""

import re
import unicodedata
from collections.abc import Iterable

from rapidfuzz.distance import Levenshtein

_ARABIC_ALIKE = str.maketrans({"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ؤ": "و", "ئ": "ي", "ة": "ه", "ـ": ""})
"""Letters that even careful writers exchange: the seats of hamza, alef maqsura for yaa, taa marbuta for haa."""
_ARABIC_VOWELS = re.compile("[\u064b-\u0652\u0670]")


def normal(text: str) -> str:
    """Lower case, no punctuation, no Arabic vowels, one form of hamza, one space between words."""
    text = unicodedata.normalize("NFC", text).casefold()
    text = _ARABIC_VOWELS.sub("", text).translate(_ARABIC_ALIKE)
    letters = (letter if letter.isalnum() else " " for letter in text.replace("'", "").replace("’", ""))
    return " ".join("".join(letters).split())


def character_error(wanted: str, recognised: str) -> float:
    """Changes of one character that make the wanted text of the recognised, by the wanted one's length; at most 1.

    A recogniser that loses its way repeats itself without end: all wrong is all wrong.
    """
    text = normal(wanted)
    return min(1.0, Levenshtein.distance(text, normal(recognised)) / len(text))


def mean(values: Iterable[float]) -> float:
    """Of at least one value."""
    found = list(values)
    return sum(found) / len(found)
