"""What people are told of their own accounts at the desk: a new link, password or second factor."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import aliased

from db.engine import reading, writing
from db.enums import AccountChange
from db.ids import uuid7
from db.tables import Account, AccountNotice
from desk.page.texts import N_

LISTED = 20
"""The latest that the account page lists."""

MAILED = timedelta(days=1)
"""What is older is not sent by e-mail any more, as after a time without the desk."""

_SENTENCES = {
    AccountChange.LINK: N_("%(name)s made a link for your account on %(day)s."),
    AccountChange.PASSWORD: N_("A password was chosen for your account on %(day)s."),
    AccountChange.FACTOR: N_("A second factor was set up for your account on %(day)s."),
    AccountChange.FACTOR_REMOVED: N_("%(name)s removed the second factor of your account on %(day)s."),
    AccountChange.CODE_AGAIN: N_("A code of your second factor that had been used was given once more on %(day)s."),
}
_OF_THE_SERVER = {
    AccountChange.LINK: N_("A link of the server let somebody into your account on %(day)s."),
    AccountChange.FACTOR_REMOVED: N_("The second factor of your account was removed on the server on %(day)s."),
}


@dataclass(frozen=True, slots=True)
class Notice:
    """Something new about an account. `by`: the name of whoever did it; None: the server's own command line."""

    at: datetime
    what: AccountChange
    by: str | None = None

    @property
    def sentence(self) -> str:
        """A text of the catalogues with gaps for `name` and `day`."""
        sentences = {**_SENTENCES, **_OF_THE_SERVER} if self.by is None else _SENTENCES
        return sentences[self.what]


@dataclass(frozen=True, slots=True)
class Mailing:
    """A notice for an e-mail. `language`: of the person's pages."""

    account: str
    address: str
    language: str | None
    notice: Notice


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


async def take_unsent(engine: AsyncEngine, now: datetime) -> list[Mailing]:
    """Return what is to be sent by e-mail, each notice once."""
    person, other = aliased(Account), aliased(Account)
    unsent = AccountNotice.mailed.is_(None) & (AccountNotice.at > now - MAILED) & person.email.is_not(None)
    query = (
        select(AccountNotice, person.email, person.language, other.name)
        .join(person, person.id == AccountNotice.account_id)
        .outerjoin(other, other.id == AccountNotice.by)
        .where(unsent)
        .order_by(AccountNotice.at)
        .limit(LISTED)
    )
    async with reading(engine) as connection:
        found = (await connection.execute(query)).all()
    if not found:
        return []
    ours = AccountNotice.id.in_([row.id for row in found]) & AccountNotice.mailed.is_(None)
    async with writing(engine) as connection:
        taken = set(
            await connection.scalars(update(AccountNotice).where(ours).values(mailed=now).returning(AccountNotice.id))
        )
    return [
        Mailing(row.account_id, row.email, row.language, Notice(row.at, AccountChange(row.what), row.name or row.by))
        for row in found
        if row.id in taken
    ]


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
    return tuple(Notice(row.at, AccountChange(row.what), row.name or row.by) for row in await connection.execute(query))
