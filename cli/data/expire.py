"""`hatif data expire`: delete what is older than the site allows."""

import asyncio

import typer

from cli.composition import Composition
from cli.groups import add_group
from cli.output import JSON, as_json, as_table, console
from ivr.data import expiry
from ivr.model import clock


def register(app: typer.Typer) -> None:
    data = add_group(app, "data", "Delete what is older than [retention] of site.toml allows.")
    data.command()(expire)


def expire(
    dry_run: bool = typer.Option(False, "--dry-run", help="Only count what would be deleted."), json: bool = JSON
) -> None:
    """Delete now what is too old. The journal process does it each day."""
    parts = Composition()
    expired = asyncio.run(
        expiry.expire(parts.settings, parts.database_url, parts.site.retention, clock.now(), dry=dry_run)
    )
    if json:
        as_json([{"kind": row.kind, "before": row.before, "number": row.number} for row in expired])
        return
    title = "Would be deleted" if dry_run else "Deleted"
    as_table(title, ("kind", "before", "number"), ((row.kind, row.before, row.number) for row in expired))
    if not expired:
        console.print(
            "The site keeps everything: write [retention] in site.toml (docs/data-protection.md).", markup=False
        )
