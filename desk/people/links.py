"""Links that sign in once. Functions raise DatabaseError if the database is away.

Whoever makes a link on the desk can use it themself. From its use on, the account is tied to them
(`db.second_person`), until a link that somebody else has made, or the server's own command line, is used. That ends
what may be in other hands: the account's sessions, a password that was chosen and a second factor that was set up
meanwhile.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.audit import entry
from db.engine import reading, writing
from db.enums import AccountChange
from db.second_person import hands_of, tie
from db.tables import Account, AccountLink, AccountNotice, AccountTie, DeskSession
from desk.people import factors, tokens
from desk.people.accounts import COMMAND, MAY_SIGN_IN, VISITOR, Person, person_of
from desk.people.notices import tell

VALID = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class UsedLink:
    """A link that was used up.

    Attributes:
        notice: By which the person is told of it.
        made_by: The administrator's account; None: the server's own command line.
    """

    person: Person
    notice: UUID | None
    made_by: str | None


async def make_link(
    engine: AsyncEngine, account: str, now: datetime, made_by: str | None = None, *, actor: str = COMMAND
) -> str:
    """Return the token of a new link for an account; its earlier ones no longer work.

    Args:
        made_by: The account of the administrator who makes it on the desk; None: the server's own command line.
        actor: The user of that command line, for the audit.
    """
    token = tokens.make()
    async with writing(engine) as connection:
        outdated = (AccountLink.account_id == account) | (AccountLink.expires < now)
        await connection.execute(delete(AccountLink).where(outdated))
        notice = None
        if made_by is not None and account != VISITOR:  # whose links are made for anybody
            notice = await tell(connection, account, AccountChange.LINK, now, made_by)
        row = {"token_hash": tokens.hash_of(token), "account_id": account, "created": now, "expires": now + VALID}
        await connection.execute(insert(AccountLink).values(**row, made_by=made_by, notice_id=notice))
        await connection.execute(entry(now, made_by or actor, "account_link", f"account:{account}"))
    return token


async def find_link(engine: AsyncEngine, token: str, now: datetime) -> Person | None:
    """Return whom a link signs in; None if it is unknown, used or too old."""
    async with reading(engine) as connection:
        return await _person(connection, _valid(token, now))


async def use_link(engine: AsyncEngine, token: str, now: datetime) -> UsedLink | None:
    """Use a link up, and return whom it signs in; None if it is unknown, used or too old."""
    async with writing(engine) as connection:
        person = await _person(connection, _valid(token, now))
        used = await connection.execute(update(AccountLink).where(_valid(token, now)).values(used=now))
        if person is None or not used.rowcount:
            return None
        query = select(AccountLink.made_by, AccountLink.notice_id)
        link = (await connection.execute(query.where(AccountLink.token_hash == tokens.hash_of(token)))).one()
        if await _renew(connection, person.id, link.made_by, now):
            person = replace(person, has_password=False)
        notice = link.notice_id
        if notice is None and person.id != VISITOR:  # of the command line, which makes many in vain
            notice = await tell(connection, person.id, AccountChange.LINK, now)
        return UsedLink(person, notice, link.made_by)


async def _renew(connection: AsyncConnection, account: str, made_by: str | None, now: datetime) -> bool:
    """Tie an account to whoever has made the link that lets it in, and to nobody else; return whether its password is
    forgotten."""
    hands = await hands_of(connection, account, made_by) if made_by is not None else frozenset[str]()
    others = (AccountTie.account_id == account) & AccountTie.by.not_in(hands)
    since = await connection.scalar(select(func.min(AccountTie.since)).where(others))
    forgets = False
    if since is not None:
        await connection.execute(delete(AccountTie).where(others))
        in_its_name = (AccountLink.made_by == account) & AccountLink.used.is_(None)
        await connection.execute(delete(AccountLink).where(in_its_name))
        ended = (await connection.execute(delete(DeskSession).where(DeskSession.account_id == account))).rowcount
        chosen = (AccountNotice.account_id == account) & (AccountNotice.what == AccountChange.PASSWORD.value)
        known = exists().where(chosen, AccountNotice.at >= since)
        forgotten = update(Account).where(Account.id == account, Account.password_hash.is_not(None), known)
        forgets = (await connection.execute(forgotten.values(password_hash=None))).rowcount > 0
        factor = await factors.forget(connection, account, since, now, made_by)
        data = {"sessions_ended": ended, "password_forgotten": forgets, "factor_forgotten": factor}
        await connection.execute(entry(now, made_by or COMMAND, "account_renewed", f"account:{account}", **data))
    if made_by is not None:
        await tie(connection, account, made_by, now)
    return forgets


def _valid(token: str, now: datetime) -> ColumnElement[bool]:
    return (AccountLink.token_hash == tokens.hash_of(token)) & (AccountLink.expires > now) & AccountLink.used.is_(None)


async def _person(connection: AsyncConnection, where: ColumnElement[bool]) -> Person | None:
    query = select(Account.__table__).join(AccountLink, AccountLink.account_id == Account.id)
    row = (await connection.execute(query.where(where, MAY_SIGN_IN))).one_or_none()
    return person_of(Account(**row._asdict())) if row is not None else None
