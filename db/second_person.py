"""Who is a second person for whom. Functions raise DatabaseError if the database is away.

An administrator who has let somebody in, by a one-time link that was used or by removing their second factor, may hold
that account in their own hands: the account is *tied* to them until somebody else has let the person in anew
(`desk/people/links.py`).
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.engine import insert_of, reading
from db.tables import AccountTie


@dataclass(frozen=True, slots=True)
class Objection:
    """Why somebody is no second person: `own`, or `let_in` for a tie; and the same as a sentence."""

    code: str
    sentence: str


async def objections(engine: AsyncEngine, actor: str, author: str) -> tuple[Objection, ...]:
    """Return what stands against an actor as the second person for what an author has written, if anything does."""
    if actor == author:
        return (Objection("own", "You have written this yourself: another person decides about it."),)
    return await objections_by_tie(engine, actor, author) or await objections_by_tie(engine, author, actor)


async def objections_by_tie(engine: AsyncEngine, account: str, administrator: str) -> tuple[Objection, ...]:
    """Return what stands against an account's acting on something of an administrator, who may hold it in their hands.

    In that direction only: it is for what an author may decide about themselves.
    """
    if administrator not in await let_in_by(engine, account):
        return ()
    sentence = (
        f"{account} has come in by a link that {administrator} made, and is no second person for {administrator}."
        f" Another administrator, or `hatif accounts login {account}` on the server, renews the access."
    )
    return (Objection("let_in", sentence),)


async def tied_to(connection: AsyncConnection, account: str) -> frozenset[str]:
    """Return the administrators who have let an account in."""
    return frozenset(await connection.scalars(select(AccountTie.by).where(AccountTie.account_id == account)))


async def let_in_by(engine: AsyncEngine, account: str) -> frozenset[str]:
    """Return the same, in a transaction of its own."""
    async with reading(engine) as connection:
        return await tied_to(connection, account)


async def hands_of(connection: AsyncConnection, account: str, by: str) -> frozenset[str]:
    """Return whose hands an account is in when an administrator lets it in: also of those who have let them in, and may
    do it in their name."""
    return frozenset({by, *await tied_to(connection, by)} - {account})


async def tie(connection: AsyncConnection, account: str, by: str, now: datetime) -> None:
    """Tie an account to an administrator who lets it in; ties that there are stay as they are."""
    for hand in await hands_of(connection, account, by):
        row = insert_of(connection.dialect.name)(AccountTie).values(account_id=account, by=hand, since=now)
        await connection.execute(row.on_conflict_do_nothing())
