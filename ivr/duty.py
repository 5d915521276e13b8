"""Whom the roster has on duty, told to the floor whenever that changes: who is planned goes before who has stayed."""

import asyncio
from collections.abc import Callable

from ivr import clock, messages
from ivr.roster import Roster

_LOOK_S = 60.0
"""At the latest: a clock that is set moves the next change."""


class Duty:
    """`tell` gets it when it changes."""

    def __init__(self, tell: Callable[[messages.Planned], None]) -> None:
        self._tell = tell
        self._roster: Roster | None = None
        self._wake = asyncio.Event()
        self.planned = messages.Planned(None)
        """As it was told last."""

    def read(self, roster: Roster | None) -> None:
        """The roster as it is now."""
        self._roster = roster
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._wake.clear()
            limit = self._look()
            try:
                async with asyncio.timeout(limit):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _look(self) -> float:
        """Seconds until the next look."""
        roster, now = self._roster, clock.now()
        planned = messages.Planned(tuple(roster.on_duty(now)) if roster is not None else None)
        if planned != self.planned:
            self.planned = planned
            self._tell(planned)
        if roster is None:
            return _LOOK_S
        return min((roster.changes_after(now) - now).total_seconds(), _LOOK_S)
