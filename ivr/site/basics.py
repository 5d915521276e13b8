"""The part of `site.toml` that most commands need, read without the rest, whose check takes longer than they do."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from prompts import site_files, toml_values

LANGUAGE = "^[a-z]{2,3}$"
NAME = "^[a-z0-9][a-z0-9_-]{0,30}$"
FIRST_NODE = "node1"


@dataclass(frozen=True, slots=True)
class Basics:
    """Fields of `Site`. `timezone`: of `[hours]`; `database_url`: of `[database]`."""

    name: str
    node: str
    node_number: int
    languages: tuple[str, ...]
    timezone: str
    database_url: str | None


def read(folder: Path) -> Basics | None:
    """Return the basics of a site; None if they are not plainly right: `site.load` then says what is wrong."""
    try:
        table = toml_values.loads(site_files.text(folder / "site.toml"))
        return _basics(table)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _basics(table: dict[str, Any]) -> Basics:
    number = table.get("node_number", 1)
    url = table.get("database", {}).get("url")
    if type(number) is not int or not 1 <= number <= 9 or not isinstance(url, str | None):
        raise ValueError
    languages = tuple(_matching(LANGUAGE, code) for code in table["languages"])
    if not languages or len({*languages}) < len(languages):
        raise ValueError
    return Basics(
        name=_matching(NAME, table["name"]),
        node=_matching(NAME, table.get("node", FIRST_NODE)),
        node_number=number,
        languages=languages,
        timezone=ZoneInfo(table["hours"]["timezone"]).key,
        database_url=url,
    )


def _matching(pattern: str, text: str) -> str:
    if not re.fullmatch(pattern, text):
        raise ValueError
    return text
