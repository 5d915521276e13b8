"""Names of people where the control API has only the ids of their accounts."""

from sqlalchemy.ext.asyncio import AsyncEngine

from desk.control import actor_of
from desk.people import accounts


async def names_by_actor(engine: AsyncEngine) -> dict[str, str]:
    """Return the names of accounts by their ids as the control API, its changes and the audit have them.

    Raises DatabaseError if the database is away.
    """
    return {actor_of(person.id): person.name for person in await accounts.list_people(engine)}
