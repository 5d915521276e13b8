"""Drafts in a catalogue: put in as `fuzzy`, spoken only after a person has released them."""

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


def with_drafts(content: str, drafts: Iterable[tuple[str, Draft]]) -> str:
    """The catalogue's content with drafts by prompt id, each marked fuzzy; a comment names the unsure words."""
    for prompt, draft in drafts:
        comments = [line for each in _told(draft) for line in po.comment(_DRAFTED, each)]
        changed = po.Change(True, draft.text, tuple(comments), (_DRAFTED, _RELEASED))
        content = po.change(content, prompt, changed)
    return content


def told_of_draft(content: str, prompt: str) -> str:
    """What the comment says of a draft: the words that the machine was unsure of."""
    return " ".join(po.comments(content, prompt, _DRAFTED))


def released(content: str, prompt: str, by: str, on: date) -> str:
    """The catalogue's content with one text released; a comment says by whom and when."""
    comments = po.comment("", f"{_RELEASED}{name_of(by)} on {on.isoformat()}.")
    return po.change(content, prompt, po.Change(False, comments=comments, replaces=(_DRAFTED, _RELEASED)))


def name_of(person: str) -> str:
    """A name as it can stand in a line of a comment."""
    visible = "".join(each if not unicodedata.category(each).startswith(("C", "Z")) else " " for each in person)
    return " ".join(visible.split())[:_LONGEST_NAME].strip() or "somebody"


def _told(draft: Draft) -> list[str]:
    told = ["drafted by machine, not released"]
    for doubt in Doubt:
        if words := [word for word in draft.unsure if word.doubt is doubt]:
            told.append(f"{doubt}: {', '.join(_once(words))}")
    return told


def _once(words: Iterable[Word]) -> list[str]:
    return list(dict.fromkeys(word.drafted for word in words))
