"""Accounts in the database. Functions raise DatabaseError if it is away."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.audit import entry
from db.engine import insert_of, reading, writing
from db.enums import AccountChange, AccountRole
from db.tables import Account, AccountLink, DeskSession
from desk.people.notices import tell
from wire.errors import UserError

COMMAND = "hatif"
"""Who has changed an account, for the audit, where nobody has asked for it."""

_ID = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")


class AccountError(UserError):
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


async def ensure_operator(
    engine: AsyncEngine, operator: str, name: str, supervisor: bool, now: datetime, *, by: str = COMMAND
) -> Person:
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
        other = Account.role.not_in((AccountRole.ADMINISTRATOR.value, role.value))
        changed = update(Account).where(Account.id == operator, other).values(role=role.value)
        if (await connection.execute(changed)).rowcount:
            await connection.execute(entry(now, by, "account_role", f"account:{operator}", role=role.value))
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


async def follow_operators(
    engine: AsyncEngine, supervises: Mapping[str, bool], now: datetime, *, by: str = COMMAND
) -> Followed:
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
                sessions = await _sign_out(connection, row.id)
                act = (
                    "account_gone" if values.get("gone") else "account_role" if "role" in values else "account_changed"
                )
                data = {"role": values.get("role", row.role), "sessions_ended": sessions}
                await connection.execute(entry(now, by, act, f"account:{row.id}", **data))
    return Followed(tuple(gone), tuple(changed))


async def _sign_out(connection: AsyncConnection, account: str) -> int:
    """End all sessions of an account, and its links; return how many sessions that were."""
    ended = await connection.execute(delete(DeskSession).where(DeskSession.account_id == account))
    await connection.execute(delete(AccountLink).where(AccountLink.account_id == account))
    return ended.rowcount


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


async def add(engine: AsyncEngine, person: Person, now: datetime, *, by: str = COMMAND) -> None:
    """Make an account. Raises AccountError if the id is not valid, or exists."""
    if not _ID.fullmatch(person.id):
        sentence = "write 1 to 40 lower-case letters, digits and _ . -, beginning with a letter or a digit"
        raise AccountError(f"{person.id!r} cannot be the id of an account; {sentence}.")
    async with writing(engine) as connection:
        values = {"id": person.id, "name": person.name, "role": person.role.value, "operator_id": person.operator}
        insert = insert_of(engine.dialect.name)(Account).values(**values, created=now)
        if not (await connection.execute(insert.on_conflict_do_nothing())).rowcount:
            raise AccountError(f"There is an account {person.id} already; `hatif accounts` lists them.")
        role = person.role.value
        await connection.execute(entry(now, by, "account_added", f"account:{person.id}", role=role))


async def set_language(engine: AsyncEngine, account: str, language: str) -> None:
    """Change the language of a person's pages."""
    async with writing(engine) as connection:
        await connection.execute(update(Account).where(Account.id == account).values(language=language))


async def set_email(
    engine: AsyncEngine, account: str, address: str | None, now: datetime, *, by: str = COMMAND
) -> None:
    """Change where a person is told of their account by e-mail. Raises AccountError if there is no such account."""
    async with writing(engine) as connection:
        changed = await connection.execute(update(Account).where(Account.id == account).values(email=address))
        if not changed.rowcount:
            raise AccountError(f"There is no account {account!r}; `hatif accounts` lists them.")
        await connection.execute(entry(now, by, "account_email", f"account:{account}"))


async def set_password(engine: AsyncEngine, account: str, password_hash: str, keep: str, now: datetime) -> None:
    """Change a person's own password, and sign out all browsers of the account but the one whose session's hash is
    `keep`."""
    async with writing(engine) as connection:
        await connection.execute(update(Account).where(Account.id == account).values(password_hash=password_hash))
        others = delete(DeskSession).where(DeskSession.account_id == account, DeskSession.token_hash != keep)
        ended = (await connection.execute(others)).rowcount
        await tell(connection, account, AccountChange.PASSWORD, now, account)
        data = {"sessions_ended": ended}
        await connection.execute(entry(now, account, "account_password", f"account:{account}", **data))


async def set_disabled(engine: AsyncEngine, account: str, disabled: bool, now: datetime, *, by: str = COMMAND) -> None:
    """Disable an account, which ends its sessions and links, or enable it. Raises AccountError if there is none."""
    async with writing(engine) as connection:
        values = {"disabled": now if disabled else None}
        changed = await connection.execute(update(Account).where(Account.id == account).values(values))
        if not changed.rowcount:
            raise AccountError(f"There is no account {account!r}; `hatif accounts` lists them.")
        data = {"sessions_ended": await _sign_out(connection, account)} if disabled else {}
        act = "account_disabled" if disabled else "account_enabled"
        await connection.execute(entry(now, by, act, f"account:{account}", **data))


async def to_check(engine: AsyncEngine, account: str) -> tuple[Person | None, str | None]:
    """Return an account that may sign in, and the hash of its password; nothing if there is none."""
    async with reading(engine) as connection:
        query = select(Account.__table__).where(Account.id == account, MAY_SIGN_IN)
        row = (await connection.execute(query)).one_or_none()
        return (person_of(Account(**row._asdict())), row.password_hash) if row is not None else (None, None)
