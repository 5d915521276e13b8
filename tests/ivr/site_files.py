"""Helpers for tests of a site's files: a file with a mistake, and the resulting messages."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ivr.site.site import SiteError

SENTENCE = re.compile(r"(?P<file>[^:\n]+):(?P<line>[0-9]+): (?P<what>.+)\.")


def refusal(read: Callable[[], object], path: Path) -> list[tuple[int, str]]:
    """Return the findings about a file: line and message."""
    with pytest.raises(SiteError) as error:
        read()
    found = []
    for sentence in str(error.value).split("\n"):
        match = SENTENCE.fullmatch(sentence)
        assert match is not None and match["file"] == str(path), sentence
        found.append((int(match["line"]), match["what"]))
    return found


def edited(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1
