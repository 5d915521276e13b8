"""Words that callers may say: texts of the catalogues that are never spoken to them.

Their ids begin with `words_`, and commas separate several ways of saying one thing. A build writes them beside the list
of audio.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

PREFIX = "words_"
FILE = "words.json"
"""Beside the list of audio."""
_BETWEEN = re.compile(r"[,;،؛]")

Words = Mapping[str, Mapping[str, tuple[str, ...]]]
"""By language and id."""


def is_words(text_id: str) -> bool:
    """Return whether the text of this id is words that callers may say."""
    return text_id.startswith(PREFIX)


def ways(text: str) -> tuple[str, ...]:
    """Return the ways of saying one thing."""
    return tuple(" ".join(way.split()) for way in _BETWEEN.split(text) if way.strip())


def write(words: Words, sounds: Path) -> None:
    """Write the words of all languages, unless they are written already. Raises OSError."""
    content = json.dumps(words, ensure_ascii=False, sort_keys=True).encode()
    file = sounds / FILE
    if file.exists() and file.read_bytes() == content:
        return
    draft = sounds / f".{FILE}.new"
    draft.write_bytes(content)
    draft.replace(file)


def parse(content: bytes) -> Words:
    """Return the words in a file's content; none if it is not such a file."""
    try:
        found = json.loads(content)
        return {
            str(language): {str(words): tuple(str(way) for way in all_ways) for words, all_ways in texts.items()}
            for language, texts in found.items()
        }
    except (ValueError, AttributeError, TypeError):
        return {}
