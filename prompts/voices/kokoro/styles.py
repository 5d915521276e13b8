"""The styles: who speaks. Made by `make_styles.py`; NOTICE beside them says from what."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "data"
_OWN = ("ar", "fr")
ROWS, WIDTH = 510, 256
"""A style has a row for each number of symbols in the spoken text, with so many half-precision numbers in each."""


def file(language: str) -> Path:
    """Return the file of a language's style: Arabic and French have one of their own, the others have the same."""
    return FOLDER / f"{language if language in _OWN else 'latin'}.f16"


@cache
def digest(language: str) -> str:
    """Return the SHA-256 of a language's style."""
    return hashlib.sha256(file(language).read_bytes()).hexdigest()
