"""Problems of the journal's delivery, which `hatif status` shows although calls are served."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cli.processes.at_once import ANSWER_S
from db.delivery import Lag, count_behind, positions
from db.delivery_state import Heartbeat, heartbeat
from db.engine import DatabaseError, for_people, open_engine

_HEARTBEAT_TIMEOUT_S = 30.0
"""Seconds without a heartbeat after which the deliverer counts as gone; it sends one at least every ten seconds."""
_LATE_S = 60.0


@dataclass(frozen=True, slots=True)
class JournalState:
    """How far the database is behind the journal.

    `beat`: the deliverer's last heartbeat; `lag`: None while the database cannot be asked; `why`: its error then.
    """

    beat: Heartbeat | None
    lag: Lag | None
    why: str | None = None


def read_journal(folder: Path, url: str) -> JournalState:
    """Read the deliverer's last heartbeat, and ask the database how far it is behind."""

    async def ask() -> Lag:
        async with open_engine(url, 1) as engine:
            return count_behind(folder, await positions(for_people(engine, ANSWER_S)))

    beat = heartbeat(folder)
    try:
        return JournalState(beat, asyncio.run(ask()))
    except DatabaseError as error:
        return JournalState(beat, None, str(error))


def silent_journal(folder: Path) -> JournalState:
    """Return the state of a journal whose database, or disk, does not answer."""
    return JournalState(heartbeat(folder), None, f"the database did not answer within {ANSWER_S:g} s")


def find_delivery_problems(journal: JournalState, now: datetime | None = None) -> Iterator[str]:
    """Yield the problems of delivery as sentences. Calls go on meanwhile, so that nothing else would show them."""
    now = now or datetime.now(UTC)
    beat, lag_now = journal.beat, journal.lag
    if beat is not None and beat.away is not None:
        yield f"The journal is not delivered: {beat.away}. Nothing is lost while there is room on the disk."
    elif beat is not None and (now - beat.at).total_seconds() > _HEARTBEAT_TIMEOUT_S:
        yield f"The journal has not been delivered since {beat.at:%Y-%m-%d %H:%M:%S} UTC: see journal.log."
    if journal.why is not None:
        yield f"It is unknown how far the database is behind: {journal.why}."
    elif lag_now is not None and lag_now.seconds > _LATE_S:
        yield f"{lag_now.records} records wait for the database, the oldest one for {lag_now.seconds:.0f} s."
