"""`hatif audit`: who did what to whom."""

import asyncio
from typing import Any

import typer

from ivr.cli.composition import Composition
from ivr.cli.output import JSON, as_json, as_table


def register(app: typer.Typer) -> None:
    app.command()(audit)


def audit(
    last: int = typer.Option(50, "--last", min=1, max=100_000, help="How many records."), json: bool = JSON
) -> None:
    """Who did what to whom: listening in, changes by hand, erasing. The newest first.

    Supervisions have an end (until), a record for each mode, and the refused ones a reason; docs/supervision.md.
    """
    from db.audit import audit_entries

    rows: list[dict[str, Any]] = asyncio.run(Composition().read(audit_entries, last))
    if json:
        as_json(rows)
        return
    columns = ("at", "until", "by", "act", "about", "call", "reason")
    as_table("Audit", columns, ([row[column] for column in columns] for row in rows))
