"""Links to wallboards without a sign-in, for screens on walls. Functions raise DatabaseError while it is away."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import DatabaseError, reading, writing
from db.ids import uuid7
from db.tables import WallLink
from desk.people import tokens

KNOWN = timedelta(seconds=5)
"""How long a link that was read counts without another look: so soon a withdrawal takes effect."""

KNOWN_MOST = 100


@dataclass(frozen=True, slots=True)
class Wall:
    """A link. `names`: the screen shows operators' names; `language`: of the page, None: as the browser asks."""

    id: UUID
    name: str
    names: bool
    language: str | None
    created: datetime
    created_by: str
    seen: datetime | None
    withdrawn: datetime | None


async def make(
    engine: AsyncEngine, name: str, by: str, now: datetime, *, names: bool = False, language: str | None = None
) -> str:
    """Return the token of a new link. It is shown once; the database has its hash."""
    token = tokens.make()
    row = {"id": uuid7(), "token_hash": tokens.hash_of(token), "name": name, "names": names, "language": language}
    async with writing(engine) as connection:
        await connection.execute(insert(WallLink).values({**row, "created": now, "created_by": by}))
    return token


async def list_walls(engine: AsyncEngine) -> Sequence[Wall]:
    """Return the links that are not withdrawn, the oldest first."""
    query = select(*_COLUMNS).where(WallLink.withdrawn.is_(None)).order_by(WallLink.created)
    async with reading(engine) as connection:
        return [Wall(*row) for row in await connection.execute(query)]


async def withdraw(engine: AsyncEngine, wall: UUID, now: datetime) -> bool:
    """Withdraw a link. Return False if there is none like that."""
    change = update(WallLink).where(WallLink.id == wall, WallLink.withdrawn.is_(None)).values(withdrawn=now)
    async with writing(engine) as connection:
        return bool((await connection.execute(change)).rowcount)


async def find(engine: AsyncEngine, token: str, now: datetime) -> Wall | None:
    """Return the link of a token, unless it is withdrawn, and note that it is in use."""
    hashed = tokens.hash_of(token)
    query = select(*_COLUMNS).where(WallLink.token_hash == hashed, WallLink.withdrawn.is_(None))
    async with reading(engine) as connection:
        row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    found = Wall(*row)
    if found.seen is None or now >= found.seen + timedelta(hours=1):
        async with writing(engine) as connection:
            await connection.execute(update(WallLink).where(WallLink.id == found.id).values(seen=now))
    return found


_COLUMNS = tuple(
    getattr(WallLink, name)
    for name in ("id", "name", "names", "language", "created", "created_by", "seen", "withdrawn")
)


class Walls:
    """The links that screens use now. While the database is away, those that are known go on."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._known: dict[str, tuple[datetime, Wall]] = {}

    async def find(self, token: str, now: datetime) -> Wall | None:
        """Return the link of a token; None if it is unknown or withdrawn.

        Raises DatabaseError if it is not known and the database is away.
        """
        known = self._known.get(token)
        if known is not None and timedelta() <= now - known[0] < KNOWN:
            return known[1]
        try:
            wall = await find(self._engine, token, now)
        except DatabaseError:
            if known is None:
                raise
            return known[1]
        self._known.pop(token, None)
        if wall is not None:
            self._known[token] = now, wall
            while len(self._known) > KNOWN_MOST:
                del self._known[next(iter(self._known))]
        return wall

    def forget(self) -> None:
        """Read all links again: one has been withdrawn."""
        self._known.clear()
