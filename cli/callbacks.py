"""`hatif callbacks`: list call-back requests and why each is not called yet; add, take over and cancel them.

The office does what is asked for, but for adding, which asks the line to call.
"""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any, cast

import typer

from cli.composition import Composition, ControlError, ControllerAwayError
from cli.groups import add_group
from cli.office import me, read, work
from cli.output import JSON, as_json, as_table, console, errors
from db.callback_requests import CallbackRequest
from db.callback_states import due_of, routing_age
from ivr.model import clock
from office import callbacks as office
from office.callback_reasons import LineNow
from office.callbacks import Listed
from office.reading import ByCommand
from routing import hours
from wire.live import OperatorStatus

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
    line = _line_now(parts)
    rows = [
        _row(listed)
        for listed in read(parts, lambda office_: office.latest(office_, me(), ByCommand(), parts.site, line, last))
    ]
    if json:
        as_json(rows)
        return
    columns = ("id", "kind", "state", "number", "asked_by", "language", "topic", "due", "tries", "why_not", "reason")
    as_table("Call-back requests", columns, ([row[name] for name in columns] for row in rows))


def _row(listed: Listed) -> dict[str, Any]:
    """Return a request as `--json` has it."""
    request = listed.request
    return {
        "id": request.id,
        "kind": request.kind,
        "state": request.state,
        "number": request.number,
        "asked_by": request.asked_by,
        "country": request.country,
        "language": request.language,
        "topic": request.topic,
        "operator": request.operator_id,
        "case": request.case_reference,
        "wished": request.wished,
        "waiting_since": routing_age(request),
        "due": due_of(request),
        "tries": request.tries,
        "tried": request.tried,
        "reason": request.reason,
        "why_not": listed.why_not,
        "call": request.call_id,
        "dialled_call": request.dialled_call_id,
        "ended": request.ended,
        "dialled": listed.tries,
    }


def _line_now(parts: Composition) -> LineNow:
    """Return what is live, from the controller; without one, with opening hours from the site's plan."""

    @cache
    def is_open(language: str | None) -> bool:
        asked = f"?language={language}" if language in parts.site.languages else ""
        return bool(cast(dict[str, Any], parts.ask_controller("GET", f"/hours{asked}"))["open"])

    try:
        queue = cast(list[dict[str, Any]], parts.ask_controller("GET", "/queue"))
        operators = cast(list[dict[str, Any]], parts.ask_controller("GET", "/operators"))
    except ControllerAwayError:
        errors.print("hatif: the controller does not answer: nobody is called back.", style="yellow", markup=False)
        return LineNow(open_by_plan(parts, clock.now()))
    if any(row["state"] == OperatorStatus.UNKNOWN for row in operators):
        return LineNow(is_open)  # the controller is not connected to Asterisk
    away = (OperatorStatus.AWAY, OperatorStatus.PAUSED)
    on_duty = sum(row["state"] not in away and not row["training"] for row in operators)
    return LineNow(is_open, {row["callback"]: row["place"] for row in queue if row["callback"]}, on_duty)


def open_by_plan(parts: Composition, at: datetime) -> Callable[[str | None], bool]:
    """Return what answers whether the line is open for a language, by plan and holidays, ignoring forced hours."""
    days = parts.site.hours.closing_days()
    return lambda language: hours.answer(parts.site.hours.plan(language=language, days=days), at).open


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
    parts = Composition()
    if operator is not None and operator not in [entry.id for entry in parts.operators]:
        raise ControlError(f"There is no operator {operator!r}; `hatif operators` lists them.")
    _say(
        work(
            parts, lambda office_: office.take(office_, me(), identity, operator=operator, why=why, node_gone=node_gone)
        )
    )


def cancel(identity: str = IDENTITY, why: str = WHY, node_gone: bool = GONE) -> None:
    """Cancel a request."""
    _say(work(Composition(), lambda office_: office.cancel(office_, me(), identity, why=why, node_gone=node_gone)))


def _say(over: CallbackRequest) -> None:
    console.print(f"{over.id}: {over.state} ({over.reason}).", markup=False)
