"""The last line: Asterisk itself gives callers to the fallback when nobody of ours is left to do it.

A channel of Asterisk's own compares the beats that the controller writes here; see [hatif-last] in the dialplan.
"""

import asyncio
import itertools
import time
from collections.abc import Callable

import structlog

from ivr.asterisk.ari import operations
from ivr.asterisk.ari.link import Link

log = structlog.get_logger()

BEAT_S = 2.0
"""How often the controller says to Asterisk that it is there: `beat_s` of the dialplan."""


NAME = "Local/s@hatif-last-hold-"
"""How the names of the last line's channels begin."""

_LOOK_AFTER = 5
"""After so many beats an Asterisk that has just started has started its last line."""


async def beat(link: Link, answered: Callable[[], None]) -> None:
    """Tell Asterisk that there is a controller, until cancelled; `answered` is called for each answer.

    Raises LinkLost, TimeoutError.
    """
    for count in itertools.count(1):
        # Differs from every earlier one, also from those of a former controller.
        await link.ask(operations.SET_GLOBAL(variable="HATIF_BEAT", value=str(time.monotonic_ns())))
        answered()
        if count == _LOOK_AFTER:
            await _start_if_missing(link)
        await asyncio.sleep(BEAT_S)


async def _start_if_missing(link: Link) -> None:
    """Asterisk starts its last line itself; somebody may have ended it since."""
    (channels,) = await link.ask(operations.CHANNELS())
    if not any(str(each.get("name", "")).startswith(NAME) for each in channels.body):
        log.warning("Asterisk has no last line; it is started")
        context, extension = "hatif-last", "s"
        await link.send(
            operations.ORIGINATE(endpoint=f"{NAME[:-1]}/n", context=context, extension=extension, priority="1")
        )
