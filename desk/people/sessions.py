"""Browsers that are signed in.

A session ends when it was not used for `IDLE`, `LONGEST` after it began, by signing out, or with its account. It is
read at most every `KNOWN_S` seconds; while the database is away, sessions that are known go on.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.audit import entry
from db.engine import DatabaseError, reading, writing
from db.tables import Account, DeskSession
from desk.people import tokens
from desk.people.accounts import MAY_SIGN_IN, Person, person_of
from desk.people.notices import Notice, untold

log = structlog.get_logger()

IDLE = timedelta(hours=12)
LONGEST = timedelta(hours=24)
SEEN = timedelta(minutes=1)
"""How exactly the last use is stored."""

KNOWN_S = 1.0
KNOWN_MOST = 1000


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser, as of `read`.

    Attributes:
        link: The notice of the link by which it began, if it was one.
        notices: What the person has not read yet.
    """

    person: Person
    created: datetime
    seen: datetime
    expires: datetime
    read: datetime
    link: UUID | None = None
    notices: tuple[Notice, ...] = ()

    def is_over(self, now: datetime) -> bool:
        """Return whether it has ended by time."""
        return now >= self.expires or now >= self.seen + IDLE


class ChangedError(Exception):
    """An account may not sign in any more, or has another password than the one that was checked."""


class Sessions:
    """The sessions of one desk."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._known: dict[str, Session] = {}  # by the token's hash; the oldest first

    async def begin(
        self,
        person: Person,
        now: datetime,
        link: UUID | None = None,
        noted: Mapping[str, str] | None = None,
        password_hash: str | None = None,
    ) -> str:
        """Return the token of a new session. Raises ChangedError, DatabaseError.

        Args:
            link: The notice of the link by which it begins.
            noted: How it began, for the audit, which has no record of it otherwise.
            password_hash: Of the password by which it begins.
        """
        token = tokens.make()
        key, times = tokens.hash_of(token), {"created": now, "seen": now, "expires": now + LONGEST}
        row = insert(DeskSession).values(token_hash=key, account_id=person.id, notice_id=link, **times)
        account = select(Account.id).where(Account.id == person.id, MAY_SIGN_IN)
        if password_hash is not None:
            account = account.where(Account.password_hash == password_hash)
        over = (DeskSession.expires < now) | (DeskSession.seen < now - IDLE)
        # A change of an account holds its row and then ends its sessions: nobody may wait for those while they hold it.
        free = select(DeskSession.token_hash).where(over).with_for_update(skip_locked=True)
        async with writing(self._engine) as connection:
            # A change that is under way is waited for, and the next one waits until it finds this session.
            if await connection.scalar(account.with_for_update(read=True)) is None:
                raise ChangedError
            await connection.execute(row)
            await connection.execute(delete(DeskSession).where(DeskSession.token_hash.in_(free)))
            about = f"account:{person.id}"
            if noted is not None:
                await connection.execute(entry(now, person.id, "account_signed_in", about, **noted))
        return token

    async def find(self, token: str, now: datetime, *, used: bool = True) -> Session | None:
        """Return the session of a token, if it goes on.

        Args:
            used: Whether a person used it just now, which keeps it from ending.

        Raises DatabaseError if it is not known and the database is away.
        """
        key = tokens.hash_of(token)
        session = self._known.get(key)
        if session is None or now >= session.read + timedelta(seconds=KNOWN_S):
            try:
                session = await self._read(key, now)
            except DatabaseError:
                if session is None:
                    raise
        if session is None or session.is_over(now):
            self._known.pop(key, None)
            return None
        if used and now >= session.seen + SEEN:
            session = await self._touch(key, session, now)
        self._keep(key, session)
        return session

    async def end(self, token: str, person: Person, now: datetime) -> None:
        """Sign a person's browser out. Raises DatabaseError."""
        key = tokens.hash_of(token)
        async with writing(self._engine) as connection:
            await connection.execute(delete(DeskSession).where(DeskSession.token_hash == key))
            await connection.execute(entry(now, person.id, "account_signed_out", f"account:{person.id}"))
        self._known.pop(key, None)

    async def going_on(self, keys: Collection[str], now: datetime) -> dict[str, Person]:
        """Return who is signed in, by the hashes of their sessions' tokens. Raises DatabaseError."""
        alive = (DeskSession.expires > now) & (DeskSession.seen > now - IDLE)
        query = select(DeskSession.token_hash, *Account.__table__.columns)
        query = query.join(DeskSession, DeskSession.account_id == Account.id).where(MAY_SIGN_IN, alive)
        async with reading(self._engine) as connection:
            rows = (await connection.execute(query.where(DeskSession.token_hash.in_(keys)))).all()
        found = [row._asdict() for row in rows]
        return {row.pop("token_hash"): person_of(Account(**row)) for row in found}

    def forget(self) -> None:
        """Read all sessions again: an account has changed."""
        self._known.clear()

    async def _read(self, key: str, now: datetime) -> Session | None:
        columns = (
            *Account.__table__.columns,
            DeskSession.created.label("began"),
            DeskSession.seen,
            DeskSession.expires,
            DeskSession.notice_id,
        )
        query = select(*columns).join(DeskSession, DeskSession.account_id == Account.id)
        async with reading(self._engine) as connection:
            found = await connection.execute(query.where(DeskSession.token_hash == key, MAY_SIGN_IN))
            row = found.one_or_none()
            if row is None:
                return None
            notices = await untold(connection, row.id, row.notice_id, row.began)
        named = row._asdict()
        began, seen, expires, link = (named.pop(name) for name in ("began", "seen", "expires", "notice_id"))
        return Session(person_of(Account(**named)), began, seen, expires, now, link, notices)

    async def _touch(self, key: str, session: Session, now: datetime) -> Session:
        try:
            async with writing(self._engine) as connection:
                await connection.execute(update(DeskSession).where(DeskSession.token_hash == key).values(seen=now))
        except DatabaseError as error:
            log.warning("the last use of a session could not be stored", reason=str(error))
        return replace(session, seen=now)

    def _keep(self, key: str, session: Session) -> None:
        self._known.pop(key, None)
        self._known[key] = session
        while len(self._known) > KNOWN_MOST:
            del self._known[next(iter(self._known))]
