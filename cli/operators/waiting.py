"""`hatif waiting`: who waits for an operator, and who waits for a procedure of the guide in writing."""

import time
from datetime import datetime
from typing import Any, cast
from urllib.parse import quote

import typer

from cli.composition import Composition, ControlError, ControllerAwayError
from cli.groups import add_group
from cli.on_record import put_on_record
from cli.output import JSON, as_json, as_table, console, errors
from db.enums import GuideOutcome
from db.traces import Read

_INSTANTS = ("requested", "due", "ended")


def register(app: typer.Typer) -> None:
    waiting = add_group(
        app,
        "waiting",
        "List who waits for an operator, and to whom something is to be sent; note that it was sent.",
        list_waiting,
    )
    waiting.command("sent")(sent)


def list_waiting(
    context: typer.Context,
    last: int = typer.Option(0, "--last", min=0, max=1000, help="Also show this many requests that have ended."),
    json: bool = JSON,
) -> None:
    if context.invoked_subcommand is not None:
        return
    parts = Composition()
    entries = cast(list[dict[str, Any]], parts.ask_controller("GET", "/queue"))
    now = time.time()
    rows = [_with_wait(entry, now) for entry in entries]
    requests = _guide_requests(parts, last)
    if rows or requests:
        put_on_record(parts, Read.LIST, "list:waiting", lines=len(rows) + len(requests), last=last)
    if json:
        as_json([*rows, *map(_request_row, requests)])
        return
    columns = ("place", "caller", "language", "topic", "waited_s", "silent", "test", "call", "callback")
    as_table("Waiting", columns, ([row[column] for column in columns] for row in rows), "nobody")
    columns = ("id", "number", "language", "procedure", "due", *(("outcome", "ended_by", "reason") if last else ()))
    table = [[_shown(column, request[column]) for column in columns] for request in requests]
    as_table("To be sent", columns, table, "nothing")


def _guide_requests(parts: Composition, last: int) -> list[dict[str, Any]]:
    """Return the requests for a procedure in writing; none, with a message, while the database is away."""
    try:
        return cast(list[dict[str, Any]], parts.ask_controller("GET", f"/guide-requests?last={last}"))
    except ControllerAwayError:
        raise
    except ControlError as error:
        errors.print(f"hatif: what is to be sent is not known: {error}", style="yellow", markup=False)
        return []


def _with_wait(entry: dict[str, Any], now: float) -> dict[str, Any]:
    """Return a queue entry with its wait in seconds, which `--json` has after the topic."""
    members = ("place", "call", "caller", "callback", "language", "topic")
    waited_s = now - (entry.get("waits_since") or entry["since"])
    return {**{name: entry[name] for name in members}, "waited_s": round(waited_s, 1), **entry}


def _request_row(request: dict[str, Any]) -> dict[str, Any]:
    """Return a request as `--json` has it, with the members by which programs tell rows apart."""
    request = dict(request)
    return {"place": None, "callback": None, "guide_request": request.pop("id"), "caller": request["number"], **request}


def _shown(column: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if column in _INSTANTS and value is not None else value


def sent(
    identity: str = typer.Argument(help="The id of what is to be sent, or the beginning of it."),
    outcome: GuideOutcome = typer.Option(
        GuideOutcome.SENT, "--outcome", help="What happened instead, if it was not sent."
    ),
    why: str = typer.Option("", "--why", help="The reason, for the record."),
) -> None:
    """Note that a procedure was sent, or why it was not."""
    body = {"outcome": outcome.value, "why": why}
    answer = Composition().ask_controller("POST", f"/guide-requests/{quote(identity, safe='')}/end", body)
    row = cast(dict[str, Any], answer)
    console.print(f"{row['procedure']} for {row['number']}: {row['outcome']}.", markup=False)
