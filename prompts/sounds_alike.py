"""Arabic by its sound: what a recogniser confuses is the same, and where words begin and end does not count.

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
    """Return what is heard of an Arabic text, in one word without articles; nothing of other languages."""
    if not _ARABIC.search(text):
        return ""
    return "".join(words(text)).translate(_ALIKE)
