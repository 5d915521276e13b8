"""The kind and version of a database."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading


async def version_of(engine: AsyncEngine) -> str:
    """Return the database's name and version, which shows that it answers. Raises DatabaseError if it is away."""
    is_sqlite = engine.dialect.name == "sqlite"
    asked = func.sqlite_version() if is_sqlite else func.current_setting("server_version")
    async with reading(engine) as connection:
        found = await connection.scalar(select(asked))
    return f"{'SQLite' if is_sqlite else 'PostgreSQL'} {found}"
