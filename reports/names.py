"""The names that only the site knows."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Names:
    """Names in the report's language. `topics`, `pauses` (their reasons), `endings`: by id."""

    site: str = ""
    topics: Mapping[str, str] = field(default_factory=dict)
    pauses: Mapping[str, str] = field(default_factory=dict)
    endings: Mapping[str, str] = field(default_factory=dict)


def in_language(words: Mapping[str, Mapping[str, str]], language: str) -> dict[str, str]:
    """Return what the site has named in a language, else in English, else by its id."""
    return {name: given.get(language) or given.get("en") or name for name, given in words.items()}
