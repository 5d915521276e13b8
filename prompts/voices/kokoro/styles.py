"""The styles: who speaks. Made by `make_styles.py`; NOTICE beside them says from what."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "data"
ROWS, WIDTH = 510, 256
"""A style has a row for each number of symbols in the spoken text, with so many half-precision numbers in each."""


def file(language: str) -> Path:
    """Return the file of a language's style: Arabic has one of its own, all other languages have the same."""
    return FOLDER / ("ar.f16" if language == "ar" else "latin.f16")


@cache
def digest(language: str) -> str:
    """Return the SHA-256 of a language's style."""
    return hashlib.sha256(file(language).read_bytes()).hexdigest()
