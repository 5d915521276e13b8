"""One of the two of a call back: his channel, what he hears and presses there."""

import asyncio
import math
from collections import deque
from collections.abc import Sequence

from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.operations import Request
from ivr.audio.audible import Audible, Clip
from ivr.talk.operator_prompts import RINGING
from prompts.manifest import Manifest

_NAMES = 8
"""So many names of playbacks a channel has, one after the other: a controller that starts finds what its predecessor
left playing. Asterisk has forgotten the first one when the last one is used up."""

_OVERDUE_S = 3.0


class CallLeg:
    """`channel`: there may be none yet; `answered`: so that he hears and presses."""

    def __init__(self, channel: str, audible: Audible, sounds: Manifest, *, answered: bool = False) -> None:
        self.channel = channel
        self.answered = answered
        self.keys: deque[str] = deque()  # pressed and not used yet
        self.cause: int | None = None  # ITU-T Q.850, once the channel is gone
        self._audible, self._sounds = audible, sounds
        self._sounding: str | None = None
        self._played = 0
        self.overdue = math.inf  # when what sounds must have ended, by the loop's clock

    @property
    def gone(self) -> bool:
        return self.cause is not None

    @property
    def sounding(self) -> bool:
        return self._sounding is not None

    def note(self, item: object) -> None:
        """Keeps what an event says about him."""
        match item:
            case events.ChannelStateChange(channel, "Up") if channel == self.channel:
                self.answered = True
            case events.ChannelDtmfReceived(channel, digit) if channel == self.channel:
                self.keys.append(digit)
            case events.PlaybackFinished(playback) if playback == self._sounding:
                self._sounding, self.overdue = None, math.inf
            case events.ChannelDestroyed(channel, cause) if channel == self.channel:
                self.cause = cause

    def late(self, now: float) -> None:
        """A prompt that takes so long has been lost: as if it had ended."""
        if now >= self.overdue:
            self._sounding, self.overdue = None, math.inf

    def hush(self) -> list[Request]:
        if self._sounding is None:
            return []
        playback, self._sounding, self.overdue = self._sounding, None, math.inf
        return [operations.STOP(playback)]

    def play(self, clips: Sequence[Clip]) -> list[Request]:
        """What starts the clips, after what sounds has been stopped; clips without audio are left out."""
        media, seconds = self._media(clips)
        return self._start(media, seconds + _OVERDUE_S) if media else self.hush()

    def ring(self, clips: Sequence[Clip] = ()) -> list[Request]:
        """He hears the clips, then that somebody is rung, until something else is played."""
        return self._start([*self._media(clips)[0], RINGING], math.inf)

    def _media(self, clips: Sequence[Clip]) -> tuple[list[str], float]:
        found = [heard for clip in clips if (heard := self._audible.find(self._sounds, clip)) is not None]
        return [f"sound:{each.file}" for each in found], sum(each.seconds for each in found)

    def _start(self, media: Sequence[str], seconds: float) -> list[Request]:
        requests = self.hush()
        self._sounding = self._name(self._played)
        self._played += 1
        self.overdue = asyncio.get_running_loop().time() + seconds
        return [*requests, operations.PLAY(self.channel, self._sounding, media=",".join(media))]

    def _name(self, number: int) -> str:
        return f"{self.channel}-{number % _NAMES}"

    def left_playing(self) -> list[Request]:
        """What asks for each of the playbacks that a former controller may have left; the answers go to `silenced`."""
        return [operations.PLAYBACK(self._name(number)) for number in range(_NAMES)]

    def silenced(self, playing: Sequence[bool]) -> list[Request]:
        """Stops those that were found; the next one gets another name."""
        found = [number for number, there in enumerate(playing) if there]
        self._played = max(found, default=-1) + 1
        return [operations.STOP(self._name(number)) for number in found]
