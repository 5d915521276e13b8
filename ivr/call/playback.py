"""What sounds on a channel: one playback at a time, by name, and when it must have ended."""

import asyncio
import itertools
import math
import secrets

from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.operations import Request

_BOOT = secrets.token_hex(5)
_NUMBERS = itertools.count(1)

OVERDUE_S = 3.0
"""A prompt that takes this much longer than it lasts has been lost."""


def new_name(prefix: str) -> str:
    """Return a name for a playback that no controller has given before."""
    return f"{prefix}-{_BOOT}-{next(_NUMBERS)}"


class Playback:
    """`name` is None while nothing of ours sounds; `overdue` is when it must have ended, by the loop's clock."""

    def __init__(self) -> None:
        self.name: str | None = None
        self.overdue = math.inf

    def start(self, name: str, seconds: float) -> None:
        """Note that a playback of this length has been requested."""
        self.name = name
        self.overdue = asyncio.get_running_loop().time() + seconds + OVERDUE_S

    def stop(self) -> list[Request]:
        """Return the request that ends what sounds, if anything does; from now on nothing does."""
        name, self.name, self.overdue = self.name, None, math.inf
        return [operations.STOP(name)] if name is not None else []

    def note(self, item: object) -> None:
        """Take an event that may say that it has ended."""
        if self.name is not None and isinstance(item, events.PlaybackFinished) and item.playback == self.name:
            self.name, self.overdue = None, math.inf

    def overdue_end(self, channel: str) -> events.PlaybackFinished | None:
        """Return the end that Asterisk never reported, once it is overdue: whatever became of it, nothing is heard."""
        if self.name is None or asyncio.get_running_loop().time() < self.overdue:
            return None
        return events.PlaybackFinished(self.name, channel, failed=True)
