"""The form of a case: its values, a person's changes of it, and the merge of two people's changes. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

FIELDS = (
    *("title", "kind", "state", "applicant", "topic", "language", "country", "post", "caller", "owner"),
    *("priority", "follow_up", "expected", "due", "missing"),
)
"""The members of a case that the form has, as the control API names them."""

BASE = "base"
"""A hidden field: the values that the form was opened with, as JSON."""

Values = Mapping[str, str]
"""A form's values by field; `missing` has its words with commas between them."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A form after somebody else has changed the case. `conflicts`: their values of fields that both changed."""

    values: Values
    conflicts: Values


def values_of(case: Mapping[str, Any], zone: ZoneInfo) -> dict[str, str]:
    """Return a case of the control API as the values of a form."""
    values = {name: _text(case.get(name)) for name in FIELDS}
    if case.get("due"):
        due = datetime.fromisoformat(str(case["due"])).astimezone(zone)
        values["due"] = due.strftime("%Y-%m-%dT%H:%M")
    return values


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
    """Return values as the control API takes them; an empty one empties its column."""
    return {
        name: [word for word in value.split(",") if word] if name == "missing" else value or None
        for name, value in values.items()
    }


def changed(values: Values, base: Values) -> dict[str, str]:
    """Return the values that a person changed."""
    return {name: value for name, value in values.items() if value != base.get(name, "")}


def merge(values: Values, base: Values, present: Values) -> Merged:
    """Return a form that has both people's changes; where both changed a field, the person's own value stays in it."""
    mine, theirs = changed(values, base), changed(present, base)
    conflicts = {name: value for name, value in theirs.items() if name in mine and mine[name] != value}
    return Merged({**present, **mine}, conflicts)


def _text(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return "" if value is None else str(value)
