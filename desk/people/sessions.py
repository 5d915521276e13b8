"""Browsers that are signed in.

A session ends when nobody has used it for `IDLE`, `LONGEST` after it began, by its person, or with its account. Pages
that ask by themselves do not count as use; being on shift with a registered telephone does. A session is read at most
every `KNOWN_S` seconds; while the database is away, sessions that are known go on.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import delete, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from background.retrying import repeat
from db.audit import entry
from db.engine import DatabaseError, reading, writing
from db.enums import AccountRole, PassedBy
from db.tables import Account, AccountFactor, DeskSession
from desk.people import tokens
from desk.people.accounts import COMMAND, MAY_SIGN_IN, Person, person_of
from desk.people.notices import Notice, untold

log = structlog.get_logger()

IDLE = timedelta(minutes=30)
IDLE_VISITOR = timedelta(hours=12)
"""Of visitors, whose page has nobody's personal data."""

LONGEST = timedelta(hours=24)
SEEN = timedelta(minutes=1)
"""How exactly the last use is stored."""

SWEEP_S = 5.0
"""How often sessions that are over are ended."""

USER_AGENT_LONGEST = 300
"""Characters of what a browser says of itself."""

KNOWN_S = 1.0
KNOWN_MOST = 1000

KEY = 16
"""Characters of a token's hash, by which a person names one of their sessions."""


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser, as of `read`.

    Attributes:
        link: The notice of the link by which it began, if it was one.
        notices: What the person has not read yet.
        has_factor: Whether the account has a second factor.
        passed: How the person has passed it; None: not yet.
    """

    person: Person
    created: datetime
    seen: datetime
    expires: datetime
    read: datetime
    link: UUID | None = None
    notices: tuple[Notice, ...] = ()
    has_factor: bool = False
    passed: PassedBy | None = None

    def is_idle(self, now: datetime) -> bool:
        """Return whether nobody has used it for too long."""
        return now >= self.seen + (IDLE_VISITOR if self.person.role is AccountRole.VISITOR else IDLE)


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session as its person sees it.

    Attributes:
        key: Names it among the person's own.
        user_agent: What the browser says of itself, if anything.
        source: The address from which it began.
        is_this: Whether it is the one that asks.
    """

    key: str
    user_agent: str | None
    source: str | None
    created: datetime
    seen: datetime
    is_this: bool


class ChangedError(Exception):
    """An account may not sign in any more, or has another password than the one that was checked."""


