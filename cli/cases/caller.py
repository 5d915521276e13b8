"""`hatif caller`: what the line has about a caller's number, and how it is handed out or erased."""

import asyncio
import time
from pathlib import Path
from typing import Any
from unicodedata import decimal

import typer

from cli.composition import Composition, ControlError, account
from cli.groups import add_group
from cli.on_record import put_on_record
from cli.output import JSON, as_json, as_table, console, errors
from cli.owner import refuse_strangers
from db import callers
from db.delivery import lag
from db.engine import open_engine
from db.erasure import BeingCalledError
from db.rows import NotFoundError
from db.traces import Read
from ivr.data import erasure
from ivr.data import export as exporting
from ivr.data.erasure import Erased
from ivr.data.proof import Proofs
from ivr.model import clock
from ivr.model.e164 import NumberRules, normalise

NUMBER = typer.Argument(help="The number in any way of writing it, such as +33612345678 or 0033612345678.")

_DELIVERED_S = 2.0
"""How long to wait until the journal's records are in the database; a running deliverer needs about 0.1 s."""
_POLL_S = 0.1


def register(app: typer.Typer) -> None:
    caller = add_group(app, "caller", "Show, export or erase what is known about a number.")
    caller.command()(show)
    caller.command()(erase)
    caller.command()(export)


def show(number: str = NUMBER, json: bool = JSON) -> None:
    """Show what is remembered about a number, or when it was erased."""
    parts = Composition()
    number = resolve(parts, number)
    try:
        found: dict[str, Any] = asyncio.run(parts.read(callers.caller, number))
    except NotFoundError as error:
        if not (erased := Proofs(parts.settings.home).of(number)):
            raise
        when = ", ".join(f"{proof.at:%Y-%m-%d %H:%M} UTC by {proof.by}" for proof in erased)
        raise ControlError(f"{str(error).partition(':')[0]}: it was erased ({when}).") from None
    put_on_record(parts, Read.CALLER, number=number)
    if json:
        as_json(found)
    else:
        as_table("Caller", ("what", "value"), found.items())


def erase(number: str = NUMBER, json: bool = JSON) -> None:
    """Erase a number everywhere: database, messages, recordings, journals, logs; end its pending requests.

    Its calls and case files stay, without the number and the applicant's name.
    """
    parts = Composition()
    refuse_strangers(parts.settings.home)
    number = resolve(parts, number)

    async def erase_delivered() -> erasure.Erased:
        await _wait_until_delivered(parts, number)
        try:
            return await erasure.erase(
                parts.settings, parts.database_url, number, parts.site.node, account(), clock.now()
            )
        except BeingCalledError as error:
            raise ControlError(f"{number} was not erased: it {error}.") from None

    try:
        erased = asyncio.run(erase_delivered())
    except OSError as error:
        raise ControlError(
            f"{number} was not completely erased: {error.filename} cannot be written ({error.strerror}); correct that, "
            "and repeat it."
        ) from None
    if erased.is_empty and not erased.left:
        raise ControlError(f"Nothing is known about {number}; `hatif calls` shows who called.")
    if json:
        as_json(
            _counts(erased) | {"files": [str(path) for path in erased.masked], "left": [str(p) for p in erased.left]}
        )
        return
    counts = "".join(f" {what}: {count}." for what, count in _counts(erased).items() if count)
    console.print(f"{number}: erased.{counts}", markup=False, soft_wrap=True)
    for path in erased.left:
        errors.print(f"hatif: {path} still has the number; it is yours to change.", markup=False, soft_wrap=True)
    if erased.backups:
        errors.print(
            f"hatif: {erased.backups} backups from before may have the number; `hatif restore` erases it again if "
            "erasures.json of this line is in the home.", markup=False, soft_wrap=True,
        )  # fmt: skip


def _counts(found: Erased) -> dict[str, int]:
    rows = found.rows
    return {
        "Call-back requests cancelled": rows.requests,
        "Requests to send something withdrawn": rows.guide_requests,
        "Case files whose applicant's name was removed": rows.cases,
        "Calls without a number now": rows.calls,
        "Recordings deleted": rows.recordings,
        "Messages deleted": rows.messages,
        "Logs and journals overwritten": len(found.masked),
    }


def export(
    number: str = NUMBER,
    out: Path = typer.Option(Path("export"), "--out", help="A new folder for the data and the audio."),
    json: bool = JSON,
) -> None:
    """Write everything about a number into a folder: calls, cases, requests, messages, recordings."""
    parts = Composition()
    number = resolve(parts, number)

    async def export_delivered() -> dict[str, int]:
        await _wait_until_delivered(parts, number)
        return await exporting.export(parts.settings.home, parts.database_url, number, out, clock.now())

    if asyncio.run(_known(parts, {number})):  # a number that is not known is not written down either
        put_on_record(parts, Read.EXPORT, "export:caller", number=number)
    try:
        counts = asyncio.run(export_delivered())
    except FileExistsError:
        raise ControlError(f"{out} exists; name another folder with --out.") from None
    except OSError as error:
        raise ControlError(f"{error.filename or out} cannot be written ({error.strerror}).") from None
    if not counts:
        raise ControlError(f"Nothing is known about {number}; `hatif calls` shows who called.")
    if json:
        as_json({"folder": str(out), **counts})
        return
    as_table(f"{out}: everything about {number}", ("what", "number"), counts.items())


def resolve(parts: Composition, written: str) -> str:
    """Return a number in E.164; a national one in the country of the site in which it has called before.

    Raises:
        ControlError: It is not a number, or a national one that has called from no country or from several countries.
    """
    # As people type it in Arabic, Persian or with wide digits; quoted as they did.
    letters = written.replace("\uff0b", "+")
    digits = "".join(str(decimal(letter)) if letter.isdecimal() else letter for letter in letters)
    if (number := normalise(digits)) is not None:
        return number
    countries = sorted({entry.country for entry in parts.site.number if entry.country is not None})
    normalised = (normalise(digits, NumberRules(country)) for country in countries)
    candidates = {number for number in normalised if number is not None}
    known = sorted(asyncio.run(_known(parts, candidates))) if candidates else []
    if len(known) > 1:
        raise ControlError(f"{written!r} may be {' or '.join(known)}; write the one that you mean, with its +.")
    if not known:
        why = "has never called" if candidates else "is not a telephone number"
        raise ControlError(f"{written!r} {why}; write it with its country, such as +33612345678.")
    return known[0]


async def _known(parts: Composition, numbers: set[str]) -> list[str]:
    async with open_engine(parts.database_url) as engine:
        return await callers.known_numbers(engine, numbers)


async def _wait_until_delivered(parts: Composition, number: str) -> None:
    """Wait until the database has everything that was journalled before.

    Raises ControlError after `_DELIVERED_S`: records that come later would bring the number back.
    """
    began = time.time()
    while True:
        behind = await lag(parts.settings.journal, parts.database_url)
        if not behind.has_from_before(began):
            return
        if time.time() - began > _DELIVERED_S:
            raise ControlError(
                f"{number} was left as it is: {behind.records} journal records are not in the database yet and may "
                "name it. Deliver them (`hatif up`, or `hatif journal` alone), then repeat this."
            )
        await asyncio.sleep(_POLL_S)
