"""`hatif waiting`: who waits for an operator, and who waits for a procedure of the guide in writing."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import partial
from typing import Any, cast
from uuid import UUID

import typer

from cli.composition import Composition
from cli.groups import add_group
from cli.office import me, read, work
from cli.on_record import put_on_record
from cli.output import JSON, as_json, as_table, console, errors
from db.engine import DatabaseError
from db.enums import GuideOutcome
from db.guide_request_data import GuideRequest
from db.traces import Read
from office import guide_requests
from office.context import Office
from office.people import Actor
from office.reading import PartOfList

IDENTITY = typer.Argument(help="The id of what is to be sent, or the beginning of it.")


def register(app: typer.Typer) -> None:
    waiting = add_group(
        app,
        "waiting",
        "List who waits for an operator, and to whom something is to be sent; note that it was sent.",
        list_waiting,
    )
    waiting.command()(take)
    waiting.command()(release)
    waiting.command()(sent)


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
    table = [[getattr(request, column) for column in columns] for request in requests]
    as_table("To be sent", columns, table, "nothing")


def _guide_requests(parts: Composition, last: int) -> list[GuideRequest]:
    """Return the requests for a procedure in writing; none, with a message, while the database is away."""
    try:
        return read(parts, lambda office: guide_requests.latest(office, me(), PartOfList(), last))
    except DatabaseError as error:
        errors.print(f"hatif: what is to be sent is not known: {error}", style="yellow", markup=False)
        return []


def _with_wait(entry: dict[str, Any], now: float) -> dict[str, Any]:
    """Return a queue entry with its wait in seconds, which `--json` has after the topic."""
    members = ("place", "call", "caller", "callback", "language", "topic")
    waited_s = now - (entry.get("waits_since") or entry["since"])
    return {**{name: entry[name] for name in members}, "waited_s": round(waited_s, 1), **entry}


def _request_row(request: GuideRequest) -> dict[str, Any]:
    """Return a request as `--json` has it, with the members by which programs tell rows apart."""
    row = asdict(request)
    first = {"place": None, "callback": None, "guide_request": row.pop("id"), "caller": request.number}
    return {**first, "call": row.pop("call_id"), **row}


def take(identity: str = IDENTITY) -> None:
    """Take on what is to be sent, so that nobody else does."""
    _change(identity, guide_requests.take, "taken")


def release(identity: str = IDENTITY) -> None:
    """Let others take it again, whoever has it."""
    _change(identity, guide_requests.release, "given back")


def sent(
    identity: str = IDENTITY,
    outcome: GuideOutcome = typer.Option(
        GuideOutcome.SENT, "--outcome", help="What happened instead, if it was not sent."
    ),
    why: str = typer.Option("", "--why", help="The reason, for the record."),
) -> None:
    """Note that a procedure was sent, or why it was not."""
    _change(identity, partial(guide_requests.end, outcome=outcome, why=why), outcome.value)


def _change(beginning: str, change: Callable[[Office, Actor, UUID], Awaitable[GuideRequest]], what: str) -> None:
    async def changed(office: Office) -> GuideRequest:
        found = await guide_requests.find(office, me(), beginning)
        return await change(office, me(), found.id)

    request = work(Composition(), changed)
    console.print(f"{request.procedure} for {request.number}: {what}.", markup=False)
