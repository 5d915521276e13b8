"""The names that only the site knows."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Names:
    """Names in the report's language. `topics`, `pauses` (their reasons): by id."""

    site: str = ""
    topics: Mapping[str, str] = field(default_factory=dict)
    pauses: Mapping[str, str] = field(default_factory=dict)
