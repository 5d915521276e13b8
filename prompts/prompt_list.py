"""All prompts of a site: what each says, and which language's voice may speak it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from prompts.catalogue import Catalogues
from prompts.names import Name

Key = tuple[str, str]
"""A prompt's language and id."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text or a name in one language."""

    language: str
    id: str
    text: str
    reader: str | None  # the language whose voice speaks it; None: only a recording may
    unspeakable: str | None = None  # why no voice can speak it
    brisk: bool = False  # spoken fast


def list_prompts(
    texts: Catalogues, names: Iterable[Name] = (), brisk: Collection[str] = (), recorded_only: Collection[str] = ()
) -> Mapping[Key, Prompt]:
    """Return all prompts, the texts first, in the order of languages and texts.

    Args:
        names: Prompts besides the texts; a name with the id of a text, or in a language without texts, is ignored.
        brisk: The ids of texts that a voice speaks fast.
        recorded_only: Languages that no voice may speak.
    """
    faults = {
        (problem.language, problem.id): f"{problem.found} ({problem.code})"
        for problem in texts.problems()
        if problem.code.startswith("E_")
    }
    ids = set(texts.ids)
    found = {}
    for language in texts.languages:
        reader = None if language in recorded_only else language
        for prompt in texts.ids:
            fault = faults.get((language, prompt)) if reader else None
            text = texts.text(language, prompt) or ""
            found[language, prompt] = Prompt(language, prompt, text, reader, fault, prompt in brisk)
    for name in names:
        if name.language in texts.languages and name.id not in ids:
            reader = None if name.reader in recorded_only else name.reader
            fault = name.unspeakable if reader else None
            found[name.language, name.id] = Prompt(name.language, name.id, name.text, reader, fault)
    return found
