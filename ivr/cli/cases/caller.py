"""Commands about what is remembered of a caller's number."""

import asyncio
import time
from typing import Any

import typer

from ivr.cli.composition import Composition, ControlError, account
from ivr.cli.output import JSON, as_json, as_table, console
from ivr.model.e164 import Rules, normalise, writings

NUMBER = typer.Argument(help="The number as anybody writes it, such as +33612345678 or 0033612345678.")

_DELIVERED_S = 2.0
"""How long what is written already has to come into the database; where it is delivered, that takes some 0.1 s."""
_POLL_S = 0.1


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

    parts = Composition()
    number = _meant(parts, number)
    found: dict[str, Any] = asyncio.run(parts.read(callers.caller, number))
    if json:
        as_json(found)
    else:
        as_table("Caller", ("what", "value"), found.items())


def erase(number: str = NUMBER) -> None:
    """Forget a number: it is greeted as a new one, and not called back. Calls and files of it stay."""
    from db import callers
    from db.engine import async_engine

    parts = Composition()
    number = _meant(parts, number)

    async def erased() -> callers.Erasure | None:
        await _delivered(parts, number)
        engine = async_engine(parts.database_url)
        try:
            return await callers.erase(engine, number, parts.site.node, account(), writings(number))
        except callers.BeingCalledError as error:
            raise ControlError(f"{number} is not forgotten: it {error}.") from None
        finally:
            await engine.dispose()

    found = asyncio.run(erased())
    if found is None:
        raise ControlError(f"{number} is not remembered and has no call-back request; `hatif calls` shows who called.")
    cancelled = f" It will not be called back: {found.requests} cancelled." if found.requests else ""
    console.print(f"{number}: forgotten.{cancelled}", markup=False)


def _meant(parts: Composition, written: str) -> str:
    """Return the number in E.164. A national one is that of the site's country in which somebody has it.

    Raises:
        ControlError: It is no number, or a national one in several countries.
    """
    if (number := normalise(written)) is not None:
        return number
    countries = sorted({each.country for each in parts.site.number if each.country is not None})
    found = {each for country in countries if (each := normalise(written, Rules(country))) is not None}
    known = sorted(asyncio.run(_known(parts, found))) if found else []
    if len(known) > 1:
        raise ControlError(f"{written!r} may be {' or '.join(known)}; write it with its +.")
    if not known:
        why = "nobody who called has it" if found else "is no telephone number"
        raise ControlError(f"{written!r}: {why}; write it with its country, such as +33612345678.")
    return known[0]


async def _known(parts: Composition, numbers: set[str]) -> list[str]:
    from db import callers
    from db.engine import async_engine

    engine = async_engine(parts.database_url)
    try:
        return await callers.known_numbers(engine, numbers)
    finally:
        await engine.dispose()


async def _delivered(parts: Composition, number: str) -> None:
    """Until the database has all that was written before. Raises ControlError: the rest would bring the number back."""
    from db.delivery import lag

    began = time.time()
    while True:
        behind = await lag(parts.settings.journal, parts.database_url)
        if not behind.records or behind.seconds < time.time() - began:
            return
        if time.time() - began > _DELIVERED_S:
            raise ControlError(
                f"{number} is not forgotten: not all of the journal is in the database yet (still to come: "
                f"{behind.records}), and that may bring it back. Have it delivered (`hatif up`, or `hatif journal` "
                "alone), then erase it again."
            )
        await asyncio.sleep(_POLL_S)
