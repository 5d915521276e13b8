"""How commands have the database know what they have written.

Each change is written to a journal of its own; the process that delivers journals brings it to the database, or else
this module does. So no change is lost while nothing else runs, or while the database is away.
"""

import time
from asyncio import run
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from db.case_rows import Rows
from db.delivery import deliver_all, lag
from db.delivery_state import heartbeat
from db.engine import DatabaseError
from db.journal import Journal
from wire.errors import UserError

DELIVERED_S = 1.0
"""How long to wait for another process to deliver; one that runs takes some 0.1 s."""
_ALIVE_FOR = timedelta(seconds=5)
_WAITS_FOR = timedelta(seconds=30)
"""The same while its database is away: it looks every ten seconds."""
_POLL_S = 0.01


class NotKeptError(UserError):
    """The disk refuses a change; the text says which file, and what to do."""


def keep(folder: Path, node: str, url: str, rows: Rows) -> str | None:
    """Write the rows to a journal in `folder` and deliver them to the database. Not for use in a running loop.

    Returns why the database does not have them yet, if so; they are delivered later. Raises NotKeptError if not even
    the journal could be written.
    """
    journal = Journal(folder, node, checked=False)
    for table, columns in rows:
        journal.put(table, **columns)
    return settle(journal, folder, url)


def settle(journal: Journal, folder: Path, url: str) -> str | None:
    """Close a journal in `folder` and deliver what was put into it; returns and raises as `keep` does."""
    journal.close()
    if journal.waiting:
        raise NotKeptError(
            f"the journal {folder} cannot be written: nothing was changed; make room, or mend its rights."
        )
    return None if _is_delivered(folder, journal.file) else _deliver(folder, url)


def deliver_left(folder: Path, url: str) -> str | None:
    """Have the database know all that other processes have written to the journal. Not for use in a running loop.

    Returns why it does not, if so.
    """
    deadline = time.monotonic() + DELIVERED_S
    try:
        while run(lag(folder, url)).records:
            if not _is_kept_delivered(folder) or time.monotonic() > deadline:
                return _deliver(folder, url)
            time.sleep(_POLL_S)
    except DatabaseError as error:
        return str(error).splitlines()[0]
    return None


def deliver_unless_served(folder: Path, url: str) -> None:
    """Deliver what is in the journal, unless a process does, if the database can be reached. Not for use in a running
    loop.

    A process that waits for its database is left to it: nobody waits for that twice.
    """
    beat = heartbeat(folder)
    alive_for = _ALIVE_FOR if beat is None or beat.away is None else _WAITS_FOR
    if beat is None or beat.at < datetime.now(UTC) - alive_for:
        _deliver(folder, url)


def _is_kept_delivered(folder: Path) -> bool:
    """Return whether a process delivers this folder."""
    beat = heartbeat(folder)
    return beat is not None and beat.away is None and beat.at >= datetime.now(UTC) - _ALIVE_FOR


def _is_delivered(folder: Path, file: Path) -> bool:
    """Wait for the process that delivers this folder, and deletes what it has delivered; return False if there is none,
    or it takes too long."""
    if not _is_kept_delivered(folder):
        return False
    deadline = time.monotonic() + DELIVERED_S
    while file.exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _deliver(folder: Path, url: str) -> str | None:
    try:
        run(deliver_all(folder, url))
    except (DatabaseError, SQLAlchemyError) as error:
        return str(error).splitlines()[0]
    return None
