"""What people are told of their own accounts at the desk: a new link, password or factor."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.engine import reading, writing
from db.enums import AccountChange
from db.ids import uuid7
from db.tables import Account, AccountNotice

LISTED = 20
"""The latest that the account page lists."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence for the person. `by`: the administrator's name; None: the server's own command line.

    `is_own`: the person did it themself.
    """

    at: datetime
    what: AccountChange
    by: str | None = None
    is_own: bool = False


async def tell(
    connection: AsyncConnection, account: str, what: AccountChange, now: datetime, by: str | None = None
) -> UUID:
    """Have a person told of something new about their account, with the transaction that makes it; return its id.

    Args:
        by: The account of whoever did it, also their own; None: the server's own command line.
    """
    notice = uuid7()
    row = {"id": notice, "account_id": account, "at": now, "what": what.value, "by": by}
    await connection.execute(insert(AccountNotice).values(row))
    return notice


async def untold(connection: AsyncConnection, account: str, but: UUID | None, began: datetime) -> tuple[Notice, ...]:
    """Return what a person has not read yet, and is told in a session.

    Args:
        but: The notice of the link by which it began: whoever uses a link is not told of it, since that may be the one
            who made it.
        began: When it began. What the person has done in it they know.
    """
    return await _select(connection, _untold(account, but, began))


async def latest(engine: AsyncEngine, account: str) -> tuple[Notice, ...]:
    """Return the latest notices of an account, also those that were read; the newest first."""
    async with reading(engine) as connection:
        return await _select(connection, AccountNotice.account_id == account)


async def note_told(engine: AsyncEngine, account: str, but: UUID | None, began: datetime, now: datetime) -> None:
    """Note that a person has read what `untold` returns."""
    async with writing(engine) as connection:
        await connection.execute(update(AccountNotice).where(_untold(account, but, began)).values(told=now))


def _untold(account: str, but: UUID | None, began: datetime) -> ColumnElement[bool]:
    mine = AccountNotice.by.is_not_distinct_from(account) & (AccountNotice.at >= began)
    where = (AccountNotice.account_id == account) & AccountNotice.told.is_(None) & ~mine
    return where & (AccountNotice.id != but) if but is not None else where


async def _select(connection: AsyncConnection, where: ColumnElement[bool]) -> tuple[Notice, ...]:
    query = (
        select(AccountNotice, Account.name)
        .outerjoin(Account, Account.id == AccountNotice.by)
        .where(where)
        .order_by(AccountNotice.at.desc(), AccountNotice.id.desc())
        .limit(LISTED)
    )
    return tuple(
        Notice(row.at, AccountChange(row.what), row.name or row.by, is_own=row.by == row.account_id)
        for row in await connection.execute(query)
    )
