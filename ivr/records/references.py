"""The case references of this node: a stock on disk, refilled from the database whenever it is reachable."""

import asyncio
import logging
from typing import TYPE_CHECKING

from db.references import ReferenceAllocator
from ivr.home.settings import Settings
from ivr.records.database_client import SharedEngine

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

log = logging.getLogger(__name__)

EVERY_S = 5.0
"""Seconds between looks at the stock of 1,500 or more; a busy node takes some ten references a second at most."""

EMPTY_EVERY_S = 0.5
"""The same while it is empty, for example on a new node whose tables are just being created."""

START_S = 3.0
"""How long a start waits for the database if no reference is left."""


def reference_allocator(settings: Settings, node_number: int) -> ReferenceAllocator:
    """Return the allocator of this node's stock."""
    return ReferenceAllocator(settings.case_references, node_number)


def ready(allocator: ReferenceAllocator, url: str, node: str) -> ReferenceAllocator:
    """Return the allocator with references in stock, if the database is reachable. Not for use in a running loop."""
    try:
        if not allocator.stock():
            asyncio.run(asyncio.wait_for(_restock_alone(allocator, url, node), START_S))
    except OSError as error:  # includes TimeoutError
        log.error("no case references could be reserved before the start: %s", error or "the database is slow")
    return allocator


async def keep_stocked(allocator: ReferenceAllocator, shared: SharedEngine, node: str) -> None:
    """Fill the stock now and whenever it has become smaller, if the database is reachable. Until cancelled."""
    await shared.load("db.reservations")
    reservations = shared.module("db.reservations")
    left, refused, checked = 0, False, False
    while True:
        try:
            # In a thread: the disk, another process's lock and 2,000 check digits must not block the loop of the calls.
            left = len(await asyncio.to_thread(allocator.stock))
            if not checked or left <= reservations.STOCK - reservations.GROUP:
                checked = await _restock(allocator, await shared.engine(), node) or checked
                left = len(await asyncio.to_thread(allocator.stock))
            refused = False
        except OSError as error:
            if not refused:
                log.error("no case references can be reserved: %s", error)
            refused = True
        await asyncio.sleep(EVERY_S if left or refused else EMPTY_EVERY_S)


async def new_reference(allocator: ReferenceAllocator, url: str, node: str) -> str:
    """Return an unused reference: reserved now, or from the stock if the database is away.

    Raises OSError if the disk refuses.
    """
    from sqlalchemy.exc import SQLAlchemyError  # commands that open no case file start faster without it

    from db.engine import DatabaseError, open_engine
    from db.reservations import reserve_one

    try:
        async with open_engine(url, 1) as engine:
            return await reserve_one(engine, node, allocator)
    except (DatabaseError, SQLAlchemyError):
        return allocator.next()


async def _restock_alone(allocator: ReferenceAllocator, url: str, node: str) -> None:
    from db.engine import open_engine  # a start of the controller is faster without it

    async with open_engine(url, 1) as engine:
        await _restock(allocator, engine, node)


async def _restock(allocator: ReferenceAllocator, engine: "AsyncEngine", node: str) -> bool:
    """Return whether the database was reachable. If not, that is no error: the stock is there for that."""
    from sqlalchemy.exc import SQLAlchemyError  # a start of the controller is faster without it

    from db.engine import DatabaseError
    from db.reservations import restock

    try:
        await restock(engine, node, allocator)
        return True
    except (DatabaseError, SQLAlchemyError) as error:
        log.debug("no case references were reserved: %s", str(error).splitlines()[0])
        return False
