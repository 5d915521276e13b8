"""`hatif audit`: the audit's records."""

import asyncio
from typing import Any

import typer

from cli.cases.caller import resolve
from cli.composition import Composition
from cli.on_record import put_on_record
from cli.output import JSON, as_json, as_table, errors
from db.audit import audit_entries
from db.audit_of_callers import audit_of_caller
from db.masking import Spellings
from db.traces import Read
from ivr.model.e164 import spellings, written_forms

GAP = "guide_gap"
"""The act of an operator who did not find something in the guide."""


_LISTS = (
    "lists are recorded without whom they named, so the caller may have been on one: `hatif audit --act read_list`; "
    "whoever reads the database itself leaves no record."
)


def register(app: typer.Typer) -> None:
    app.command()(audit)


def audit(
    last: int = typer.Option(50, "--last", min=1, max=100_000, help="Show at most this many records."),
    act: str | None = typer.Option(None, "--act", help="Only records of this act, such as guide_gap."),
    caller: str | None = typer.Option(
        None, "--caller", metavar="NUMBER", help="Only records about this caller: who has seen what is kept of them."
    ),
    json: bool = JSON,
) -> None:
    """List who did what: reading about callers, listening in, manual changes, erasing. Newest first.

    Supervision has an end (until) and a record for each mode, a refused one has a reason; see docs/supervision.md.
    """
    # They load SQLAlchemy: half of the command's start-up time.
    parts, number = Composition(), None
    if caller is None:
        rows: list[dict[str, Any]] = asyncio.run(parts.read(audit_entries, last, act))
    else:
        number = resolve(parts, caller)
        asked = (number, written_forms(number), Spellings(spellings(number)), last, act)
        rows = asyncio.run(parts.read(audit_of_caller, *asked))
    if rows and (number is not None or any(row["act"] == Read.SEARCH for row in rows)):  # which may name callers
        put_on_record(parts, Read.LIST, "list:audit", lines=len(rows), act=act, number=number)
    if json:
        as_json(rows)
        return
    if act == GAP:
        columns: tuple[str, ...] = ("at", "by", "words", "language", "topic", "call")
        rows = [{**row, **row["data"]} for row in rows]
    else:
        columns = ("at", "until", "by", "act", "about", "call", "reason")
    as_table("Audit", columns, ([row.get(column) for column in columns] for row in rows))
    if caller is not None:
        errors.print(f"hatif: {_LISTS}", markup=False, soft_wrap=True)
