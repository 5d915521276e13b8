"""The form of a case: its values, a person's changes of it, and the merge of two people's changes. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from db.case_files import File
from office.cases.rules import FIELDS

BASE = "base"
"""A hidden field: the values that the form was opened with, as JSON."""

Values = Mapping[str, str]
"""A form's values by field; `missing` has its words with commas between them."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A form after somebody else has changed the case. `conflicts`: their values of fields that both changed."""

    values: Values
    conflicts: Values


def values_of(file: File, zone: ZoneInfo) -> dict[str, str]:
    """Return a case as the values of a form."""
    return {name: _text(getattr(file, name), zone) for name in FIELDS}


def sent(form: Mapping[str, Any], several: Sequence[str]) -> dict[str, str]:
    """Return the values of a form that was sent. `several`: the boxes that are ticked."""
    values = {name: plain(str(form.get(name, ""))) for name in FIELDS}
    return {**values, "missing": ",".join(several)}


def plain(text: str) -> str:
    """Return what was typed, with line ends of one character, as the field counted them."""
    return text.replace("\r\n", "\n").strip()


def base_of(form: Mapping[str, Any]) -> dict[str, str]:
    """Return the values that a form was opened with. Raises ValueError if they cannot be read."""
    found = json.loads(str(form.get(BASE, "")))
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return {name: str(found.get(name, "")) for name in FIELDS}


def encode(values: Values) -> str:
    """Return values for the field `base`."""
    return json.dumps(dict(values), ensure_ascii=False)


def columns_of(values: Values) -> dict[str, Any]:
    """Return values as the columns of a case; an empty one empties its column."""
    return {name: value or None for name, value in values.items()}


def changed(values: Values, base: Values) -> dict[str, str]:
    """Return the values that a person changed."""
    return {name: value for name, value in values.items() if value != base.get(name, "")}


def merge(values: Values, base: Values, present: Values) -> Merged:
    """Return a form that has both people's changes; where both changed a field, the person's own value stays in it."""
    mine, theirs = changed(values, base), changed(present, base)
    conflicts = {name: value for name, value in theirs.items() if name in mine and mine[name] != value}
    return Merged({**present, **mine}, conflicts)


def _text(value: object, zone: ZoneInfo) -> str:
    if isinstance(value, datetime):
        return value.astimezone(zone).strftime("%Y-%m-%dT%H:%M")
    return "" if value is None else str(value)
