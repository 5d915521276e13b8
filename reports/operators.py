"""Offers, transfers and pauses in a report by operator."""

from typing import Any

from db.enums import OfferState
from reports.group import Group


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
        "pauses_s": {str(reason): round(seconds, 6) for reason, seconds in sorted(group.pauses.items())},
    }


def flatten_pauses(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows for a sheet: a column for each reason for a pause, `paused_lunch_s`, instead of `pauses_s`."""
    reasons = sorted({reason for row in rows for reason in row["pauses_s"]})
    return [
        {**{name: value for name, value in row.items() if name != "pauses_s"}}
        | {f"paused_{reason}_s": row["pauses_s"].get(reason, 0.0) for reason in reasons}
        for row in rows
    ]
