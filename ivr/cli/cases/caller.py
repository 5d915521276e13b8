"""`hatif caller`: what is remembered about a caller's number."""

import asyncio
import time
from typing import Any

import typer

from ivr.cli.composition import Composition, ControlError, account
from ivr.cli.groups import add_group
from ivr.cli.output import JSON, as_json, as_table, console
from ivr.model.e164 import NumberRules, normalise, written_forms

NUMBER = typer.Argument(help="The number in any way of writing it, such as +33612345678 or 0033612345678.")

_DELIVERED_S = 2.0
"""How long to wait until the journal's records are in the database; a running deliverer needs about 0.1 s."""
_POLL_S = 0.1


# Imports in functions: SQLAlchemy takes a while to load, and `hatif --help` does not need it.


def register(app: typer.Typer) -> None:
    caller = add_group(app, "caller", "Show or erase what is remembered about a number: the language of its last call.")
    caller.command()(show)
    caller.command()(erase)


def show(number: str = NUMBER, json: bool = JSON) -> None:
    """Show what is remembered about a number."""
    from db import callers

    parts = Composition()
    number = _resolve(parts, number)
    found: dict[str, Any] = asyncio.run(parts.read(callers.caller, number))
    if json:
        as_json(found)
    else:
        as_table("Caller", ("what", "value"), found.items())


def erase(number: str = NUMBER) -> None:
    """Forget a number: greet it as a new one, end its pending requests, and remove applicants' names from its case
    files. Its calls and case files stay.
    """
    from db import callers
    from db.engine import open_engine

    parts = Composition()
    number = _resolve(parts, number)

    async def erase_delivered() -> callers.Erasure | None:
        await _wait_until_delivered(parts, number)
        async with open_engine(parts.database_url) as engine:
            try:
                return await callers.erase(engine, number, parts.site.node, account(), written_forms(number))
            except callers.BeingCalledError as error:
                raise ControlError(f"{number} was not erased: it {error}.") from None

    found = asyncio.run(erase_delivered())
    if found is None:
        raise ControlError(
            f"Nothing is remembered about {number}, and it has no pending request and no applicant's name; "
            "`hatif calls` shows who called."
        )
    cancelled = f" Call-back requests cancelled: {found.requests}." if found.requests else ""
    cancelled += f" Requests to send something withdrawn: {found.guide_requests}." if found.guide_requests else ""
    cancelled += f" Case files whose applicant's name was removed: {found.cases}." if found.cases else ""
    console.print(f"{number}: erased.{cancelled}", markup=False)


def _resolve(parts: Composition, written: str) -> str:
    """Return a number in E.164; a national one in the country of the site in which it has called before.

    Raises:
        ControlError: It is not a number, or a national one that has called from no country or from several countries.
    """
    if (number := normalise(written)) is not None:
        return number
    countries = sorted({entry.country for entry in parts.site.number if entry.country is not None})
    normalised = (normalise(written, NumberRules(country)) for country in countries)
    candidates = {number for number in normalised if number is not None}
    known = sorted(asyncio.run(_known(parts, candidates))) if candidates else []
    if len(known) > 1:
        raise ControlError(f"{written!r} may be {' or '.join(known)}; write the one that you mean, with its +.")
    if not known:
        why = "has never called" if candidates else "is not a telephone number"
        raise ControlError(f"{written!r} {why}; write it with its country, such as +33612345678.")
    return known[0]


async def _known(parts: Composition, numbers: set[str]) -> list[str]:
    from db import callers
    from db.engine import open_engine

    async with open_engine(parts.database_url) as engine:
        return await callers.known_numbers(engine, numbers)


async def _wait_until_delivered(parts: Composition, number: str) -> None:
    """Wait until the database has everything that was journalled before.

    Raises ControlError after `_DELIVERED_S`: records that come later would bring the number back.
    """
    from db.delivery import lag

    began = time.time()
    while True:
        behind = await lag(parts.settings.journal, parts.database_url)
        if not behind.records or behind.seconds < time.time() - began:
            return
        if time.time() - began > _DELIVERED_S:
            raise ControlError(
                f"{number} was not erased: {behind.records} journal records are not in the database yet and may bring "
                "it back. Deliver them (`hatif up`, or `hatif journal` alone), then erase the number again."
            )
        await asyncio.sleep(_POLL_S)
