"""Links that sign in once. Functions raise DatabaseError if the database is away."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.engine import reading, writing
from db.tables import Account, AccountLink
from desk.people import tokens
from desk.people.accounts import MAY_SIGN_IN, Person, person_of

VALID = timedelta(minutes=15)


async def make_link(engine: AsyncEngine, account: str, now: datetime) -> str:
    """Return the token of a new link for an account; its earlier ones no longer work."""
    token = tokens.make()
    async with writing(engine) as connection:
        outdated = (AccountLink.account_id == account) | (AccountLink.expires < now)
        await connection.execute(delete(AccountLink).where(outdated))
        row = {"token_hash": tokens.hash_of(token), "account_id": account, "created": now, "expires": now + VALID}
        await connection.execute(insert(AccountLink).values(row))
    return token


async def find_link(engine: AsyncEngine, token: str, now: datetime) -> Person | None:
    """Return whom a link signs in; None if it is unknown, used or too old."""
    async with reading(engine) as connection:
        return await _person(connection, _valid(token, now))


async def use_link(engine: AsyncEngine, token: str, now: datetime) -> Person | None:
    """Use a link up, and return whom it signs in; None if it is unknown, used or too old."""
    async with writing(engine) as connection:
        person = await _person(connection, _valid(token, now))
        used = await connection.execute(update(AccountLink).where(_valid(token, now)).values(used=now))
        return person if used.rowcount else None


def _valid(token: str, now: datetime) -> ColumnElement[bool]:
    return (AccountLink.token_hash == tokens.hash_of(token)) & (AccountLink.expires > now) & AccountLink.used.is_(None)


async def _person(connection: AsyncConnection, where: ColumnElement[bool]) -> Person | None:
    query = select(Account.__table__).join(AccountLink, AccountLink.account_id == Account.id)
    row = (await connection.execute(query.where(where, MAY_SIGN_IN))).one_or_none()
    return person_of(Account(**row._asdict())) if row is not None else None
