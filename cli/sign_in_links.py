"""Links that sign in at the desk once, and the desk's address for the person who started the line."""

import asyncio
from datetime import UTC, datetime

from cli.composition import Composition, ControlError
from cli.control import actor
from cli.desk import settings_of
from cli.output import console
from db.engine import DatabaseError, open_engine
from desk.people import accounts, links
from desk.people.accounts import AccountError


async def sign_in_link(parts: Composition, operator: str) -> str:
    """Return a new one-time link for an operator, whose account is made if there is none.

    Raises ControlError if there is no such operator, AccountError if the account is disabled, DatabaseError.
    """
    entry = next((entry for entry in parts.operators if entry.id == operator), None)
    if entry is None:
        raise ControlError(f"There is no operator {operator}; `hatif operators` lists them.")
    now = datetime.now(UTC)
    async with open_engine(parts.database_url) as engine:
        await accounts.ensure_operator(engine, entry.id, entry.name, entry.supervisor, now, by=actor())
        return f"{settings_of(parts).url}/link/{await links.make_link(engine, entry.id, now, actor=actor())}"


async def _visitor_link(parts: Composition) -> str:
    """Return a new one-time link for whoever wants to try the line. Raises AccountError, DatabaseError."""
    now = datetime.now(UTC)
    async with open_engine(parts.database_url) as engine:
        await accounts.ensure_visitor(engine, now)
        return f"{settings_of(parts).url}/link/{await links.make_link(engine, accounts.VISITOR, now, actor=actor())}"


async def _say_how(parts: Composition, operator: str) -> None:
    """Print the commands that print links, in their place."""
    console.print(f"To sign in to it: `hatif operators login {operator}` prints a link.", markup=False, soft_wrap=True)
    if not parts.site.desk.has_try:
        return
    try:
        async with open_engine(parts.database_url) as engine:
            await accounts.ensure_visitor(engine, datetime.now(UTC))
    except DatabaseError as error:
        console.print(f"The visitor's page cannot be opened: {error}", style="yellow", markup=False, soft_wrap=True)
        return
    command = f"hatif accounts login {accounts.VISITOR}"
    console.print(f"To call the line from your browser: `{command}` prints a link.", markup=False, soft_wrap=True)


async def announce(parts: Composition, ready: asyncio.Event) -> None:
    """Print the desk's address once the line is up; in a terminal with a first sign-in, which no log must have."""
    if not parts.site.desk.enabled:
        return
    await ready.wait()
    console.print(f"The operators' desk: {settings_of(parts).url}", markup=False)
    first = parts.operators[0]
    if not console.is_terminal:
        await _say_how(parts, first.id)
        return
    try:
        link = await sign_in_link(parts, first.id)
        visitor = await _visitor_link(parts) if parts.site.desk.has_try else None
    except (DatabaseError, AccountError) as error:
        console.print(f"No sign-in could be made: {error}", style="yellow", markup=False, soft_wrap=True)
        return
    console.print(f"To sign in as {first.name} ({first.id}), once and within 15 minutes:", markup=False)
    console.print(link, markup=False, soft_wrap=True)
    if visitor is not None:
        console.print("To call the line from your browser, in another one or a private window:", markup=False)
        console.print(visitor, markup=False, soft_wrap=True)
    console.print("For anybody else: `hatif operators login ID`.", markup=False)
