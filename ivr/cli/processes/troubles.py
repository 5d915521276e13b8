"""Problems that `hatif status` shows although calls are served, each with its remedy."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from db.delivery import Heartbeat, Lag, heartbeat, lag
from db.engine import DatabaseError

ANSWER_S = 3.0
_SILENT_S = 30.0
"""A deliverer says at least every ten seconds that it is there."""
_LATE_S = 60.0


@dataclass(frozen=True, slots=True)
class JournalState:
    """How far the database is behind. `lag`: None while the database does not say; `why`: what it said then."""

    beat: Heartbeat | None
    lag: Lag | None
    why: str | None = None


def read_journal(folder: Path, url: str) -> JournalState:
    """Read what the deliverer said last, and ask the database."""

    async def ask() -> Lag:
        async with asyncio.timeout(ANSWER_S):
            return await lag(folder, url)

    beat = heartbeat(folder)
    try:
        return JournalState(beat, asyncio.run(ask()))
    except DatabaseError as error:
        return JournalState(beat, None, str(error))
    except TimeoutError:
        return JournalState(beat, None, f"the database did not answer within {ANSWER_S:g} s")


def undelivered(journal: JournalState, now: datetime | None = None) -> Iterator[str]:
    """Calls go on while the journal waits; nobody would see it anywhere else."""
    now = now or datetime.now(UTC)
    beat, lag_now = journal.beat, journal.lag
    if beat is not None and beat.away is not None:
        yield f"The journal waits: {beat.away}. Nothing is lost while there is room on the disk."
    elif beat is not None and (now - beat.at).total_seconds() > _SILENT_S:
        yield f"Nobody has delivered the journal since {beat.at:%Y-%m-%d %H:%M:%S} UTC: look into journal.log."
    if journal.why is not None:
        yield f"How far the journal is behind is not known: {journal.why}."
    elif lag_now is not None and lag_now.seconds > _LATE_S:
        yield f"{lag_now.records} records wait for the database, the oldest one for {lag_now.seconds:.0f} s."
