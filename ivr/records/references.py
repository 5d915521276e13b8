"""The case references of this node: a stock on disk that is filled from the database while that is there."""

import asyncio
import importlib
import logging

from db.references import ReferenceAllocator
from ivr.home.settings import Settings

log = logging.getLogger(__name__)

EVERY_S = 5.0
"""How often the stock is looked at. A busy node gives out some ten references a second at most; it has 1,500 then."""

EMPTY_EVERY_S = 0.5
"""The same while it is empty, such as on a new node whose tables are just being made."""

START_S = 3.0
"""How long a start waits for the database where no reference is left."""


def reference_allocator(settings: Settings, node_number: int) -> ReferenceAllocator:
    return ReferenceAllocator(settings.case_references, node_number)


def ready(allocator: ReferenceAllocator, url: str, node: str) -> ReferenceAllocator:
    """Return the allocator with something in stock, if the database is there. Not for a loop that runs."""
    try:
        if not allocator.stock():
            asyncio.run(asyncio.wait_for(_restock(allocator, url, node), START_S))
    except OSError as error:  # TimeoutError as well
        log.error("no case references could be reserved before the start: %s", error or "the database is slow")
    return allocator


async def keep_stocked(allocator: ReferenceAllocator, url: str, node: str) -> None:
    """Fill the stock at once and whenever it has become smaller, if the database is there. Until cancelled."""
    # Half a start of a process: loaded behind the calls' back, since a start is a recovery.
    reservations = await asyncio.to_thread(importlib.import_module, "db.reservations")
    left, refused, checked = 0, False, False
    while True:
        try:
            # In threads: the disk, another process's lock and 2,000 check digits are not for the loop that has callers.
            left = len(await asyncio.to_thread(allocator.stock))
            if not checked or left <= reservations.STOCK - reservations.GROUP:
                checked = await asyncio.to_thread(asyncio.run, _restock(allocator, url, node)) or checked
                left = len(await asyncio.to_thread(allocator.stock))
            refused = False
        except OSError as error:
            if not refused:
                log.error("no case references can be reserved: %s", error)
            refused = True
        await asyncio.sleep(EVERY_S if left or refused else EMPTY_EVERY_S)


async def new_reference(allocator: ReferenceAllocator, url: str, node: str) -> str:
    """Return a reference that nobody has had: reserved now, or from the stock where the database is away.

    Raises OSError if the disk refuses.
    """
    from sqlalchemy.exc import SQLAlchemyError  # a command that opens no case is to start quickly

    from db.engine import DatabaseError, async_engine
    from db.reservations import reserve_one

    try:
        engine = async_engine(url)
        try:
            return await reserve_one(engine, node, allocator)
        finally:
            await engine.dispose()
    except (DatabaseError, SQLAlchemyError):
        return allocator.next()


async def _restock(allocator: ReferenceAllocator, url: str, node: str) -> bool:
    """Return whether the database was there. If it is away, that is no error: it is what the stock is for."""
    from sqlalchemy.exc import SQLAlchemyError  # as above, for a start of the controller

    from db.engine import DatabaseError, async_engine
    from db.reservations import restock

    engine = async_engine(url)
    try:
        await restock(engine, node, allocator)
        return True
    except (DatabaseError, SQLAlchemyError) as error:
        log.debug("no case references were reserved: %s", str(error).splitlines()[0])
        return False
    finally:
        await engine.dispose()
