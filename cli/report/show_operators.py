"""Offers, transfers and pauses in `hatif report --by operator`."""

from collections.abc import Iterable, Mapping
from typing import Any

from cli.output import as_table

_COLUMNS = {
    "of-\nfered": "calls_offered",
    "re-\nfused": "refused",
    "missed": "missed",
    "unreach-\nable": "unreachable",
    "talks": "conversations",
    "taken\nover": "taken_over",
    "handed\non": "transferred",
    "con-\nsulted": "consulted",
    "fin-\nished": "finished",
}
"""The columns and their figures; they fit into 80 columns of a terminal."""


def show(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
    """Print the table of the operators with these labels."""
    lines = []
    for label, found in rows:
        pauses = ", ".join(f"{reason} {_format_hours(seconds)}" for reason, seconds in found["pauses_s"].items())
        lines.append((label, *(str(found[name]) for name in _COLUMNS.values()), pauses or "-"))
    as_table("Offers, transfers and pauses by operator", ("id", *_COLUMNS, "pauses"), lines)


def _format_hours(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02}"
