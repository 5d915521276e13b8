"""The wait for an event of our own that Asterisk is to send back: whether its events reach us."""

import asyncio
import contextlib

_LOOK_S = 0.25


async def comes(event: asyncio.Event, within_s: float) -> bool:
    """Return whether an event is set within this many seconds of this process's running time.

    They are counted in looks, not by the clock: a process that was stopped, or had no processor, has not waited.
    """
    for _ in range(round(within_s / _LOOK_S)):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_S):
                await event.wait()
            return True
    return event.is_set()
