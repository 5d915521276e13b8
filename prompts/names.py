"""Operators' names as prompts, and which language's voice can read them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from prompts.text_rules import findings, script_of


@dataclass(frozen=True, slots=True)
class Name:
    """A name as a prompt of one language; it is in no catalogue and is not translated."""

    language: str  # of the callers who hear it
    id: str  # like a text's; its recording has this file name
    text: str
    reader: str | None  # the language whose voice reads it; None: only a recording can

    @property
    def unspeakable(self) -> str | None:
        """Why no voice can read it; None if one can."""
        found = findings(self.text, self.reader) if self.reader is not None else []
        return next((f"{finding.found} ({finding.code})" for finding in found if finding.code.startswith("E_")), None)


def reader(name: str, languages: Iterable[str]) -> str | None:
    """Return the first of `languages` whose script is that of the name; a voice of another script cannot read it."""
    letters = [letter for letter in name if unicodedata.category(letter) in ("Lu", "Ll", "Lt", "Lo")]
    letter_names = [unicodedata.name(letter, "") for letter in letters]
    if not letter_names:
        return None
    for language in languages:
        script = script_of(language)
        if script is not None and all(letter_name.startswith(script) for letter_name in letter_names):
            return language
    return None
