"""Prompts on a channel: one playback at a time, its name, and when it must have ended."""

import asyncio
import itertools
import math
import secrets

from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.operations import Request

_BOOT = secrets.token_hex(5)
_NUMBERS = itertools.count(1)

OVERDUE_S = 3.0
"""A prompt that takes this much longer than its length has been lost."""


def new_name(prefix: str) -> str:
    """Return a name for a playback that no other controller has used."""
    return f"{prefix}-{_BOOT}-{next(_NUMBERS)}"


class Playback:
    """The current playback. `name`: None if there is none; `overdue`: when it must have ended, by the loop's clock."""

    def __init__(self) -> None:
        self.name: str | None = None
        self.overdue = math.inf

    def start(self, name: str, seconds: float) -> None:
        """Note that a playback of this length has been requested."""
        self.name = name
        self.overdue = asyncio.get_running_loop().time() + seconds + OVERDUE_S

    def stop(self) -> list[Request]:
        """Return the request that stops the playback, if there is one, and forget it."""
        name, self.name, self.overdue = self.name, None, math.inf
        return [operations.STOP(name)] if name is not None else []

    def note(self, item: object) -> None:
        """Process an event, which may be the end of the playback."""
        if self.name is not None and isinstance(item, events.PlaybackFinished) and item.playback.id == self.name:
            self.name, self.overdue = None, math.inf

    def overdue_end(self, channel: str) -> events.PlaybackFinished | None:
        """Return an end event for a playback that is overdue: Asterisk never reported its end, and nothing is heard."""
        if self.name is None or asyncio.get_running_loop().time() < self.overdue:
            return None
        return events.PlaybackFinished(events.Playback(self.name, f"channel:{channel}", "failed"))
