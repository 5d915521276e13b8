"""`site.toml` as the administrator's pages read it, and the edits of its values."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from prompts import toml_values

FILE = "site.toml"

Edit = Mapping[str, Any]
"""An edit of a file of the site (docs/site-changes.md lists their kinds)."""


class SiteTextError(Exception):
    """`site.toml` cannot be read by these pages; the message says why."""


def parse(text: str) -> dict[str, Any]:
    """Return the values of `site.toml`.

    Raises:
        SiteTextError: It is not TOML, or a value that these pages read is of another kind.
    """
    try:
        site = toml_values.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SiteTextError(str(error)) from None
    if (mistake := next(_mistakes(site), None)) is not None:
        raise SiteTextError(mistake)
    return site


def table_of(site: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a table of the file, or of one of its tables; empty if there is none."""
    found = site.get(name)
    return found if isinstance(found, dict) else {}


def edit_of(place: Sequence[object], value: object) -> Edit:
    """Return the edit that sets a value, or (None) removes it."""
    return {"kind": "toml", "file": FILE, "place": list(place), "value": value}


def _mistakes(site: Mapping[str, Any]) -> Iterator[str]:
    """Yield values of another kind than the pages read. `hatif check` finds all other mistakes."""
    rows = site.get("number", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        yield "number must be a list of tables, [[number]]"
    for name in ("languages", "unknown_country"):
        if not _is_texts(site.get(name, [])):
            yield f"{name} must be a list of languages"
    yield from _mistaken_tables(site, ("countries", "hours"), "")
    for code, country in table_of(site, "countries").items():
        if not isinstance(country, dict) or not _is_texts(country.get("languages", [])):
            yield f"languages of [countries.{code}] must be a list of languages"
    hours = table_of(site, "hours")
    yield from _mistaken_tables(hours, ("week", "line", "language", "day", "holiday"), "hours.")
    plans = {name: table_of(hours, name) for name in ("week", "day")}
    for kind in ("line", "language"):
        yield from _mistaken_tables(table_of(hours, kind), table_of(hours, kind), f"hours.{kind}.")
        plans |= {f"{kind}.{name}": table_of(table_of(hours, kind), name) for name in table_of(hours, kind)}
    for name, plan in plans.items():
        for day, spans in plan.items():
            if not _is_texts(spans):
                yield f'{day} of [hours.{name}] must be a list of times, such as ["08:00-20:00"]'


def _mistaken_tables(parent: Mapping[str, Any], names: Iterable[str], before: str) -> Iterator[str]:
    return (f"{before}{name} must be a table" for name in names if not isinstance(parent.get(name, {}), dict))


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
