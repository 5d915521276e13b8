"""The journal process's last words about its own state, for processes that do not deliver."""

import contextlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

STATE = "deliver.json"


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The last status that the journal process wrote: of its work, not of its being alive.

    It writes one whenever the database has answered or has not. It asks every two seconds, every ten while the database
    is away, and each wait for an answer has an end (`db.engine.ANSWER_S`).
    """

    pid: int
    at: datetime
    delivered: int  # records since its start
    rejected: int
    away: str | None  # why the database cannot be reached; None: it can


def heartbeat(folder: Path) -> Heartbeat | None:
    """Return the last heartbeat of the folder's journal process, alive or not; None if there never was one."""
    try:
        state = orjson.loads((folder / STATE).read_bytes())
        return Heartbeat(**{**state, "at": datetime.fromisoformat(state["at"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_heartbeat(folder: Path, delivered: int, rejected: int, away: str | None) -> None:
    state = Heartbeat(os.getpid(), datetime.now(UTC), delivered, rejected, away)
    with contextlib.suppress(OSError):
        draft = folder / (STATE + ".new")
        draft.write_bytes(orjson.dumps(state))
        draft.replace(folder / STATE)
