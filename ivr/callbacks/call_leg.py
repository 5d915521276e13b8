"""One leg of a call-back: the operator's or the caller's channel, its prompts and its keys."""

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
"""Number of playback names per channel, used in turn, so that a starting controller can find what its predecessor left
playing. Asterisk has forgotten the first name by the time the last one is used."""


class CallLeg:
    """The leg on `channel`, which need not exist yet; once it is `answered`, prompts are heard and keys count."""

    def __init__(self, channel: str, audible: Audible, sounds: Manifest, *, answered: bool = False) -> None:
        self.channel = channel
        self.answered = answered
        self.rang = False  # as far as the carrier has told
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
        """The time on the loop's clock by which the present playback must have ended."""
        return self._playback.overdue

    def note(self, item: object) -> None:
        """Take note of what an event says about this leg."""
        self._playback.note(item)
        match item:
            case events.ChannelStateChange(channel) if channel.id == self.channel and channel.state == "Up":
                self.answered = True
            case events.ChannelStateChange(channel) if channel.id == self.channel and channel.state == "Ringing":
                self.rang = True
            case events.ChannelDtmfReceived(channel, digit) if channel.id == self.channel:
                self.keys.append(digit)
            case events.ChannelDestroyed(channel, cause) if channel.id == self.channel:
                self.cause = cause

    def late(self) -> None:
        """Count a prompt that is overdue as ended."""
        self._playback.note(self._playback.overdue_end(self.channel))

    def hush(self) -> list[Request]:
        """Return the requests that stop the present playback."""
        return self._playback.stop()

    def play(self, clips: Sequence[Clip]) -> list[Request]:
        """Return the requests that stop the present playback and start the clips; clips without audio are left out."""
        media = self._audible.media(self._sounds, clips)
        return self._start(media.uris, media.seconds) if media.uris else self.hush()

    def ring(self, clips: Sequence[Clip] = ()) -> list[Request]:
        """Return the requests that play the clips, then a ringing tone until the next playback."""
        return self._start([*self._audible.media(self._sounds, clips).uris, RINGING], math.inf)

    def _start(self, media: Sequence[str], seconds: float) -> list[Request]:
        requests = self.hush()
        name = self._name(self._played)
        self._played += 1
        self._playback.start(name, seconds)
        return [*requests, operations.PLAY(self.channel, name, media=",".join(media))]

    def _name(self, number: int) -> str:
        return f"{self.channel}-{number % _NAMES}"

    def left_playing(self) -> list[Request]:
        """Return the requests that ask for each playback a former controller may have left.

        `stop_left` takes the answers.
        """
        return [operations.PLAYBACK(self._name(number)) for number in range(_NAMES)]

    def stop_left(self, playing: Sequence[bool]) -> list[Request]:
        """Return the requests that stop the playbacks that were found; the next playback gets another name."""
        found = [number for number, is_playing in enumerate(playing) if is_playing]
        self._played = max(found, default=-1) + 1
        return [operations.STOP(self._name(number)) for number in found]
