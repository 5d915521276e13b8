"""Callers who were cut off and call back soon enough: each keeps their place in the queue, once. docs/returners.md."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ivr.model.call_state import CallState
from ivr.records.database import Database

if TYPE_CHECKING:
    from db.returners import FormerWait


@dataclass(frozen=True, slots=True)
class Place:
    """A caller's old place in the queue: waiting since then (POSIX seconds), in that call."""

    since: float
    call: str


class Returners:
    """The old places of callers who call back within `within_s`; with 0, nobody has one."""

    def __init__(self, database: Database, within_s: float) -> None:
        self._database, self._within_s = database, within_s
        self._taken: dict[str, float] = {}  # former calls whose place was taken, and when
        # By id of the call that was let in for its old place, which it has even if the database is slow by then.
        self._seen: dict[str, FormerWait] = {}

    async def place(self, state: CallState) -> Place | None:
        """Return the old place of a caller who is about to wait, and take it.

        None if they have none, or the database does not answer in time.
        """
        if not self._within_s or not state.caller:
            return None
        seen = self._seen.pop(state.id, None)
        former = await self._database.former(state.caller, state.id) or seen
        return self.take(state, former, time.time()) if former is not None else None

    def take(self, state: CallState, former: "FormerWait", now: float) -> Place | None:
        """Take and return the former call's place, if it is still free for this caller at `now`."""
        call = str(former.call)
        self._taken = {former_call: at for former_call, at in self._taken.items() if now - at < 2 * self._within_s}
        if not self._is_free_for(state, former, now):
            return None
        self._taken[call] = now
        return Place(min(former.since, now), call)

    async def has_place(self, state: CallState) -> bool:
        """Return whether the caller of a call that is not waiting yet has an old place now. Does not take it."""
        if not self._within_s or not state.caller:
            return False
        former, now = await self._database.former(state.caller, state.id), time.time()
        if former is None or not self._is_free_for(state, former, now):
            return False
        self._seen = {call: seen for call, seen in self._seen.items() if self._is_recent(seen, now)}
        self._seen[state.id] = former
        return True

    def _is_recent(self, former: "FormerWait", now: float) -> bool:
        return now - former.ended.timestamp() <= self._within_s

    def _is_free_for(self, state: CallState, former: "FormerWait", now: float) -> bool:
        is_free = str(former.call) not in self._taken
        return former.language == state.language and self._is_recent(former, now) and is_free
