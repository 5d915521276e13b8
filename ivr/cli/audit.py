"""`hatif audit`: the audit's records."""

import asyncio
from typing import Any

import typer

from ivr.cli.composition import Composition
from ivr.cli.output import JSON, as_json, as_table


def register(app: typer.Typer) -> None:
    app.command()(audit)


def audit(
    last: int = typer.Option(50, "--last", min=1, max=100_000, help="Show at most this many records."),
    json: bool = JSON,
) -> None:
    """List who did what: listening in, manual changes, erasing. Newest first.

    Supervision has an end (until) and a record for each mode, a refused one has a reason; see docs/supervision.md.
    """
    from db.audit import audit_entries

    rows: list[dict[str, Any]] = asyncio.run(Composition().read(audit_entries, last))
    if json:
        as_json(rows)
        return
    columns = ("at", "until", "by", "act", "about", "call", "reason")
    as_table("Audit", columns, ([row[column] for column in columns] for row in rows))