class Sessions:
    """The sessions of one desk.

    Args:
        on_shift: Returns the operators who are on shift with a registered telephone; None while nobody knows.

    `changes` counts the times that accounts or sessions were changed by this desk.
    """

    def __init__(
        self, engine: AsyncEngine, on_shift: Callable[[], Collection[str] | None] = lambda: frozenset()
    ) -> None:
        self._engine, self._on_shift = engine, on_shift
        self.changes = 0
        self._known: dict[str, Session] = {}  # by the token's hash; the oldest first

    async def begin(
        self,
        person: Person,
        now: datetime,
        link: UUID | None = None,
        noted: Mapping[str, str] | None = None,
        password_hash: str | None = None,
        *,
        source: str | None = None,
        user_agent: str | None = None,
        passed: PassedBy | None = None,
        lacks_factor: bool = False,
    ) -> str:
        """Return the token of a new session. Raises ChangedError, DatabaseError.

        Args:
            link: The notice of the link by which it begins.
            noted: How it began, for the audit, which has no record of it otherwise.
            password_hash: Of the password by which it begins.
            source: The address of the browser.
            user_agent: What the browser says of itself.
            passed: How the person has passed the second factor already.
            lacks_factor: Whether the sign-in ends with the second factor, for the audit.
        """
        token = tokens.make()
        key, times = tokens.hash_of(token), {"created": now, "seen": now, "expires": now + LONGEST}
        browser = {"source": source, "user_agent": user_agent[:USER_AGENT_LONGEST] if user_agent else None}
        row = insert(DeskSession).values(
            token_hash=key, account_id=person.id, notice_id=link, factor=passed, **times, **browser
        )
        account = select(Account.id).where(Account.id == person.id, MAY_SIGN_IN)
        if password_hash is not None:
            account = account.where(Account.password_hash == password_hash)
        async with writing(self._engine) as connection:
            # A change that is under way is waited for, and the next one waits until it finds this session.
            if await connection.scalar(account.with_for_update(read=True)) is None:
                raise ChangedError
            await connection.execute(row)
            about = f"account:{person.id}"
            if noted is not None:
                act = "account_signing_in" if lacks_factor else "account_signed_in"
                await connection.execute(entry(now, person.id, act, about, **noted))
        return token

    async def find(self, token: str, now: datetime, *, used: bool = True) -> Session | None:
        """Return the session of a token, if it goes on.

        Args:
            used: Whether a person used it just now, which keeps it from ending.

        Raises DatabaseError if it is not known and the database is away.
        """
        key = tokens.hash_of(token)
        session = self._known.get(key)
        if session is None or not session.read <= now < session.read + timedelta(seconds=KNOWN_S):
            try:
                stored = await self._read(key, now)
                if session is not None and stored is not None:
                    stored = replace(stored, seen=max(stored.seen, session.seen))  # the database may have been away
                session = stored
            except DatabaseError:
                if session is None:
                    raise
        if session is None or self._is_over(session, now):
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
        self._drop([key])

    async def open_of(self, person: Person, token: str) -> list[OpenSession]:
        """Return a person's sessions, the last used first. `token`: of the one that asks. Raises DatabaseError."""
        this = tokens.hash_of(token)
        query = select(DeskSession.__table__).where(DeskSession.account_id == person.id)
        async with reading(self._engine) as connection:
            rows = (await connection.execute(query.order_by(DeskSession.seen.desc(), DeskSession.created.desc()))).all()
        return [
            OpenSession(row.token_hash[:KEY], row.user_agent, row.source, row.created, row.seen, row.token_hash == this)
            for row in rows
        ]

    async def end_of(self, person: Person, token: str, now: datetime, key: str | None = None) -> int:
        """End other sessions of a person, and return how many. Raises DatabaseError.

        Args:
            token: Of the session that asks, which goes on.
            key: Of the one that is to end; None: all others.
        """
        others = (DeskSession.account_id == person.id) & (DeskSession.token_hash != tokens.hash_of(token))
        if key is not None:
            others &= DeskSession.token_hash.startswith(key, autoescape=True)
        async with writing(self._engine) as connection:
            ended = [*await connection.scalars(delete(DeskSession).where(others).returning(DeskSession.token_hash))]
            if ended:
                about, data = f"account:{person.id}", {"sessions_ended": len(ended)}
                await connection.execute(entry(now, person.id, "account_sessions_ended", about, **data))
        self._drop(ended)
        return len(ended)

    async def going_on(self, keys: Collection[str], now: datetime) -> dict[str, Person]:
        """Return who is signed in, by the hashes of their sessions' tokens. Raises DatabaseError.

        Sessions that are idle are among them until they are swept.
        """
        query = select(DeskSession.token_hash, *Account.__table__.columns)
        query = query.join(DeskSession, DeskSession.account_id == Account.id).where(MAY_SIGN_IN)
        query = query.where(DeskSession.expires > now, DeskSession.token_hash.in_(keys))
        async with reading(self._engine) as connection:
            rows = (await connection.execute(query)).all()
        found = [row._asdict() for row in rows]
        return {row.pop("token_hash"): person_of(Account(**row)) for row in found}

    async def sweep(self, now: datetime) -> None:
        """End what is over, and note that the sessions of operators on shift are in use. Raises DatabaseError."""
        columns = (DeskSession.token_hash, DeskSession.created.label("began"), DeskSession.seen, DeskSession.expires)
        query = select(*columns, *Account.__table__.columns).join(DeskSession, DeskSession.account_id == Account.id)
        async with reading(self._engine) as connection:
            rows = (await connection.execute(query)).all()
        used, over = list[str](), list[tuple[str, Session]]()
        for row in rows:
            named = row._asdict()
            key, began, seen, expires = (named.pop(name) for name in ("token_hash", "began", "seen", "expires"))
            session = Session(person_of(Account(**named)), began, seen, expires, now)
            known = self._known.get(key, session)  # newer if its use could not be stored
            if self._is_over(session, now) and self._is_over(known, now):
                over.append((key, session))
            elif now >= seen + SEEN and (known.seen > seen or self._is_on_shift(session.person)):
                used.append(key)
        if used or over:
            await self._store_sweep(used, over, now)

    async def _store_sweep(self, used: Sequence[str], over: Sequence[tuple[str, Session]], now: datetime) -> None:
        async with writing(self._engine) as connection:
            if used:
                in_use = DeskSession.token_hash.in_(used)
                await connection.execute(update(DeskSession).where(in_use).values(seen=now))
            for key, session in over:
                unused = (DeskSession.token_hash == key) & (DeskSession.seen == session.seen)
                if (await connection.execute(delete(DeskSession).where(unused))).rowcount:
                    why = "longest" if now >= session.expires else "idle"
                    about = f"account:{session.person.id}"
                    await connection.execute(
                        entry(now, COMMAND, "account_sessions_ended", about, sessions_ended=1, why=why)
                    )
        self._drop([key for key, _ in over])

    async def run(self, now_of: Callable[[], datetime]) -> None:
        """Sweep until cancelled."""
        failing = "idle sessions cannot be ended while the database is away"
        await repeat(lambda: self.sweep(now_of()), SWEEP_S, (DatabaseError,), failing)

    def forget(self) -> None:
        """Read all sessions again: an account has changed."""
        self._known.clear()
        self.changes += 1

    def _drop(self, keys: Sequence[str]) -> None:
        """Forget sessions that have ended; the others are known while the database is away."""
        for key in keys:
            self._known.pop(key, None)
        self.changes += bool(keys)

    def _is_over(self, session: Session, now: datetime) -> bool:
        return now >= session.expires or (session.is_idle(now) and not self._is_on_shift(session.person))

    def _is_on_shift(self, person: Person) -> bool:
        """Return whether a person works by telephone: nobody may be signed out in a call, also while nobody knows."""
        operators = self._on_shift()
        return person.operator is not None and (operators is None or person.operator in operators)

    async def _read(self, key: str, now: datetime) -> Session | None:
        columns = (
            *Account.__table__.columns,
            DeskSession.created.label("began"),
            DeskSession.seen,
            DeskSession.expires,
            DeskSession.notice_id,
            DeskSession.factor,
            exists().where(AccountFactor.account_id == Account.id).label("has_factor"),
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
        factor, has_factor = named.pop("factor"), bool(named.pop("has_factor"))
        passed = PassedBy(factor) if factor is not None else None
        return Session(person_of(Account(**named)), began, seen, expires, now, link, notices, has_factor, passed)

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
