"""People's names as they are stored and looked for, in any script."""

import unicodedata

_SAME_LETTER = str.maketrans({"ٱ": "ا", "ى": "ي", "ة": "ه", "ـ": None, "ı": "i", "ø": "o", "đ": "d", "ł": "l"})
"""Letters that people write in place of one another and that Unicode does not decompose."""


def clean(text: str) -> str:
    """Return a name with one space between its words, composed, and without control characters."""
    letters = unicodedata.normalize("NFC", text)
    kept = (letter for letter in letters if letter.isspace() or unicodedata.category(letter) not in ("Cc", "Cs"))
    return " ".join("".join(kept).split())


def folded(text: str) -> str:
    """Return a name as it is looked for: without case, accents, vowel signs, and marks that are not seen.

    So "muller" finds Müller, and احمد finds أَحْمَد. The database itself folds nothing but A to Z.
    """
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    plain = "".join(letter for letter in letters if unicodedata.category(letter) not in ("Mn", "Cf"))
    return clean(plain.translate(_SAME_LETTER))
