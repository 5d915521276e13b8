"""Former names in journal records. A journal that an earlier version wrote is delivered after an upgrade."""

from typing import Any

EVENT_KINDS = {
    "wish_refused": "request_refused",
    "told_wished": "case_call_requested",
    "told_refused": "case_call_refused",
}
"""Kinds of call events: the former one and today's. Migration 0006 renames the stored ones."""


def rename(table_name: str, row: dict[str, Any]) -> dict[str, Any]:
    """Return the row of a journal record with today's names."""
    if table_name != "call_event":
        return row
    kind, data = row.get("kind"), row.get("data")
    if isinstance(kind, str) and kind in EVENT_KINDS:
        row = {**row, "kind": EVENT_KINDS[kind]}
    if isinstance(kind, str) and kind.startswith("callback") and isinstance(data, dict) and "wish" in data:
        row = {**row, "data": {"request" if name == "wish" else name: value for name, value in data.items()}}
    return row
