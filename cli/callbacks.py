"""`hatif callbacks`: list call-back requests and why each is not called yet; add, take over and cancel them."""

import asyncio
from datetime import datetime
from typing import Any, cast
from urllib.parse import quote

import typer

from cli.composition import Composition, ControllerAwayError
from cli.groups import add_group
from cli.on_record import put_on_record
from cli.output import JSON, as_json, as_table, console, errors
from db import callbacks
from db.engine import open_engine
from db.traces import Read
from ivr.callbacks import listing
from ivr.model import clock
from ivr.site import callback_rules
from routing import hours

IDENTITY = typer.Argument(help="The request's id, or the beginning of it.")
WHY = typer.Option("", "--why", help="The reason, for the record.")
GONE = typer.Option(False, "--node-gone", help="Also change a request that is held by a node that is gone for good.")


def register(app: typer.Typer) -> None:
    callbacks = add_group(
        app, "callbacks", "List call-back requests; add one, take one over, cancel one.", list_requests
    )
    callbacks.command()(add)
    callbacks.command()(take)
    callbacks.command()(cancel)


def list_requests(
    context: typer.Context,
    last: int = typer.Option(20, "--last", min=0, max=1000, help="Show at most this many finished requests."),
    json: bool = JSON,
) -> None:
    if context.invoked_subcommand is not None:
        return
    parts = Composition()
    try:
        rows = cast(list[dict[str, Any]], parts.ask_controller("GET", f"/callbacks?last={last}"))
    except ControllerAwayError:
        rows = asyncio.run(_read(parts, last))
        errors.print("hatif: the controller does not answer: nobody is called back.", style="yellow", markup=False)
    if rows:
        put_on_record(parts, Read.LIST, "list:callbacks", lines=len(rows), last=last)
    if json:
        as_json(rows)
        return
    columns = ("id", "kind", "state", "number", "asked_by", "language", "topic", "due", "tries", "why_not", "reason")
    as_table("Call-back requests", columns, ([_parse_instant(row[name]) for name in columns] for row in rows))


def _parse_instant(value: object) -> object:
    """Return an instant of a document as a datetime, anything else unchanged."""
    if isinstance(value, str) and len(value) > 19 and value[4:5] == "-" and value[10:11] == "T":
        return datetime.fromisoformat(value)
    return value


async def _read(parts: Composition, last: int) -> list[dict[str, Any]]:
    """Read the requests from the database, with opening hours from the site's plan."""
    now = clock.now()
    async with open_engine(parts.database_url) as engine:
        requests = await callbacks.latest(engine, last)
        tries = await callbacks.tries(engine, [request.id for request in requests])
        dialled = await callbacks.count_dialled(engine, callback_rules.midnight(now, parts.site.hours.timezone))
    return listing.rows(requests, tries, dialled, parts.site, plan_of(parts), now)


def plan_of(parts: Composition) -> Any:
    """Return an object that answers whether the line is open, by plan and holidays, ignoring forced hours."""
    days = parts.site.hours.closing_days()

    class Plan:
        def answer(self, at: datetime, *, language: str | None = None) -> hours.Answer:
            return hours.answer(parts.site.hours.plan(language=language, days=days), at)

    return Plan()


def add(
    number: str = typer.Argument(help="The number to call, such as +33612345678."),
    language: str = typer.Option(
        None, "--language", help="The caller's language.  [default: the likeliest of the number's country]"
    ),
    topic: str = typer.Option(None, "--topic", help="The topic, as in the flow."),
) -> None:
    """Add a call-back request, due at once."""
    body = {"number": number, "language": language, "topic": topic}
    answer = cast(dict[str, Any], Composition().ask_controller("POST", "/callbacks", body))
    console.print(f"{number} will be called back; the request is {answer['id']}.", markup=False)


def take(
    identity: str = IDENTITY,
    operator: str = typer.Option(None, "--operator", help="The operator who takes it over, if any."),
    why: str = WHY,
    node_gone: bool = GONE,
) -> None:
    """Take a request over: a person calls the number, and Hatif no longer does."""
    _change(identity, "take", {"why": why, "operator": operator, "node_gone": node_gone})


def cancel(identity: str = IDENTITY, why: str = WHY, node_gone: bool = GONE) -> None:
    """Cancel a request."""
    _change(identity, "cancel", {"why": why, "node_gone": node_gone})


def _change(identity: str, action: str, body: dict[str, Any]) -> None:
    answer = Composition().ask_controller("POST", f"/callbacks/{quote(identity, safe='')}/{action}", body)
    row = cast(dict[str, Any], answer)
    console.print(f"{row['id']}: {row['state']} ({row['reason']}).", markup=False)
