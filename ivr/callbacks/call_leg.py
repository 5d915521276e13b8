"""One of the two of a call back: his channel, what he hears and presses there."""

import math
from collections import deque
from collections.abc import Sequence

from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.operations import Request
from ivr.audio.audible import Audible, Clip
from ivr.call.playback import Playback
from ivr.talk.operator_prompts import RINGING
from prompts.manifest import Manifest

_NAMES = 8
"""So many names of playbacks a channel has, one after the other: a controller that starts finds what its predecessor
left playing. Asterisk has forgotten the first one when the last one is used up."""


class CallLeg:
    """`channel`: there may be none yet; `answered`: so that he hears and presses."""

    def __init__(self, channel: str, audible: Audible, sounds: Manifest, *, answered: bool = False) -> None:
        self.channel = channel
        self.answered = answered
        self.keys: deque[str] = deque()  # pressed and not used yet
        self.cause: int | None = None  # ITU-T Q.850, once the channel is gone
        self._audible, self._sounds = audible, sounds
        self._playback = Playback()
        self._played = 0

    @property
    def gone(self) -> bool:
        return self.cause is not None

    @property
    def sounding(self) -> bool:
        return self._playback.name is not None

    @property
    def overdue(self) -> float:
        """When what sounds must have ended, by the loop's clock."""
        return self._playback.overdue

    def note(self, item: object) -> None:
        """Keeps what an event says about him."""
        self._playback.note(item)
        match item:
            case events.ChannelStateChange(channel, "Up") if channel == self.channel:
                self.answered = True
            case events.ChannelDtmfReceived(channel, digit) if channel == self.channel:
                self.keys.append(digit)
            case events.ChannelDestroyed(channel, cause) if channel == self.channel:
                self.cause = cause

    def late(self) -> None:
        """Count a prompt that is overdue as ended."""
        self._playback.note(self._playback.overdue_end(self.channel))

    def hush(self) -> list[Request]:
        return self._playback.stop()

    def play(self, clips: Sequence[Clip]) -> list[Request]:
        """What starts the clips, after what sounds has been stopped; clips without audio are left out."""
        media, seconds = self._media(clips)
        return self._start(media, seconds) if media else self.hush()

    def ring(self, clips: Sequence[Clip] = ()) -> list[Request]:
        """He hears the clips, then that somebody is rung, until something else is played."""
        return self._start([*self._media(clips)[0], RINGING], math.inf)

    def _media(self, clips: Sequence[Clip]) -> tuple[list[str], float]:
        found = [heard for clip in clips if (heard := self._audible.find(self._sounds, clip)) is not None]
        return [f"sound:{each.file}" for each in found], sum(each.seconds for each in found)

    def _start(self, media: Sequence[str], seconds: float) -> list[Request]:
        requests = self.hush()
        name = self._name(self._played)
        self._played += 1
        self._playback.start(name, seconds)
        return [*requests, operations.PLAY(self.channel, name, media=",".join(media))]

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
