"""The case references of this node, for whoever gives them out."""

import asyncio

from db.references import BLOCK, ReferenceAllocator
from ivr.settings import Settings


def reference_allocator(settings: Settings, url: str, node_number: int, block: int = BLOCK) -> ReferenceAllocator:
    """Without their file, the database says which were given out: so not for a loop that runs."""
    floor = 0
    if not settings.case_references.exists():
        floor = asyncio.run(_highest(url, node_number))
    return ReferenceAllocator(settings.case_references, node_number, floor, block)


async def _highest(url: str, node_number: int) -> int:
    """The counter of the highest one in the database; 0 if there is none, or no database."""
    # Seldom needed, and heavy: a start of the controller is a recovery.
    from sqlalchemy.exc import SQLAlchemyError

    from db.engine import DatabaseError, async_engine
    from db.read import reference_floor

    engine = async_engine(url)
    try:
        return await reference_floor(engine, node_number)
    except (DatabaseError, SQLAlchemyError):
        return 0
    finally:
        await engine.dispose()
