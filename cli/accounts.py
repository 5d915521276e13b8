"""`hatif accounts …`: who may sign in at the desk."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from cli.composition import Composition
from cli.control import actor
from cli.desk import settings_of
from cli.groups import add_group
from cli.output import JSON, as_json, as_table, console
from db.engine import open_engine
from db.enums import AccountRole
from desk.guide.mail import address_of
from desk.people.accounts import AccountError, Person, find, list_people, set_disabled, set_email
from desk.people.accounts import add as add_account
from desk.people.factors import holders, remove
from desk.people.links import make_link
from desk.people.qr import qr_lines

T = TypeVar("T")

AccountId = Annotated[str, typer.Argument(help="The account's id.")]


def register(app: typer.Typer) -> None:
    accounts = add_group(
        app, "accounts", "List who may sign in at the desk; add, disable and enable accounts.", list_accounts
    )
    accounts.command("add")(add)
    accounts.command("login")(login)
    accounts.command("email")(email)
    accounts.command("remove-factor")(remove_factor)
    accounts.command("disable")(disable)
    accounts.command("enable")(enable)


def list_accounts(context: typer.Context, json: bool = JSON) -> None:
    if context.invoked_subcommand is not None:
        return
    parts = Composition()
    people = with_engine(parts, list_people)
    with_factor = with_engine(parts, holders)
    rows = [
        {
            "id": person.id,
            "name": person.name,
            "role": person.role.value,
            "operator": person.operator,
            "password": person.has_password,
            "factor": person.id in with_factor,
            "disabled": person.disabled,
            "gone": person.gone,
        }
        for person in people
    ]
    if json:
        as_json(rows)
    else:
        columns = ("id", "name", "role", "operator", "password", "factor", "disabled", "gone")
        as_table("Accounts", columns, ([row[column] for column in columns] for row in rows))
        if gone := [person.id for person in people if person.gone]:
            console.print(f"No longer in operators.csv, and cannot sign in: {', '.join(gone)}.", markup=False)


def add(
    account: AccountId,
    name: str = typer.Option(help="The person's name."),
    role: AccountRole = typer.Option(AccountRole.ADMINISTRATOR, help="What they may do."),
) -> None:
    """Add somebody who is not an operator, and print a one-time link. Operators: `hatif operators login ID`."""
    parts = Composition()
    with_engine(parts, lambda engine: add_account(engine, Person(account, name, role), datetime.now(UTC), by=actor()))
    _print_link(parts, account)


def login(account: AccountId) -> None:
    """Make a link that signs somebody in once, within 15 minutes; with a QR code."""
    parts = Composition()
    person = with_engine(parts, lambda engine: find(engine, account))
    if person is None or not person.may_sign_in:
        raise AccountError(f"There is no account {account!r} that may sign in; `hatif accounts` lists them.")
    _print_link(parts, account)


def email(
    account: AccountId,
    address: str = typer.Argument("", help="Such as name@example.org; without it, they get no e-mail any more."),
) -> None:
    """Have somebody told by e-mail of a new link, password or second factor, beside the desk itself."""
    email = address_of(address) if address else None
    if address and email is None:
        raise AccountError(f"{address!r} is no e-mail address; write one such as name@example.org.")
    with_engine(Composition(), lambda engine: set_email(engine, account, email, datetime.now(UTC), by=actor()))
    console.print(f"{account} is told at {email}." if email else f"{account} gets no e-mail.", markup=False)


def remove_factor(account: AccountId) -> None:
    """Remove somebody's second factor, such as a telephone that is lost, and sign them out everywhere."""
    if not with_engine(Composition(), lambda engine: remove(engine, account, datetime.now(UTC), actor=actor())):
        raise AccountError(f"There is no account {account!r} with a second factor; `hatif accounts` lists them.")
    console.print(f"{account} has no second factor any more.", markup=False)


def disable(account: AccountId) -> None:
    """Sign somebody out everywhere, and let them sign in no more until `enable`."""
    _set_disabled(account, disabled=True)


def enable(account: AccountId) -> None:
    """Let somebody sign in again."""
    _set_disabled(account, disabled=False)


def _set_disabled(account: str, *, disabled: bool) -> None:
    with_engine(Composition(), lambda engine: set_disabled(engine, account, disabled, datetime.now(UTC), by=actor()))
    console.print(f"{account} is {'disabled' if disabled else 'enabled'}.", markup=False)


def _print_link(parts: Composition, account: str) -> None:
    token = with_engine(parts, lambda engine: make_link(engine, account, datetime.now(UTC), actor=actor()))
    url = f"{settings_of(parts).url}/link/{token}"
    console.print(url, markup=False, soft_wrap=True)
    print(qr_lines(url), end="")


def with_engine(parts: Composition, work: Callable[[AsyncEngine], Awaitable[T]]) -> T:
    """Return what `work` does with the database's engine. Raises DatabaseError."""

    async def run() -> T:
        async with open_engine(parts.database_url) as engine:
            return await work(engine)

    return asyncio.run(run())
