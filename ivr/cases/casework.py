"""How commands store changes to case files, and how new ones get their references outside a call.

Each change is written to a journal of its own; the process that delivers journals brings it to the database, or else
this module does. So no change is lost while nothing else runs, or while the database is away.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from db.apply import position
from db.delivery import deliver_all, heartbeat
from db.engine import DatabaseError, open_engine
from db.journal import Journal
from db.references import ReferenceAllocator
from ivr.cases.case_changes import Rows
from ivr.home.settings import Settings
from ivr.records import references

DELIVERED_S = 1.0
"""How long to wait for another process to deliver; one that runs takes some 0.1 s."""
_ALIVE_FOR = timedelta(seconds=5)
_POLL_S = 0.03


class NotKeptError(Exception):
    """The disk refuses a change; the text says which file, and what to do."""


def new_reference(settings: Settings, node: str, node_number: int, url: str) -> str:
    """Return an unused reference. Raises NotKeptError if the disk cannot record that it was given out."""
    allocator = ReferenceAllocator(settings.case_references, node_number, taken=1)
    try:
        return asyncio.run(references.new_reference(allocator, url, node))
    except OSError as error:
        raise NotKeptError(
            f"{settings.case_references} cannot be written ({error.strerror}): no file was opened; "
            "make room on its disk."
        ) from None


async def keep(folder: Path, node: str, url: str, rows: Rows) -> str | None:
    """Write the rows to a journal in `folder` and deliver them to the database.

    Returns why the database does not have them yet, if so; they are delivered later. Raises NotKeptError if not even
    the journal could be written.
    """
    journal = Journal(folder, node)
    for table, columns in rows:
        journal.put(table, **columns)
    journal.flush()
    lost = journal.waiting
    journal.close()
    if lost:
        raise NotKeptError(
            f"the journal {folder} cannot be written: nothing was changed; make room, or mend its rights."
        )
    try:
        if not await _wait_until_delivered(folder, url, journal, len(rows)):
            await deliver_all(folder, url)
    except (DatabaseError, SQLAlchemyError) as error:
        return str(error).splitlines()[0]
    return None


async def _wait_until_delivered(folder: Path, url: str, journal: Journal, records: int) -> bool:
    """Wait for the process that delivers this folder; return False if there is none, or it takes too long."""
    beat = heartbeat(folder)
    if beat is None or beat.at < datetime.now(UTC) - _ALIVE_FOR:
        return False
    async with open_engine(url) as engine:
        deadline = time.monotonic() + DELIVERED_S
        while time.monotonic() < deadline:
            if (await position(engine, journal.node, journal.boot)).seq >= records:
                return True
            await asyncio.sleep(_POLL_S)
        return False
