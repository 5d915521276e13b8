"""Arabic by its sound: letters that recognisers confuse are equal, and the spaces between words do not count.

Recognisers that know little Arabic write emphatic letters for plain ones, one guttural for another, and any short vowel
for a long one. What remains is the skeleton of a phrase.
"""

import re

from prompts.guide_search import words

_ARABIC = re.compile("[\u0621-\u064a]")
_ALIKE = str.maketrans(
    {
        **dict.fromkeys("صث", "س"),
        **dict.fromkeys("ظذ", "ز"),
        **dict.fromkeys("قخغ", "ك"),
        "ط": "ت",
        "ض": "د",
        "ج": "ش",
        **dict.fromkeys("اويهحعء", None),
    }
)


def skeleton(text: str) -> str:
    """Return the skeleton of an Arabic text, in one word without articles; an empty text for other languages."""
    if not _ARABIC.search(text):
        return ""
    return "".join(words(text)).translate(_ALIKE)
