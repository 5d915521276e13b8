"""Finishes releases of swaps that a desk had begun when it was killed: released in the database, not in the roster."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from db import swaps
from db.engine import DatabaseError
from db.enums import SwapState
from db.swaps import Swap
from desk.context import Desk
from desk.control import ControlError
from desk.page.errors import DeskError
from desk.people import accounts
from desk.staffing import releasing
from desk.staffing.roster import NoRosterError, Rosters, Shift

log = structlog.get_logger()

LEFT_AFTER = timedelta(minutes=2)
"""After this, nobody works on a release any more; it is longer than all that one waits for."""

LOOK_S = 30.0
"""Seconds between two looks, while something is to be finished."""


class SwapFinisher:
    """Finishes what the desk of before, or another one, has left."""

    def __init__(self, desk: Callable[[], Desk], rosters: Rosters) -> None:
        self._desk, self._rosters = desk, rosters

    async def run(self) -> None:
        """Finish releases until none is left."""
        left = True
        while left:
            try:
                left = await self.look()
            except DatabaseError as error:
                log.warning("Releases that were broken off wait for the database", reason=str(error))
            except Exception:
                log.exception("Releases that were broken off could not be finished")
            if left:
                await asyncio.sleep(LOOK_S)

    async def look(self) -> bool:
        """Finish the releases that nobody works on. Return whether some are left. Raises DatabaseError."""
        desk, left = self._desk(), False
        now = desk.now()
        for swap in await swaps.unfinished(desk.engine, now):
            if swap.changed > now - LEFT_AFTER:
                left = True
                continue
            try:
                await self._finish(desk, swap, now)
            except (ControlError, DeskError, NoRosterError) as error:
                log.warning("A release that was broken off is not finished yet", swap=str(swap.id), reason=str(error))
                left = True
        return left

    async def _finish(self, desk: Desk, swap: Swap, now: datetime) -> None:
        day = swap.begins.astimezone(ZoneInfo(desk.settings.timezone)).date()
        self._rosters.forget()
        (planned,) = await self._rosters.read(day, 1, now)
        if releasing.has_swap(planned.shifts, swap) or await self._write(desk, swap, planned.shifts, now):
            await swaps.note(desk.engine, swap.id, SwapState.RELEASED, swap.by, swap.changed)
            log.info("A release that was broken off is finished", swap=str(swap.id))
            return
        await swaps.move(desk.engine, swap.id, SwapState.RELEASED, SwapState.AGREED, swap.by, now, noted=False)
        log.warning("A swap waits for a supervisor again, since its release was broken off", swap=str(swap.id))

    async def _write(self, desk: Desk, swap: Swap, shifts: Sequence[Shift], now: datetime) -> bool:
        """Write the swap into the roster, in the name of who released it; False if that is not possible any more."""
        person = await accounts.find(desk.engine, swap.by)
        if person is None or not person.may_sign_in or swap.begins <= now:
            return False
        if not any(releasing.is_of(shift, swap) for shift in shifts):
            return False
        try:
            await releasing.write(desk, person, swap)
        except DeskError as error:
            if error.status != 409:
                raise
            return False
        finally:
            self._rosters.forget()
        return True
