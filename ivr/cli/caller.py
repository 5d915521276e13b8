"""Commands about what is remembered of a caller's number."""

import asyncio
from typing import Any

import typer

from ivr.cli.compose import Composition, ControlError
from ivr.cli.output import as_json, as_table, console

JSON = typer.Option(False, "--json", help="One JSON document on standard output.")
NUMBER = typer.Argument(help="The number with its +, such as +33612345678.")


def register(app: typer.Typer) -> None:
    caller = typer.Typer(
        help="What is remembered about a number: the language of its last call.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    caller.command()(show)
    caller.command()(erase)
    app.add_typer(caller, name="caller")


def show(number: str = NUMBER, json: bool = JSON) -> None:
    """What is remembered about a number."""
    from db import callers

    found: dict[str, Any] = asyncio.run(Composition().read(callers.caller, number))
    if json:
        as_json(found)
    else:
        as_table("Caller", ("what", "value"), found.items())


def erase(number: str = NUMBER) -> None:
    """Forget a number: it is greeted as a new one. Calls and files of it stay."""
    from db import callers
    from db.engine import async_engine

    parts = Composition()

    async def erased() -> bool:
        engine = async_engine(parts.database_url)
        try:
            return await callers.erase(engine, number, parts.site.node)
        finally:
            await engine.dispose()

    if not asyncio.run(erased()):
        raise ControlError(f"{number} is not remembered; write it with its + and without blanks, as in `hatif calls`.")
    console.print(f"{number}: forgotten.", markup=False)
