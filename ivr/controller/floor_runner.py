"""The floor's task: whether it does its work, and what happens when it fails or hangs."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

import structlog

from ivr.floor.floor import Floor
from ivr.home.heartbeat import Lateness

log = structlog.get_logger()

ANSWERS_S = 1.0
"""The floor answers within this time: it takes milliseconds."""

HANGS_S = 5.0
"""A floor that has done nothing for so long is renewed."""

_RESTART_S = 0.1
_FAILING, _WITHIN_S = 3, 60.0
"""After so many failures within this time, the callers are better off with the guard, and a new controller."""


class FloorRunner:
    """Runs the floor, and renews it when it fails or hangs.

    `end_connection` ends the connection to Asterisk: the next one tells the floor what is up.
    """

    def __init__(self, floor: Floor, end_connection: Callable[[], None], every_s: float = ANSWERS_S) -> None:
        self._floor, self._end_connection, self._every_s = floor, end_connection, every_s
        self._late = Lateness()
        self._late_s = 0.0
        self._failed_at: deque[float] = deque(maxlen=_FAILING)  # by the monotonic clock

    @property
    def answers(self) -> bool:
        """Whether the floor does its work, each time within `ANSWERS_S`."""
        return self._late_s < ANSWERS_S

    @property
    def serves(self) -> bool:
        """Whether the floor can be relied on: it has not failed again and again of late."""
        return len(self._failed_at) < _FAILING or time.monotonic() - self._failed_at[0] > _WITHIN_S

    async def run(self) -> None:
        """Run the floor until cancelled."""
        while True:
            work = asyncio.create_task(self._floor.run(), name="the floor's work")
            try:
                await self._until_it_stops(work)
            finally:
                work.cancel()
                await asyncio.wait({work})
            self._failed_at.append(time.monotonic())
            error = None if work.cancelled() else work.exception()
            what = "The floor failed" if error is not None else "The floor did nothing any more and was ended"
            log.error(f"{what}; calls go on, and the connection to Asterisk is renewed", exc_info=error)
            self._end_connection()
            await asyncio.sleep(_RESTART_S)

    async def _until_it_stops(self, work: "asyncio.Task[None]") -> None:
        """Wait until the floor's task ends or does nothing for `HANGS_S`."""
        while not (await asyncio.wait({work}, timeout=self._every_s))[0]:
            # Its own time: while the loop is busy with something else, the floor is not at fault.
            self._late_s = self._late.look(self._floor.turns, time.monotonic())
            if self._late_s >= HANGS_S:
                return
            self._floor.wake()
