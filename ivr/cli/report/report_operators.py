"""Offers, transfers and pauses in `hatif report --by operator`."""

from collections.abc import Iterable
from typing import Any

from db.enums import OfferState
from ivr.cli.output import as_table
from ivr.cli.report.report_groups import Group

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


def operator_figures(group: Group) -> dict[str, Any]:
    """Return a group's figures by their names in documents; docs/report.md defines each."""
    work, offers = group.work, group.work.offers
    return {
        "calls_offered": offers.total(),
        "refused": offers[OfferState.REFUSED],
        "missed": offers[OfferState.NO_ANSWER],
        "unreachable": offers[OfferState.UNREACHABLE],
        "conversations": work.conversations,
        "taken_over": work.taken_over,
        "transferred": work.transferred,
        "consulted": work.consulted,
        "finished": work.finished,
        "pauses_s": {reason: round(seconds, 6) for reason, seconds in sorted(group.pauses.items())},
    }


def flatten_pauses(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows for a sheet: a column for each reason for a pause, `paused_lunch_s`, instead of `pauses_s`."""
    reasons = sorted({reason for row in rows for reason in row["pauses_s"]})
    return [
        {**{name: value for name, value in row.items() if name != "pauses_s"}}
        | {f"paused_{reason}_s": row["pauses_s"].get(reason, 0.0) for reason in reasons}
        for row in rows
    ]


def show(rows: Iterable[tuple[str, Group]]) -> None:
    """Print the table of the operators with these labels."""
    lines = []
    for label, group in rows:
        found = operator_figures(group)
        pauses = ", ".join(f"{reason} {_format_hours(seconds)}" for reason, seconds in found["pauses_s"].items())
        lines.append((label, *(str(found[name]) for name in _COLUMNS.values()), pauses or "-"))
    as_table("Offers, transfers and pauses by operator", ("id", *_COLUMNS, "pauses"), lines)


def _format_hours(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02}"
