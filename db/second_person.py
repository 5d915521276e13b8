"""Who is a second person for whom. Functions raise DatabaseError if the database is away.

An administrator who has let somebody in, by a one-time link that was used, may hold that account in their own hands:
the account is *tied* to them until somebody else has let the person in anew (`desk/people/links.py`).
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.engine import reading
from db.tables import AccountTie


async def tied_to(connection: AsyncConnection, account: str) -> frozenset[str]:
    """Return the administrators who have let an account in."""
    return frozenset(await connection.scalars(select(AccountTie.by).where(AccountTie.account_id == account)))


async def let_in_by(engine: AsyncEngine, account: str) -> frozenset[str]:
    """Return the same, in a transaction of its own."""
    async with reading(engine) as connection:
        return await tied_to(connection, account)
