"""Accounts of the desk, their one-time links, and the browsers that are signed in.

The desk and `hatif` write these tables directly: they are not about calls, and nothing of a call depends on them.
Tokens are stored as SHA-256 hashes only.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.enums import AccountChange, AccountRole, PassedBy
from db.tables.base import Table, one_of


class Account(Table):
    """A person who can sign in at the desk."""

    __tablename__ = "account"

    id: Mapped[str] = mapped_column(primary_key=True)  # what they type; also the actor in the audit
    name: Mapped[str]
    role: Mapped[str]
    operator_id: Mapped[str | None]  # whose calls they take
    language: Mapped[str | None]  # of the pages; NULL: the browser's
    email: Mapped[str | None]  # where they are told of their account, beside the desk
    password_hash: Mapped[str | None]  # NULL: one-time links only
    created: Mapped[datetime]
    disabled: Mapped[datetime | None]  # by an administrator: cannot sign in
    gone: Mapped[datetime | None]  # the operator is no longer in the site's list: cannot sign in

    __table_args__ = (one_of("role", AccountRole),)


class AccountLink(Table):
    """A link that signs in once, without a password."""

    __tablename__ = "account_link"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str]
    created: Mapped[datetime]
    expires: Mapped[datetime]
    used: Mapped[datetime | None]
    made_by: Mapped[str | None]  # the administrator's account; NULL: the server's own command line
    notice_id: Mapped[UUID | None]  # by which the person is told of it

    __table_args__ = (Index(None, "account_id"),)


class DeskSession(Table):
    """A browser that is signed in. Signing out deletes the row."""

    __tablename__ = "desk_session"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str]
    created: Mapped[datetime]
    seen: Mapped[datetime]  # the last use, to the minute
    expires: Mapped[datetime]  # whatever the use
    notice_id: Mapped[UUID | None]  # of the link by which it began, which it does not tell of
    factor: Mapped[str | None]  # how the person has passed the second factor; NULL: not yet
    source: Mapped[str | None]  # the address from which it began
    user_agent: Mapped[str | None]  # what the browser says of itself

    __table_args__ = (one_of("factor", PassedBy), Index(None, "account_id"), Index(None, "expires"))


class AccountFactor(Table):
    """An account's second factor: an application computes codes from a secret and the time (TOTP, RFC 6238).

    The secret is not stored: it is computed from the seed and a key of HATIF_HOME (`desk/people/factors.py`).
    """

    __tablename__ = "account_factor"

    account_id: Mapped[str] = mapped_column(primary_key=True)
    seed: Mapped[str]
    created: Mapped[datetime]
    last_step: Mapped[int] = mapped_column(BigInteger)  # the step of time of the last code; each is good once


class AccountNotice(Table):
    """Something that an account's person is told at their next sign-in."""

    __tablename__ = "account_notice"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[str]
    at: Mapped[datetime]
    what: Mapped[str]
    by: Mapped[str | None]  # an account; NULL: the server's own command line
    told: Mapped[datetime | None]  # when the person has said that they have read it
    mailed: Mapped[datetime | None]  # when it was given to the mail server, if the account has an address

    __table_args__ = (one_of("what", AccountChange), Index(None, "account_id", "at"))


class AccountTie(Table):
    """An administrator has let somebody in, so that the two are no second person for each other's changes.

    A link by somebody else that is used, or one of the server's own command line, deletes the row.
    """

    __tablename__ = "account_tie"

    account_id: Mapped[str] = mapped_column(primary_key=True)
    by: Mapped[str] = mapped_column(primary_key=True)  # the administrator's account
    since: Mapped[datetime]


class WallLink(Table):
    """A link to the wallboard for a screen on a wall, which nobody signs in at. It holds until it is withdrawn."""

    __tablename__ = "wall_link"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    token_hash: Mapped[str]
    name: Mapped[str]  # where the screen is
    names: Mapped[bool]  # it shows those of operators
    language: Mapped[str | None]  # of the page; NULL: the browser's
    created: Mapped[datetime]
    created_by: Mapped[str]
    seen: Mapped[datetime | None]  # when it was last opened, to the hour
    withdrawn: Mapped[datetime | None]

    __table_args__ = (Index(None, "token_hash", unique=True),)
