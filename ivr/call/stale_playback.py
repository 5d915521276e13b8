"""Prompts of an earlier controller.

Writing a state while a prompt plays would hold up the requests of all calls (`Call.step`), and the state that was found
may not name what plays: it may be unreadable, or Asterisk may have begun the last prompt of a killed controller after
its successor has read the states. So the prompt that the state names is stopped, and a pause of ours is queued:
Asterisk reports its end when nothing else plays any more, and no request has to wait.
"""

import asyncio
import contextlib
import re
import secrets

from ivr.asterisk.ari import events, operations
from ivr.audio.audible import PAUSE, SIGNS
from ivr.call.call import Call
from ivr.call.interruptions import CallerGone
from ivr.call.items import Deadline

_LONGEST_S = 180.0
"""The maximum length of a prompt."""

_NAME = re.compile(r'"pb":"([\w.-]{1,80})"')
"""Finds the name of a playback in what is left of a state."""


async def wait_for_silence(call: Call) -> None:
    """Wait until no prompt of an earlier controller plays, or the caller has gone.

    The node learns itself that they have gone: it may have to keep what they have recorded.
    """
    if call.former_state is None:
        return
    named, call.former_state = _NAME.search(call.former_state), None
    last, until = f"pb-{secrets.token_hex(8)}", asyncio.get_running_loop().time() + _LONGEST_S
    stop = [operations.STOP(named[1])] if named is not None else []
    play = operations.PLAY(call.channel, last, media=f"sound:{SIGNS[PAUSE].file}")
    await call.services.link.send(*stop, play, refused=call.refused)
    with contextlib.suppress(CallerGone):
        while not isinstance(item := await call.next(until), Deadline):
            if isinstance(item, events.PlaybackFinished) and item.playback.id == last:
                break
            if isinstance(item, events.RecordingFinished):
                call.keys.lost = False  # it went on during the restart; the key that ended it was heard
    call.keys.clear()
