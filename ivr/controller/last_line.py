"""The last line of defence: Asterisk itself gives callers to the fallback when no process of ours is left to do it.

A channel of Asterisk's own watches the heartbeat that the controller sends here; see [hatif-last] in the dialplan.
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
"""How often the controller sends its heartbeat to Asterisk: `beat_s` of the dialplan."""

NAME = "Local/s@hatif-last-hold-"
"""The beginning of the names of the last line's channels."""

_CHECK_AFTER = 5
"""After this many heartbeats, an Asterisk that has just started has started its last line."""


async def beat(link: Link, answered: Callable[[], None]) -> None:
    """Send heartbeats to Asterisk until cancelled; call `answered` for each answer.

    Raises:
        LinkLost: The connection has ended.
        TimeoutError: Asterisk did not answer in time.
    """
    is_checked = False
    for count in itertools.count(1):
        # Differs from every earlier value, also from those of an earlier controller.
        await link.ask(operations.SET_GLOBAL(variable="HATIF_BEAT", value=str(time.monotonic_ns())))
        answered()
        if count >= _CHECK_AFTER and not is_checked:
            is_checked = await _start_if_missing(link)
        await asyncio.sleep(BEAT_S)


async def _start_if_missing(link: Link) -> bool:
    """Start the last line if it is gone: Asterisk starts it itself, but its channel may have been hung up since.

    Return False if Asterisk cannot list its channels.
    """
    (channels,) = await link.ask(operations.CHANNELS())
    if not channels.ok:
        return False
    if not any(str(row.get("name", "")).startswith(NAME) for row in channels.body):
        log.warning("Asterisk's last line was not running; it is started")
        context, extension = "hatif-last", "s"
        await link.send(
            operations.ORIGINATE(endpoint=f"{NAME[:-1]}/n", context=context, extension=extension, priority="1")
        )
    return True
