"""Prompts of a former controller on a channel whose state cannot be read.

Writing a state while a prompt plays would hold up the requests of all calls (`Call.step`), and the name of that prompt
is unknown. So a pause of ours is queued behind it: Asterisk reports its end, and no request has to wait.
"""

import asyncio
import re
import secrets

from ivr.asterisk.ari import events, operations
from ivr.audio.audible import PAUSE, SIGNS
from ivr.call.call import Call, Deadline

_LONGEST_S = 180.0
"""The maximum length of a prompt."""

_NAME = re.compile(r'"pb":"([\w.-]{1,80})"')
"""Finds the name of a playback in what is left of a state."""


async def wait_for_silence(call: Call) -> None:
    """Wait until no prompt of a former controller plays. Raises CallerGone."""
    if call.unreadable is None:
        return
    named, call.unreadable = _NAME.search(call.unreadable), None
    last, until = f"pb-{secrets.token_hex(8)}", asyncio.get_running_loop().time() + _LONGEST_S
    stop = [operations.STOP(named[1])] if named is not None else []
    play = operations.PLAY(call.channel, last, media=f"sound:{SIGNS[PAUSE].file}")
    await call.services.link.send(*stop, play, refused=call.refused)
    while not isinstance(item := await call.next(until), Deadline):
        if isinstance(item, events.PlaybackFinished) and item.playback.id == last:
            break
    call.keys.clear()
