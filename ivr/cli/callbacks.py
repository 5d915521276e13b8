"""`hatif callbacks`: who wished to be called back, why he is not called yet, and what a person does about it."""

import asyncio
from datetime import datetime
from typing import Any, cast

import typer

from ivr.cli.composition import Composition, ControllerAwayError
from ivr.cli.output import JSON, as_json, as_table, console, errors
from ivr.model import clock

IDENTITY = typer.Argument(help="The wish's id, or how it begins.")
WHY = typer.Option("", "--why", help="The reason, for the records.")
GONE = typer.Option(False, "--node-gone", help="Also if a node is at it that is gone for good.")


def register(app: typer.Typer) -> None:
    callbacks = typer.Typer(
        help="Who is to be called back: list, add, take over, cancel.",
        invoke_without_command=True,
        rich_markup_mode=None,
    )
    callbacks.callback()(list_wishes)
    callbacks.command()(add)
    callbacks.command()(take)
    callbacks.command()(cancel)
    app.add_typer(callbacks, name="callbacks")


def list_wishes(
    context: typer.Context,
    last: int = typer.Option(20, "--last", min=0, max=1000, help="How many of those that are over."),
    json: bool = JSON,
) -> None:
    if context.invoked_subcommand is not None:
        return
    parts = Composition()
    try:
        rows = cast(list[dict[str, Any]], parts.ask_controller("GET", f"/callbacks?last={last}"))
    except ControllerAwayError:
        rows = asyncio.run(_read(parts, last))
        errors.print("hatif: the controller does not answer: nobody is called.", style="yellow", markup=False)
    if json:
        as_json(rows)
        return
    columns = ("id", "kind", "state", "number", "language", "topic", "due", "tries", "why_not", "reason")
    as_table("Call backs", columns, ([_short(row[name]) for name in columns] for row in rows))


def _short(value: object) -> object:
    """Instants without their fractions."""
    if isinstance(value, str) and len(value) > 19 and value[4:5] == "-" and value[10:11] == "T":
        return datetime.fromisoformat(value)
    return value


async def _read(parts: Composition, last: int) -> list[dict[str, Any]]:
    """From the database itself, by the site's plan of hours."""
    from db import callbacks
    from db.engine import async_engine
    from ivr.callbacks import listing
    from ivr.site import callback_rules

    now = clock.now()
    engine = async_engine(parts.database_url)
    try:
        wishes = await callbacks.latest(engine, last)
        tries = await callbacks.tries(engine, [each.id for each in wishes])
        dialled = await callbacks.count_dialled(engine, callback_rules.midnight(now, parts.site.hours.timezone))
    finally:
        await engine.dispose()
    return listing.rows(wishes, tries, dialled, parts.site, plan_of(parts), now)


def plan_of(parts: Composition) -> Any:
    """What answers whether the line is open: the plan with its holidays, without what an administrator has said."""
    from ivr.site.holidays import Holidays
    from routing import hours

    days = Holidays(parts.site.hours.holidays)

    class Plan:
        def answer(self, at: datetime, *, language: str | None = None) -> hours.Answer:
            return hours.answer(parts.site.hours.plan(language=language, days=days), at)

    return Plan()


def add(
    number: str = typer.Argument(help="Whom to call, such as +33612345678."),
    language: str = typer.Option(None, "--language", help="His language; absent: the likeliest of his country."),
    topic: str = typer.Option(None, "--topic", help="What it is about, as in the flow."),
) -> None:
    """Note a wish for somebody; it is due at once."""
    body = {"number": number, "language": language, "topic": topic}
    answer = cast(dict[str, Any], Composition().ask_controller("POST", "/callbacks", body))
    console.print(f"{number} is to be called back; the wish is {answer['id']}.", markup=False)


def take(
    identity: str = IDENTITY,
    operator: str = typer.Option(None, "--operator", help="The operator who takes it over, if it is one."),
    why: str = WHY,
    node_gone: bool = GONE,
) -> None:
    """Take a wish over: somebody calls by hand, and Hatif does not call any more."""
    _do(identity, "take", {"why": why, "operator": operator, "node_gone": node_gone})


def cancel(identity: str = IDENTITY, why: str = WHY, node_gone: bool = GONE) -> None:
    """Call nobody for a wish."""
    _do(identity, "cancel", {"why": why, "node_gone": node_gone})


def _do(identity: str, deed: str, body: dict[str, Any]) -> None:
    from urllib.parse import quote

    answer = Composition().ask_controller("POST", f"/callbacks/{quote(identity, safe='')}/{deed}", body)
    row = cast(dict[str, Any], answer)
    console.print(f"{row['id']}: {row['state']} ({row['reason']}).", markup=False)
