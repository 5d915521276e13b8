"""One call of a scripted caller: Asterisk itself calls the line, and what it says and presses comes from the script.

A Local channel has two halves. One is the caller's line, a call like any other, whose channel's id says whom it trains;
the other is ours: what is played on it the line hears, and the operator. Nothing outside Asterisk is needed.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import uuid4

import structlog

from ivr.asterisk import leg_dialing
from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.events import Channel, Event
from ivr.asterisk.ari.link import LinkLost
from ivr.asterisk.ari.operations import Request
from ivr.asterisk.ari.protocol import Link
from ivr.call.call import Call
from ivr.call.inbox import Inbox
from ivr.call.services import Services
from ivr.model.endpoints import training_channel
from ivr.site.training import Script

log = structlog.get_logger()

LONGEST_S = 600.0
"""After this the caller hangs up, whatever happens."""

_RING_S = 10.0
_KEY_S = 0.6
"""From the start of a prompt to a key: no sooner does a key answer what was heard (`ivr.call.call`)."""

_SILENCE_MS, _LOUD = 1000, 256
"""An operator who is silent for this time has finished; sound of this level is speech (TALK_DETECT)."""

_LATE_S = 0.2
_PAUSE_S = 0.3
_SPEAKS_S = 45.0
"""Somebody who speaks for longer, such as music on hold, is interrupted."""


class Stage(StrEnum):
    """How far a call has come."""

    CALLING = "calling"
    WAITING = "waiting"
    TALKING = "talking"


@dataclass(frozen=True, slots=True)
class _Seen:
    """Something that happened in the call, by the kind of its event."""

    kind: str


@dataclass(frozen=True, slots=True)
class _Refused:
    status: int


class _OverError(Exception):
    """The call has ended, or must."""


@dataclass(eq=False)
class ScriptedCaller:
    """A scripted caller's call to an operator in training.

    Attributes:
        sounds: What they say, sentence by sentence, as Asterisk names sounds.
        began: POSIX seconds.
        channel: Our half; `line`: the caller's, in the line.
        call: The call, once the line has it.
    """

    operator: str
    script: Script
    sounds: Sequence[str]
    began: float = field(default_factory=time.time)
    stage: Stage = Stage.CALLING
    call: Call | None = None
    token: str = field(default_factory=lambda: str(uuid4()))
    _hears: bool = False  # somebody speaks, or music plays
    _inbox: Inbox[Event | _Seen | _Refused] = field(default_factory=Inbox)

    @property
    def channel(self) -> str:
        return f"hatif-script-{self.token}"

    @property
    def line(self) -> str:
        return training_channel(self.operator, self.token)

    def deliver(self, item: Event, /) -> None:
        """Take an event of our half."""
        self._inbox.put(item)

    def joins(self, call: Call) -> None:
        """Follow the call that the line has made of this caller."""
        self.call, call.observer = call, lambda kind: self._inbox.put(_Seen(kind))

    async def run(self, services: Services) -> None:
        """Make the call, to its end."""
        link = services.link
        services.route(self.channel, self)
        try:
            async with asyncio.timeout(LONGEST_S):
                await self._run(link)
        except _OverError:
            pass
        except TimeoutError:
            log.warning("A scripted caller has called for too long", operator=self.operator, script=self.script.name)
        finally:
            services.unroute(self.channel)
            with contextlib.suppress(LinkLost):
                await link.send(operations.HANG_UP(self.channel))

    async def _run(self, link: Link) -> None:
        create = operations.CREATE(
            endpoint=f"Local/{self.script.number}@hatif-carrier/n",
            app="hatif",
            appArgs=leg_dialing.SCRIPT,
            channelId=self.channel,
            otherChannelId=self.line,
        )
        await link.send(create, refused=self._refused)
        await self._reach_operator(link)
        self.stage = Stage.TALKING
        for sentence, sound in zip(self.script.say, self.sounds, strict=True):
            await self._listen(sentence.after_s)
            await self._say(link, sound)
        await self._listen(self.script.say[-1].after_s)

    async def _reach_operator(self, link: Link) -> None:
        """Go through the line, pressing keys, until an operator is there."""
        node, press_at = "", math.inf
        while True:
            item = await self._next(press_at)
            here = self.call.state.node if self.call is not None else ""
            match item:
                case None:
                    press_at = math.inf
                    if (key := self.script.keys.get(here)) is not None:  # else the line has moved on by itself
                        await link.send(operations.DTMF(self.channel, dtmf=key), refused=self._refused)
                case events.StasisStart():
                    await link.send(operations.DIAL(self.channel, timeout=f"{_RING_S:.0f}"), refused=self._refused)
                case events.ChannelStateChange(channel=events.ChannelState(state="Up")):
                    watch = f"{_SILENCE_MS},{_LOUD}"
                    await link.send(
                        operations.SET_VARIABLE(self.channel, variable="TALK_DETECT(set)", value=watch),
                        refused=self._refused,
                    )
                case _Seen("connected"):
                    return
                case _Seen("waiting"):
                    self.stage = Stage.WAITING
                case _Seen("node"):
                    node = here if here in self.script.keys else ""
                case _Seen("prompt") if node and node == here:
                    node, press_at = "", asyncio.get_running_loop().time() + _KEY_S
                case _:
                    self._check(item)

    async def _listen(self, at_most_s: float) -> None:
        """Wait until the operator has spoken and fallen silent, or for `at_most_s` if they say nothing."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        until = began + (_SPEAKS_S if self._hears else at_most_s)
        while (item := await self._next(until)) is not None:
            match item:
                case events.ChannelTalkingStarted():
                    until = loop.time() + _SPEAKS_S
                case events.ChannelTalkingFinished() if loop.time() < began + _SILENCE_MS / 1000 + _LATE_S:
                    until = began + at_most_s  # what has ended was the music, and the operator has not spoken
                case events.ChannelTalkingFinished():
                    until = loop.time() + _PAUSE_S
                case _:
                    self._check(item)

    async def _next(self, until: float = math.inf) -> Event | _Seen | _Refused | None:
        """Return what happens next, and note whether something is heard."""
        item = await self._inbox.get(until)
        if isinstance(item, events.ChannelTalkingStarted | events.ChannelTalkingFinished):
            self._hears = isinstance(item, events.ChannelTalkingStarted)
        return item

    async def _say(self, link: Link, sound: str) -> None:
        playback = f"script-{uuid4()}"
        await link.send(operations.PLAY(self.channel, playback, media=f"sound:{sound}"), refused=self._refused)
        while True:
            item = await self._next()
            if isinstance(item, events.PlaybackFinished) and item.playback.id == playback:
                return
            self._check(item)

    def _check(self, item: Event | _Seen | _Refused | None) -> None:
        """Raise _OverError for what ends the call."""
        match item:
            case _Refused(status):
                log.warning("Asterisk refused what a scripted caller does", status=status, operator=self.operator)
                raise _OverError
            case events.ChannelDestroyed() | events.StasisEnd() | _Seen("conversation_ended" | "offer_ended" | "ended"):
                raise _OverError

    def _refused(self, request: Request, status: int) -> None:
        if request.method != "DELETE":
            self._inbox.put(_Refused(status))


def left_over(channels: Iterable[Channel]) -> list[Request]:
    """Return the requests that hang up an earlier controller's scripted callers; the line's half ends with ours."""
    return [
        operations.HANG_UP(channel.id)
        for channel in channels
        if leg_dialing.arguments(channel)[:1] == (leg_dialing.SCRIPT,)
    ]
