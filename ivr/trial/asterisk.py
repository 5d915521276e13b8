"""The stand-in for Asterisk in a trial: it answers the call's requests and plays in virtual time, without audio."""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Protocol

from db.ids import uuid7
from ivr.asterisk import leg_dialing
from ivr.asterisk.ari import events
from ivr.asterisk.ari.events import ChannelRef, Event
from ivr.asterisk.ari.link import Response
from ivr.asterisk.ari.operations import Request
from ivr.model import call_state
from ivr.records import voicemail
from ivr.records.voicemail import StoredMessage
from ivr.trial.operators import HUNG_UP, Floor, Legs
from prompts import manifest

_ANSWER_S = 0.002
"""How long an answer of Asterisk takes."""

_ENDS_S = 0.02
"""How long it takes until the call learns that a recording has ended, or that the caller has left a bridge."""

_UNKNOWN_S = 1.0
"""The assumed duration of media of unknown length, such as a tone."""


_NAMES_KEY = re.compile(r"(press|key)_(?P<key>[0-9])")


class Station(Enum):
    """The caller's current activity, until the next one begins."""

    PROMPT = "prompt"
    WAITING = "waiting"  # for an operator: with a prompt or with music
    OFFERED = "offered"  # while waiting: a prompt with keys for alternatives
    TALKING = "talking"
    RECORDING = "recording"
    AFTERWARDS = "afterwards"  # a conversation or a recording has ended, and the call does not know yet


@dataclass(frozen=True, slots=True)
class HeardClip:
    """A clip as the caller hears it.

    `language` differs from the one asked for if that has no audio; `text` is None if no language has any. `after_s`:
    from the announcement's beginning; `built`: whether there is audio, so that `seconds` is not assumed.
    """

    prompt: str
    language: str
    text: str | None
    after_s: float
    seconds: float
    built: bool

    @property
    def named_key(self) -> str | None:
        """The key that it names ("press one", "one"), if it is such a clip."""
        match = _NAMES_KEY.fullmatch(self.prompt)
        return match["key"] if match else None

    @property
    def heard_s(self) -> float:
        """When it has been heard, in seconds from the announcement's beginning."""
        return self.after_s + self.seconds


@dataclass(frozen=True, slots=True)
class Announcement:
    """Prompts that are announced together; `seconds` includes pauses and tones."""

    clips: Sequence[HeardClip]
    seconds: float


class Caller(Protocol):
    """The person on the telephone, who acts by `Asterisk.press` and `Asterisk.hang_up`, here or at any time."""

    def begins(self, station: Station) -> None: ...

    def speaks_s(self) -> float:
        """Return how long the caller speaks after the tone, in seconds; called when a recording begins."""
        ...


class StateTooLongError(Exception):
    """The call's state is too long for a variable of Asterisk."""


