"""Names of persons: what is said besides the texts of a site, and which language's voice can read it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from prompts.text_rules import findings, script_of


@dataclass(frozen=True, slots=True)
class Name:
    """A name as a prompt of one language. It is in no catalogue, and nobody translates it."""

    language: str  # of those who hear it
    id: str  # as of a text: a recording of it is called so
    text: str
    reader: str | None  # the language whose voice reads it; None: only a recording says it

    @property
    def unspeakable(self) -> str | None:
        """What keeps a voice from reading it; no voice is asked then."""
        wrong = findings(self.text, self.reader) if self.reader is not None else []
        return next((f"{each.found} ({each.code})" for each in wrong if each.code.startswith("E_")), None)


def reader(name: str, languages: Iterable[str]) -> str | None:
    """The first of `languages` that is written in the letters of the name: to the voice of another they are nothing."""
    letters = [unicodedata.name(each, "") for each in name if unicodedata.category(each) in ("Lu", "Ll", "Lt", "Lo")]
    if not letters:
        return None
    for language in languages:
        script = script_of(language)
        if script is not None and all(letter.startswith(script) for letter in letters):
            return language
    return None
