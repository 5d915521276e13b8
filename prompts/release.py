"""Texts of a catalogue that are marked `fuzzy`: spoken only after a person has released them."""

from __future__ import annotations

import unicodedata
from datetime import date

from prompts import po

DRAFTED = "tashkeel: "
"""The beginning of a comment that earlier versions wrote to a text whose vowels a model had drafted."""
_RELEASED = "Released by "
_LONGEST_NAME = 60


def draft_comment(content: str, prompt: str) -> str:
    """Return the comment of an earlier version's draft, which lists the words that its model was unsure of."""
    return " ".join(po.comments(content, prompt, DRAFTED))


def mark_released(content: str, prompt: str, by: str, on: date) -> str:
    """Return the catalogue's content with one text released; a comment says by whom and when."""
    comments = po.comment("", f"{_RELEASED}{comment_name(by)} on {on.isoformat()}.")
    return po.change(content, prompt, po.Change(False, comments=comments, replaces=(DRAFTED, _RELEASED)))


def comment_name(person: str) -> str:
    """Return a name in a form that fits into one line of a comment."""
    visible = "".join(letter if not unicodedata.category(letter).startswith(("C", "Z")) else " " for letter in person)
    return " ".join(visible.split())[:_LONGEST_NAME].strip() or "somebody"
