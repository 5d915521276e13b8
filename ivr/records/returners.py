"""Callers who were cut off and call again: each takes his old place, once, if he is soon enough. docs/returners.md."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ivr.model.call_state import CallState
from ivr.records.database import Database

if TYPE_CHECKING:
    from db.returners import FormerWait


@dataclass(frozen=True, slots=True)
class Place:
    """What a caller goes on waiting from (POSIX seconds), and the call that it was."""

    since: float
    call: str


class Returners:
    """`within_s`: how long a caller may stay away; 0: nobody has an old place."""

    def __init__(self, database: Database, within_s: float) -> None:
        self._database, self._within_s = database, within_s
        self._taken: dict[str, float] = {}  # former calls whose place somebody has, and when he took it
        # By call that was let in for it: it has it also if the database is slow by then.
        self._seen: dict[str, FormerWait] = {}

    async def place(self, state: CallState) -> Place | None:
        """The old place of the caller of a call that is about to wait; None if he has none, or the database does not
        say so in time."""
        if not self._within_s or not state.caller:
            return None
        seen = self._seen.pop(state.id, None)
        former = await self._database.former(state.caller, state.id) or seen
        return self.taken(state, former, time.time()) if former is not None else None

    def taken(self, state: CallState, former: "FormerWait", now: float) -> Place | None:
        """The place, if it is his at `now`; then it is nobody else's any more."""
        call = str(former.call)
        self._taken = {each: at for each, at in self._taken.items() if now - at < 2 * self._within_s}
        if not self._is_his(state, former, now):
            return None
        self._taken[call] = now
        return Place(min(former.since, now), call)

    async def has_place(self, state: CallState) -> bool:
        """Whether the caller of a call that is not waiting yet would have an old place now; it is not taken by that."""
        if not self._within_s or not state.caller:
            return False
        former, now = await self._database.former(state.caller, state.id), time.time()
        if former is None or not self._is_his(state, former, now):
            return False
        self._seen = {call: each for call, each in self._seen.items() if self._is_recent(each, now)}
        self._seen[state.id] = former
        return True

    def _is_recent(self, former: "FormerWait", now: float) -> bool:
        return now - former.ended.timestamp() <= self._within_s

    def _is_his(self, state: CallState, former: "FormerWait", now: float) -> bool:
        is_free = str(former.call) not in self._taken
        return former.language == state.language and self._is_recent(former, now) and is_free
