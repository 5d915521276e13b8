"""Accounts in the database. Functions raise DatabaseError if it is away."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.engine import insert_of, reading, writing
from db.enums import AccountRole
from db.tables import Account, AccountLink, DeskSession

FREE_FAILURES = 5
"""Wrong passwords in a row before the account is locked."""

FIRST_LOCK_S, LONGEST_LOCK_S = 30.0, 900.0
"""The first lock; each further failure doubles it, up to the longest. A one-time link works all the same."""

_ID = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")


class AccountError(Exception):
    """A sentence for an administrator: why an account cannot be made or changed."""


@dataclass(frozen=True, slots=True)
class Person:
    """An account, without its secrets.

    Attributes:
        operator: The id of the operator whose calls they take, if any.
        disabled: By an administrator.
        gone: Whether the operator is no longer in the site's list.
    """

    id: str
    name: str
    role: AccountRole
    operator: str | None = None
    language: str | None = None
    has_password: bool = False
    disabled: bool = False
    gone: bool = False

    @property
    def may_sign_in(self) -> bool:
        """Whether anything but a wrong password keeps them out."""
        return not self.disabled and not self.gone


VISITOR = "visitor"
"""The account of newcomers; others who may try the line have accounts of their own."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sign-in that was counted. `locked_until`: nothing may be checked before then."""

    person: Person | None
    password_hash: str | None
    locked_until: datetime | None = None


def person_of(row: Account) -> Person:
    """Return the account of a row."""
    return Person(
        row.id,
        row.name,
        AccountRole(row.role),
        row.operator_id,
        row.language,
        has_password=row.password_hash is not None,
        disabled=row.disabled is not None,
        gone=row.gone is not None,
    )


MAY_SIGN_IN = Account.disabled.is_(None) & Account.gone.is_(None)
"""The accounts whose `Person.may_sign_in` is true."""


async def find(engine: AsyncEngine, account: str) -> Person | None:
    """Return one account."""
    async with reading(engine) as connection:
        row = (await connection.execute(select(Account.__table__).where(Account.id == account))).one_or_none()
        return person_of(Account(**row._asdict())) if row is not None else None


async def list_people(engine: AsyncEngine) -> list[Person]:
    """Return all accounts by id."""
    async with reading(engine) as connection:
        rows = await connection.execute(select(Account.__table__).order_by(Account.id))
        return [person_of(Account(**row._asdict())) for row in rows]


async def ensure_operator(engine: AsyncEngine, operator: str, name: str, supervisor: bool, now: datetime) -> Person:
    """Return the account of an operator of the site; make it, or bring its name and role up to date.

    Raises AccountError if it is disabled. An account that was made an administrator's stays one.
    """
    role = AccountRole.SUPERVISOR if supervisor else AccountRole.OPERATOR
    async with writing(engine) as connection:
        made = insert_of(engine.dialect.name)(Account).values(
            id=operator, name=name, role=role.value, operator_id=operator, created=now
        )
        await connection.execute(made.on_conflict_do_nothing())
        await connection.execute(
            update(Account).where(Account.id == operator).values(name=name, operator_id=operator, gone=None)
        )
        await connection.execute(
            update(Account)
            .where(Account.id == operator, Account.role != AccountRole.ADMINISTRATOR.value)
            .values(role=role.value)
        )
        row = (await connection.execute(select(Account.__table__).where(Account.id == operator))).one()
    person = person_of(Account(**row._asdict()))
    if person.disabled:
        raise AccountError(f"The account {operator} is disabled; `hatif accounts enable {operator}` allows it again.")
    return person


@dataclass(frozen=True, slots=True)
class Followed:
    """The accounts that changed with the site's list of operators, by id. All of them were signed out.

    Attributes:
        gone: Of operators who are no longer in the list; they cannot sign in any more.
        changed: With another role, or allowed again.
    """

    gone: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


async def follow_operators(engine: AsyncEngine, supervises: Mapping[str, bool], now: datetime) -> Followed:
    """Bring the accounts of operators in line with the site's list, all or none.

    Accounts that were never an operator's stay as they are. An administrator who was an operator as well stays an
    administrator, and takes no calls any more.

    Args:
        supervises: By operator of the list, whether they are a supervisor.
    """
    gone, changed = [], []
    async with writing(engine) as connection:
        rows = await connection.execute(select(Account.__table__).where(Account.operator_id.is_not(None)))
        for row in rows.all():
            values: dict[str, Any] = {}
            administers = row.role == AccountRole.ADMINISTRATOR
            if row.operator_id not in supervises:
                if administers:
                    values["operator_id"] = None
                elif row.gone is None:
                    values["gone"] = now
                    gone.append(row.id)
            else:
                role = AccountRole.SUPERVISOR if supervises[row.operator_id] else AccountRole.OPERATOR
                if not administers and row.role != role:
                    values["role"] = role.value
                if row.gone is not None:
                    values["gone"] = None
                if values:
                    changed.append(row.id)
            if values:
                await connection.execute(update(Account).where(Account.id == row.id).values(values))
                await _sign_out(connection, row.id)
    return Followed(tuple(gone), tuple(changed))


