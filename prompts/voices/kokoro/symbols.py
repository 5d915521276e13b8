"""The symbols of the model: those of the phonetic alphabet and a few of its own, one character each.

A is the diphthong of *day*, I of *my*, O of *go* (American), Q of *go* (British), W of *now*, Y of *boy*. ˈ and ˌ
precede a stressed vowel, ː follows a long one, a combining tilde a nasal one. Punctuation gives the melody.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path


@cache
def numbers() -> dict[str, int]:
    """Return the model's number for each symbol."""
    table: dict[str, int] = json.loads((Path(__file__).parent / "data" / "symbols.json").read_text(encoding="utf-8"))
    return table


def tokens(symbols: str) -> list[int]:
    """Return the model's number for each of these symbols.

    Raises:
        ValueError: The model does not have one of them.
    """
    table = numbers()
    if unknown := sorted(set(symbols) - table.keys()):
        named = ", ".join(f"{symbol} (U+{ord(symbol):04X})" for symbol in unknown)
        raise ValueError(f"the model has no symbol {named}; give it another one in prompts/voices/kokoro")
    return [table[symbol] for symbol in symbols]
