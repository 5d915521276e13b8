"""A site as one flat list of values, so that two states of it can be compared."""

import json
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any

from ivr.site.operators import OperatorEntry
from ivr.site.site import Site

_NAMED = {"carrier": "name", "number": "number"}
"""The lists of tables whose entries have a name: what moves within them has not changed."""

_TAKEN = ("hours.", "operator.", "number.", "countries.", "unknown_country")

_SECRET = {"database.url"}
"""Values that may contain a password: only that they differ may be told."""


def flatten(site: Site, operators: Iterable[OperatorEntry]) -> dict[str, str]:
    """Return every value of `site.toml` and `operators.csv` as JSON, by its path: `limits.calls_in_all`,
    `carrier.NAME.hosts`, `operator.ID.languages`."""
    document: dict[str, Any] = site.model_dump(mode="json")
    for kind, key in _NAMED.items():
        document[kind] = {str(entry[key]): entry for entry in document[kind]}
    document["operator"] = {
        entry.id: {
            "name": entry.name,
            "languages": [f"{language}:{level}" for language, level in entry.languages.items()],
            "topics": sorted(entry.topics),
            "supervisor": entry.supervisor,
        }
        for entry in operators
    }
    return {path: _secret(value) if path in _SECRET else value for path, value in _values(document)}


def is_taken(path: str) -> bool:
    """Return whether a running controller takes another value at this path: nothing is restarted for it."""
    return path.startswith(_TAKEN) and path != "hours.timezone"


def _values(document: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for key, value in document.items():
        path = f"{above}{key}"
        if isinstance(value, dict) and value:
            yield from _values(value, f"{path}.")
        else:
            yield path, json.dumps(value, ensure_ascii=False)


def _secret(value: str) -> str:
    return json.dumps(f"not shown ({sha256(value.encode()).hexdigest()[:8]})") if value != "null" else value