async def _sign_out(connection: AsyncConnection, account: str) -> None:
    """End all sessions of an account, and its links."""
    await connection.execute(delete(DeskSession).where(DeskSession.account_id == account))
    await connection.execute(delete(AccountLink).where(AccountLink.account_id == account))


async def ensure_visitor(engine: AsyncEngine, now: datetime) -> None:
    """Make the account with which newcomers try the line, if there is none. Raises AccountError if it is disabled."""
    async with writing(engine) as connection:
        made = insert_of(engine.dialect.name)(Account).values(
            id=VISITOR, name="Visitor", role=AccountRole.VISITOR.value, created=now
        )
        await connection.execute(made.on_conflict_do_nothing())
        row = (await connection.execute(select(Account.__table__).where(Account.id == VISITOR))).one()
    if row.disabled is not None or row.role != AccountRole.VISITOR.value:
        raise AccountError(f"The account {VISITOR} is disabled, or somebody else's.")


async def add(engine: AsyncEngine, person: Person, now: datetime) -> None:
    """Make an account. Raises AccountError if the id is not valid, or exists."""
    if not _ID.fullmatch(person.id):
        sentence = "write 1 to 40 lower-case letters, digits and _ . -, beginning with a letter or a digit"
        raise AccountError(f"{person.id!r} cannot be the id of an account; {sentence}.")
    async with writing(engine) as connection:
        values = {"id": person.id, "name": person.name, "role": person.role.value, "operator_id": person.operator}
        insert = insert_of(engine.dialect.name)(Account).values(**values, created=now)
        if not (await connection.execute(insert.on_conflict_do_nothing())).rowcount:
            raise AccountError(f"There is an account {person.id} already; `hatif accounts` lists them.")


async def set_language(engine: AsyncEngine, account: str, language: str) -> None:
    """Change the language of a person's pages."""
    async with writing(engine) as connection:
        await connection.execute(update(Account).where(Account.id == account).values(language=language))


async def set_password(engine: AsyncEngine, account: str, password_hash: str, keep: str) -> None:
    """Change a password, and sign out all browsers of the account but the one whose session's hash is `keep`."""
    async with writing(engine) as connection:
        values = {"password_hash": password_hash, "failures": 0, "locked_until": None}
        await connection.execute(update(Account).where(Account.id == account).values(values))
        others = delete(DeskSession).where(DeskSession.account_id == account, DeskSession.token_hash != keep)
        await connection.execute(others)


async def set_disabled(engine: AsyncEngine, account: str, disabled: bool, now: datetime) -> None:
    """Disable an account, which ends its sessions and links, or enable it. Raises AccountError if there is none."""
    async with writing(engine) as connection:
        values = {"disabled": now if disabled else None, "failures": 0, "locked_until": None}
        changed = await connection.execute(update(Account).where(Account.id == account).values(values))
        if not changed.rowcount:
            raise AccountError(f"There is no account {account!r}; `hatif accounts` lists them.")
        if disabled:
            await _sign_out(connection, account)


async def count_attempt(engine: AsyncEngine, account: str, now: datetime) -> Attempt:
    """Count a sign-in with a password before it is checked, so that attempts side by side allow no more guesses."""
    async with writing(engine) as connection:
        query = select(Account.__table__).where(Account.id == account)
        row = (await connection.execute(query.where(MAY_SIGN_IN).with_for_update())).one_or_none()
        if row is None:
            return Attempt(None, None)
        if row.locked_until is not None and row.locked_until > now:
            return Attempt(None, None, row.locked_until)
        failures = row.failures + 1
        lock_s = _lock_s(failures)
        values = {"failures": failures, "locked_until": now + timedelta(seconds=lock_s) if lock_s else None}
        await connection.execute(update(Account).where(Account.id == account).values(values))
        return Attempt(person_of(Account(**row._asdict())), row.password_hash)


async def forget_failures(engine: AsyncEngine, account: str) -> None:
    """Note that a password was right."""
    async with writing(engine) as connection:
        values = {"failures": 0, "locked_until": None}
        await connection.execute(update(Account).where(Account.id == account).values(values))


def _lock_s(failures: int) -> float:
    if failures < FREE_FAILURES:
        return 0.0
    return float(min(FIRST_LOCK_S * 2 ** min(failures - FREE_FAILURES, 20), LONGEST_LOCK_S))
