"""`hatif audit`: the audit's records."""

import asyncio
from typing import Any

import typer

from ivr.cli.composition import Composition
from ivr.cli.output import JSON, as_json, as_table

GAP = "guide_gap"
"""The act of an operator who did not find something in the guide."""


def register(app: typer.Typer) -> None:
    app.command()(audit)


def audit(
    last: int = typer.Option(50, "--last", min=1, max=100_000, help="Show at most this many records."),
    act: str | None = typer.Option(None, "--act", help="Only records of this act, such as guide_gap."),
    json: bool = JSON,
) -> None:
    """List who did what: listening in, manual changes, erasing. Newest first.

    Supervision has an end (until) and a record for each mode, a refused one has a reason; see docs/supervision.md.
    """
    from db.audit import audit_entries  # loads SQLAlchemy: half of the command's start-up time

    rows: list[dict[str, Any]] = asyncio.run(Composition().read(audit_entries, last, act))
    if json:
        as_json(rows)
        return
    if act == GAP:
        columns: tuple[str, ...] = ("at", "by", "words", "language", "topic", "call")
        rows = [{**row, **row["data"]} for row in rows]
    else:
        columns = ("at", "until", "by", "act", "about", "call", "reason")
    as_table("Audit", columns, ([row.get(column) for column in columns] for row in rows))