class Asterisk:
    """A call's link. Set `deliver`, `caller` and `floor` before use.

    `seconds(file)` returns the duration of a prompt's audio. `tell(kind, **data)` gets the steps that the call does not
    record itself. `records` is False if the disk is full.
    """

    deliver: Callable[[Event], None]
    caller: Caller
    floor: Floor

    def __init__(
        self, channel: str, seconds: Callable[[str], float], tell: Callable[..., None], *, records: bool = True
    ) -> None:
        self._channel, self._seconds, self._tell, self._records = channel, seconds, tell, records
        self._loop = asyncio.get_running_loop()
        self._timers: list[asyncio.TimerHandle] = []
        self._dialled: list[asyncio.Task[None]] = []
        self._playing: dict[str, tuple[str, asyncio.TimerHandle]] = {}  # with the channel
        self._recording: _Recording | None = None
        self._stored: dict[str, float] = {}
        self._spoken: dict[str, float] = {}
        self.up = True
        self.given_back = False
        self.early = False  # whether it is worth telling when the line answers
        self.prompt = Station.PROMPT  # what the next prompt is
        self.announced: Announcement | None = None  # what the caller hears, until something else begins

    def later(self, seconds: float, do: Callable[[], object]) -> asyncio.TimerHandle:
        """Call a function after that many seconds, unless the trial is over."""
        timer = self._loop.call_later(seconds, do)
        self._timers.append(timer)
        return timer

    @property
    def announced_s(self) -> float:
        """How long what the caller hears now lasts."""
        return self.announced.seconds if self.announced is not None else 0.0

    def close(self) -> None:
        for timer in (*self._timers, *(timer for _, timer in self._playing.values())):
            timer.cancel()
        for task in self._dialled:
            task.cancel()

    def left_over(self) -> str | None:
        """Return what the call should have ended but has not, in one sentence; None if there is nothing."""
        if legs := self._legs.left_over():
            return f"The call is over, but {' and '.join(legs)} are still up."
        return "The call is over, but still waits for an operator." if self.floor.waiting else None

    # What the caller does

    def press(self, key: str) -> None:
        if not self.up:
            return
        self._tell("presses", key=key)
        self.deliver(events.ChannelDtmfReceived(ChannelRef(self._channel), key))
        if self._recording is not None and key == "#":
            self._end_recording()

    def hang_up(self) -> None:
        if not self.up:
            return
        self._tell("hangs_up")
        self._end_channel()
        self.deliver(events.StasisEnd(ChannelRef(self._channel)))
        self.deliver(events.ChannelDestroyed(ChannelRef(self._channel), HUNG_UP))
        if self._recording is not None:
            self._end_recording()

    def _end_channel(self) -> None:
        self.up = False
        for playback, (channel, _) in list(self._playing.items()):
            if channel == self._channel:
                self._end_playback(playback)

    # The call's requests

    async def send(self, *requests: Request, refused: Callable[[Request, int], None] | None = None) -> None:
        for request in requests:
            status = self._do(request).status
            if status >= 400 and refused is not None:
                refused(request, status)

    async def ask(self, *requests: Request) -> list[Response]:
        answers = [self._do(request) for request in requests]
        await asyncio.sleep(_ANSWER_S)
        return answers

    async def keep(self, name: str) -> StoredMessage | None:
        """Return a message as if there were a file. With the next two methods: `ivr.call.services.Mailbox`."""
        seconds = self._stored.pop(name, 0.0)
        return StoredMessage(uuid7(), "", seconds) if seconds >= voicemail.SHORTEST_S else None

    async def has_voice(self, name: str) -> bool:
        return name in self._stored and self._spoken[name] > 0

    def is_full(self) -> bool:
        return not self._records

    def has_room(self) -> bool:
        return True

    def _do(self, request: Request) -> Response:
        kind, *names = request.uri.split("/")
        query = dict(request.query)
        match kind, names:
            case "channels", [self._channel, *action]:
                exists = self.up or (request.method == "GET" and self.given_back)
                return self._on_channel(request.method, action, query) if exists else _NO
            case "channels", ["create"]:
                self._ring(query["channelId"])
                return _YES
            case "channels", [leg]:
                return self._on_leg(request.method, leg, int(query.get("reason_code", HUNG_UP)))
            case "channels", [leg, *action]:
                if not self._legs.is_up(leg):
                    return _NO
                if action[:1] == ["play"]:
                    self._start_playback(action[1], leg, query["media"])
                return _YES
            case "bridges", _:
                return self._on_bridge(request.method, names, query)
            case "playbacks", [playback]:
                return self._on_playback(request.method, playback)
            case "recordings", ["live", name, *_]:
                return _YES if self._recording is not None and self._recording.name == name else _NO
            case "recordings", ["stored", name]:
                exists = name in self._stored
                if request.method == "DELETE":
                    self._stored.pop(name, None)
                return _YES if exists else _NO
        return _YES

    def _on_channel(self, method: str, action: list[str], query: dict[str, str]) -> Response:
        match method, action:
            case "POST", ["variable"] if query["variable"] == "HATIF":
                self._check(query["value"])
            case "POST", ["answer"]:
                if self.early:
                    self._tell("answers")
                self.deliver(events.ChannelStateChange(events.ChannelState(self._channel, "Up")))
            case "POST", ["play", playback]:
                self._play(playback, query["media"])
            case "POST", ["snoop", _]:
                pass  # what the caller says is known: `ivr.trial.hearers`
            case "POST", ["moh"]:
                self.announced = None
                self._tell("music")
                self.caller.begins(Station.WAITING)
            case "POST", ["record"]:
                return self._record(query)
            case "POST", ["continue"]:
                self.given_back = True
                self._end_channel()
            case "DELETE", []:
                self._end_channel()
        return _YES

    def _check(self, value: str) -> None:
        """Raise the error that a restarted controller would get when it reads this state."""
        if len(value.encode()) > call_state.LIMIT:
            raise StateTooLongError(
                f"The state has {len(value.encode())} bytes; at most {call_state.LIMIT} are possible: {value}"
            )
        call_state.decode(value)

    # Prompts

    def _play(self, playback: str, media: str) -> None:
        seconds = self._start_playback(playback, self._channel, media)
        if media == f"sound:{manifest.BEEP}":
            return  # belongs to the recording that follows
        if media.startswith("recording:"):
            self.announced = None
            self._tell("hears_himself", seconds=seconds)
        self.caller.begins(self.prompt)

    def _start_playback(self, playback: str, channel: str, media: str) -> float:
        """Play to the caller or to an operator; return how long it takes, in seconds."""
        seconds = sum(self._lasts(part) for part in media.split(","))
        self._playing[playback] = (channel, self._loop.call_later(seconds, self._end_playback, playback))
        return seconds

    def _lasts(self, media: str) -> float:
        kind, _, name = media.partition(":")
        if kind == "sound":
            return self._seconds(name)
        return self._stored.get(name, 0.0) if kind == "recording" else _UNKNOWN_S

    def _on_playback(self, method: str, playback: str) -> Response:
        if playback not in self._playing:
            return _NO
        if method == "DELETE":
            self._end_playback(playback)
        return _YES

    def _end_playback(self, playback: str) -> None:
        channel, timer = self._playing.pop(playback)
        timer.cancel()
        self.deliver(events.PlaybackFinished(events.Playback(playback, f"channel:{channel}", "done")))

    # Messages

    def _record(self, query: dict[str, str]) -> Response:
        name = query["name"]
        if not self._records:
            self.deliver(events.RecordingFailed(events.Recording(name, f"channel:{self._channel}")))
            return _YES
        longest, silence = float(query["maxDurationSeconds"]), float(query["maxSilenceSeconds"])
        self._recording = _Recording(name, self._loop.time())
        self.caller.begins(Station.RECORDING)
        self._recording.speaks_s = min(self.caller.speaks_s(), longest)
        self._tell("speaks", seconds=self._recording.speaks_s)
        ends = min(self._recording.speaks_s + silence, longest)
        self._recording.end = self._loop.call_later(ends, self._end_recording)
        return _YES

    def _end_recording(self) -> None:
        recording, self._recording = self._recording, None
        if recording is None:
            return
        if recording.end is not None:
            recording.end.cancel()
        seconds = self._loop.time() - recording.began
        spoken = min(seconds, recording.speaks_s)
        self._stored[recording.name], self._spoken[recording.name] = seconds, spoken
        kept = events.Recording(recording.name, f"channel:{self._channel}", int(seconds), int(spoken))
        self.later(_ENDS_S, lambda: self.deliver(events.RecordingFinished(kept)))
        if self.up:
            self.caller.begins(Station.AFTERWARDS)

    # Operators

    @cached_property
    def _legs(self) -> Legs:
        return Legs(self.floor.scripts, self.deliver, self.later)

    def _ring(self, leg: str) -> None:
        self._legs.ring(leg)
        if self.floor.scripts[leg].in_browser:
            self._dialled.append(self._loop.create_task(leg_dialing.end_unless_it_rings(self, leg)))

    def _on_leg(self, method: str, leg: str, cause: int) -> Response:
        legs = self._legs
        if method == "GET":
            return legs.look(leg)
        return _YES if legs.end(leg, cause) else _NO

    def _on_bridge(self, method: str, names: list[str], query: dict[str, str]) -> Response:
        legs = self._legs
        match method, names:
            case "GET", []:
                return legs.bridges()
            case "POST", [bridge]:
                legs.bridge(bridge)
            case "DELETE", [bridge]:
                return self._break_up(bridge)
            case "POST", [bridge, "addChannel"]:
                return self._join(bridge, query["channel"])
        return _YES

    def _break_up(self, bridge: str) -> Response:
        inside = self._legs.break_up(bridge)
        if inside is None:
            return _NO
        for channel in inside:
            left = events.ChannelLeftBridge(ChannelRef(channel))
            self.later(_ENDS_S, lambda left=left: self.deliver(left))  # type: ignore[misc]
        if self.up and self._channel in inside:
            self.caller.begins(Station.AFTERWARDS)
        return _YES

    def _join(self, bridge: str, channel: str) -> Response:
        exists = self.up if channel == self._channel else self._legs.is_up(channel)
        if not exists or not self._legs.join(bridge, channel):
            return _NO
        if channel == self._channel:
            seconds = self._legs.talk(bridge, channel)
            if seconds is not None:
                self._tell("talks", seconds=seconds)
                self.caller.begins(Station.TALKING)
        return _YES


class _Recording:
    def __init__(self, name: str, began: float) -> None:
        self.name, self.began = name, began
        self.speaks_s = 0.0
        self.end: asyncio.TimerHandle | None = None


_YES, _NO = Response(200, None), Response(404, None)
