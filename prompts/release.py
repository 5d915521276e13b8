"""Drafts in a catalogue: marked `fuzzy`, and spoken only after a person has released them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from datetime import date

from prompts import po
from prompts.tashkeel import Doubt, Draft, Word

ARABIC = "ar"
_DRAFTED = "tashkeel: "
_RELEASED = "Released by "
_LONGEST_NAME = 60


def add_drafts(content: str, drafts: Iterable[tuple[str, Draft]]) -> str:
    """Return the catalogue's content with drafts, by prompt id, marked fuzzy; a comment lists the doubtful words."""
    for prompt, draft in drafts:
        comments = [line for note in _notes(draft) for line in po.comment(_DRAFTED, note)]
        changed = po.Change(True, draft.text, tuple(comments), (_DRAFTED, _RELEASED))
        content = po.change(content, prompt, changed)
    return content


def draft_comment(content: str, prompt: str) -> str:
    """Return the comment of a draft, which lists the words that the model was unsure of."""
    return " ".join(po.comments(content, prompt, _DRAFTED))


def mark_released(content: str, prompt: str, by: str, on: date) -> str:
    """Return the catalogue's content with one text released; a comment says by whom and when."""
    comments = po.comment("", f"{_RELEASED}{comment_name(by)} on {on.isoformat()}.")
    return po.change(content, prompt, po.Change(False, comments=comments, replaces=(_DRAFTED, _RELEASED)))


def comment_name(person: str) -> str:
    """Return a name in a form that fits into one line of a comment."""
    visible = "".join(letter if not unicodedata.category(letter).startswith(("C", "Z")) else " " for letter in person)
    return " ".join(visible.split())[:_LONGEST_NAME].strip() or "somebody"


def _notes(draft: Draft) -> list[str]:
    notes = ["drafted by machine, not released"]
    for doubt in Doubt:
        if words := [word for word in draft.unsure if word.doubt is doubt]:
            notes.append(f"{doubt}: {', '.join(_distinct(words))}")
    return notes


def _distinct(words: Iterable[Word]) -> list[str]:
    return list(dict.fromkeys(word.drafted for word in words))
