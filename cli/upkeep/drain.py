"""`hatif drain`: no new calls; those in progress end; then the line is empty."""

import asyncio

import typer

from cli.composition import Composition
from cli.output import console
from cli.upkeep.up_calls import UpCalls, manager, read_up, until_empty


def register(app: typer.Typer) -> None:
    app.command()(drain)


def drain(
    announce: bool = typer.Option(
        False,
        "--announce",
        help="New callers hear that the line is closed.  [default: their carrier gets 503, and may try another route]",
    ),
    end: bool = typer.Option(False, "--end", help="Take new calls again."),
    wait: bool = typer.Option(True, help="Wait until the calls in progress have ended."),
    within: float = typer.Option(None, min=0, help="Give up waiting after this many seconds, with exit status 1."),
) -> None:
    """Take no new calls and wait until the line is empty; `--end` takes calls again. Nobody is cut off."""
    parts = Composition()
    parts.ask_controller("PUT", "/drain", {"refuse": None if end else not announce})
    if end:
        console.print("New calls are taken.")
        return
    how = "new callers hear that the line is closed" if announce else "carriers get 503 for new ones"
    console.print(f"No new calls are taken: {how}. `hatif drain --end` takes them again.")
    if wait and not asyncio.run(_empty(parts, within)):
        console.print("Calls are still up; no new ones are taken.")
        raise typer.Exit(1)


async def _empty(parts: Composition, within_s: float | None) -> bool:
    def show(up: UpCalls) -> None:
        console.print(f"  up: {up}", markup=False)

    async with manager(parts) as ami:
        empty = await until_empty(lambda: read_up(ami), show, within_s)
    if empty:
        console.print("The line is empty.")
    return empty
