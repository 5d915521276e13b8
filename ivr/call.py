"""A call: one coroutine that walks the flow node by node and reads its own events.

What it is doing is the node that it is at; recovery is starting the coroutine at that node. State is written to the
channel before the effect; a step's requests go out together and are not waited for.
"""

import asyncio
import itertools
import math
import secrets
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog

from ivr import messages
from ivr.ari import events, operations
from ivr.ari.operations import Request
from ivr.audible import Clip
from ivr.inbox import Inbox
from ivr.interruptions import CallerGone, CallFailed, NothingAudible, OperatorFree
from ivr.needs import Files, Link, Opening, Services
from ivr.state import CallState, LegState
from ivr.talk.table import Colleague

if TYPE_CHECKING:
    from ivr.flow.model import Flow
    from ivr.flow.versions import Version

__all__ = ["Call", "CallFailed", "CallerGone", "Deadline", "Files", "Item", "Link", "NothingAudible", "Opening"]
__all__ += ["OperatorFree", "RequestFailed", "Services"]

log = structlog.get_logger()

_BOOT = secrets.token_hex(5)
_PLAYBACKS = itertools.count(1)
"""Names of playbacks: never one that a former controller gave."""

_OVERDUE_S = 3.0
"""A prompt that takes so much longer than it lasts has been lost."""

_LONGEST_S = 180.0
"""No prompt lasts longer: for one that was begun before a restart."""

_AHEAD_S = 0.5
"""A key that is released so soon after a question began was pressed before it: nobody has understood it by then."""

_AFRESH_S = 0.8
"""For so long after a question that is asked again, and after each key in that time, keys are meant for what was asked
before: a controller was gone, and the keys before them with it."""

_SQUARE_S = 3.0
"""So long after the last digit of a full entry a # still belongs to it."""

_CROSSED_S = 0.005
"""A caller whose CANCEL came before our answer is gone so soon after it; Asterisk says that it answered, too."""

ALWAYS_SAID = "to_operator"
"""A text that every site has: where it has no audio in any language, all of it is away."""

_GOING_S = 1.0
"""How long after a refusal the end of the caller's channel may come; it takes a few milliseconds."""


@dataclass(frozen=True, slots=True)
class RequestFailed:
    request: Request
    status: int


@dataclass(frozen=True, slots=True)
class Deadline:
    """The time that was given is over."""


Item = events.Event | messages.ToCall | RequestFailed | Deadline


class Call:
    """`answered`: whether Asterisk has answered the line; if not, the first step does."""

    def __init__(self, services: Services, channel: str, state: CallState, version: "Version", answered: bool) -> None:
        self.services = services
        self.channel = channel
        self.state = state
        self.version = version
        self.keys: deque[str] = deque()  # pressed and not used yet
        self.leg: LegState | None = None  # the operator's leg that is there for the call, and is not talked with yet
        self.colleague: Colleague | None = None  # after a restart: who else is
        self.before: tuple[Request, ...] = ()  # goes out with the next step, before the state
        self.unreadable: str | None = None  # the state of a caller who was found and begins anew
        self.on_hold = False  # by the hold key of the operator's own telephone
        self.holding = False  # he waits for an operator, and an offer is to end what he is doing
        self._inbox: Inbox[Item] = Inbox()
        self._sounding: str | None = None
        self._overdue = math.inf  # when what sounds must have ended, by the loop's clock
        self._written: CallState | None = None
        self._answered = answered
        self._up_at = -math.inf  # when Asterisk said that the line is answered, by the monotonic clock
        self._gone = False
        self._square_until = -math.inf
        self.afresh = False  # keys may have been lost: the next question begins anew
        self._happened: list[tuple[str, str, dict[str, object]]] = []

    @property
    def flow(self) -> "Flow":
        return self.version.flow

    # What the world tells the call

    def deliver(self, item: Item) -> None:
        self._inbox.put(item)

    def put_back(self, items: Sequence[Item]) -> None:
        """What was read, and is for later, comes first again; but not the caller's keys, which are in `keys`."""
        keys = (isinstance(each, events.ChannelDtmfReceived) and each.channel_id == self.channel for each in items)
        self._inbox.put_back([item for item, key in zip(items, keys, strict=True) if not key])

    async def next(self, until: float | None = None, *, gone_too: bool = False) -> Item:
        """The next thing that happens; a Deadline once the monotonic clock reaches `until`.

        `gone_too`: also of a call whose caller has gone, for what is left to do then.

        Keys are also kept in `keys`. Raises CallerGone, CallFailed where Asterisk refused a step of this call, and
        OperatorFree for an offer while he is `holding`.
        """
        self.keep()
        if self._gone and not gone_too:
            raise CallerGone
        overdue = self._overdue if self._sounding is not None else math.inf
        limit = min(math.inf if until is None else until, overdue)
        item = await self._inbox.get(limit)
        if item is None:
            if limit != overdue or self._sounding is None:
                return Deadline()
            # Whatever became of it, he hears nothing: as if it had just ended.
            log.error("A prompt did not end", call=self.state.id, flow_node=self.state.node)
            item = events.PlaybackFinished(self._sounding, self.channel, failed=True)
        self._note(item)
        if isinstance(item, RequestFailed):
            await self._is_refused(item)
        if self._gone and not gone_too:
            raise CallerGone
        if self.holding and isinstance(item, messages.Offer):
            raise OperatorFree(item)
        return item

    def _note(self, item: Item) -> None:
        match item:
            case events.ChannelDtmfReceived(channel, digit) if channel == self.channel:
                self.keys.append(digit)
            case events.PlaybackFinished(playback) if playback == self._sounding:
                self._sounding = None
            case events.ChannelStateChange(channel, "Up") if channel == self.channel:
                self._up_at = time.monotonic()
                self.services.recorder.call(self.state.id, line_answered=time.time())
            case events.ChannelDestroyed(channel) | events.StasisEnd(channel) if channel == self.channel:
                if not self._gone and time.monotonic() - self._up_at < _CROSSED_S:
                    self.services.recorder.call(self.state.id, line_answered=None)
                self._gone = True

    async def _is_refused(self, failed: RequestFailed) -> None:
        """Decide what a refused request means: the caller has hung up, or is just hanging up, or the call has failed.

        Asterisk answers 404 once the channel is gone. While the channel is going it answers 409, 400 or 500, as to a
        request that is wrong. Raises CallFailed.
        """
        request, status = failed.request, failed.status
        if not self._gone and ("originator", self.channel) in request.query:
            self._gone = not await self.is_there()  # an operator could not be rung for a caller who has gone
        if self._gone or not request.uri.startswith(f"channels/{self.channel}/"):
            return
        if status == HTTPStatus.NOT_FOUND or await self._goes():
            self._gone = True
            return
        raise CallFailed(f"Asterisk answered {status} to {request.method} {request.uri}")

    async def _goes(self) -> bool:
        """Wait for the end of the caller's channel: whether it has come. What else happens is kept for later."""
        until, read = asyncio.get_running_loop().time() + _GOING_S, list[Item]()
        try:
            while (item := await self._inbox.get(until)) is not None:
                read.append(item)
                if isinstance(item, events.StasisEnd | events.ChannelDestroyed) and item.channel_id == self.channel:
                    return True
        finally:
            self._inbox.put_back(read)
        return not await self.is_there()

    async def is_there(self) -> bool:
        """Whether Asterisk still has the caller's channel."""
        (answer,) = await self.services.link.ask(operations.CHANNEL(self.channel))
        return answer.status != HTTPStatus.NOT_FOUND

    @property
    def sounding(self) -> bool:
        """Whether a prompt of ours is playing."""
        return self._sounding is not None

    def unread_offers(self) -> list[messages.Offer]:
        """Offers that came when the call was already doing something else; of what else came only that the caller has
        hung up is left."""
        items = self._inbox.take_all()
        for item in items:
            if isinstance(item, events.ChannelDestroyed | events.StasisEnd) and item.channel_id == self.channel:
                self._inbox.put(item)
        return [item for item in items if isinstance(item, messages.Offer)]

    def take_waiting_keys(self) -> None:
        """Reads what has happened meanwhile without waiting, so that keys pressed ahead are seen."""
        held: list[Item] = []
        for item in self._inbox.take_all():
            self._note(item)
            if not isinstance(item, (events.ChannelDtmfReceived, events.PlaybackFinished)):
                held.append(item)
        self._inbox.put_back(held)
        if self._gone:
            raise CallerGone

    # What the call does

    def set(self, state: CallState) -> None:
        """Moves to `state`; it is written with the next step, before the step's effect."""
        self.state = state

    async def step(self, *requests: Request) -> None:
        """One transition: stops what sounds, writes the state, then does `requests`, all sent together.

        What sounds is always stopped first. Asterisk sets a variable in the channel's own thread, which is busy while
        a prompt plays: the request, and all requests of all calls behind it, would wait for the prompt's end.
        """
        await self.services.link.send(*self.transition(), *requests, refused=self.refused)
        self.keep()

    def transition(self) -> list[Request]:
        """The requests that stop what sounds, write what has changed, and answer the line if that is still to do."""
        out = [operations.STOP(self._sounding)] if self._sounding is not None else []
        out += self.before
        self._sounding, self.before = None, ()
        if self.state != self._written:
            self._written = self.state
            out.append(operations.SET_VARIABLE(self.channel, variable="HATIF", value=self.state.encode()))
        if not self._answered:
            self._answered = True
            out.append(operations.ANSWER(self.channel))
        return out

    def refused(self, request: Request, status: int) -> None:
        if request.method == "DELETE":
            return  # what was to be stopped has ended by itself
        self._inbox.put(RequestFailed(request, status))

    def resume(self) -> None:
        """After a restart: the state is written, and what was playing may still play; the next step stops it."""
        self._written = self.state
        self._sounding = self.state.playback
        self._overdue = asyncio.get_running_loop().time() + _LONGEST_S
        self.afresh = True

    async def play(self, clips: Sequence[Clip]) -> bool:
        """Starts the clips. False if there is no audio for any of them."""
        heard = {clip: self.services.audible.find(self.version.sounds, clip) for clip in clips}
        missing = [f"{language}/{prompt}" for (language, prompt), found in heard.items() if found is None]
        self.event("prompt", clips=[list(clip) for clip in clips], missing=missing)
        found = [each for clip in clips if (each := heard[clip]) is not None]
        if not found:
            await self.step()
            return False
        await self.play_media(",".join(f"sound:{each.file}" for each in found), sum(each.seconds for each in found))
        return True

    async def play_media(self, media: str, seconds: float) -> None:
        """Starts what Asterisk calls `media`, which lasts so long."""
        playback = f"pb-{_BOOT}-{next(_PLAYBACKS)}"
        self.set(self.state.but(playback=playback))
        await self.step(operations.PLAY(self.channel, playback, media=media))
        self._sounding = playback
        self._overdue = asyncio.get_running_loop().time() + seconds + _OVERDUE_S

    async def say(self, clips: Sequence[Clip]) -> None:
        """Says the clips to their end, or until a key; the key is kept for the next menu."""
        self.take_waiting_keys()
        if self.keys or not await self.play(clips):
            return
        await self.hear_out()

    async def hear_out(self) -> None:
        """Waits for the end of what is playing, or for a key."""
        while self.sounding and not self.keys:
            await self.next()

    async def listen(self, clips: Sequence[Clip], *, fresh: bool = False) -> str | None:
        """Says the clips and gives the key, as soon as there is one; None when nothing came in the time for it.

        `fresh`: keys that were pressed before the clips began do not count.
        """
        self.take_waiting_keys()
        ahead_s, self.afresh = _AFRESH_S if self.afresh else _AHEAD_S if fresh else 0.0, False
        if ahead_s:
            self.keys.clear()
        if (key := self.take_key()) is not None:
            return key
        loop = asyncio.get_running_loop()
        silence: float | None = None
        if not await self._asks(clips):
            silence = loop.time() + self.flow.silence_s
        counts = loop.time() + ahead_s
        while True:
            item = await self.next(silence)
            counts = self._forget_keys(counts, ahead_s)
            if (key := self.take_key()) is not None:
                return key
            if isinstance(item, Deadline):
                self.event("silence")
                return None
            if silence is None and not self.sounding:
                silence = loop.time() + self.flow.silence_s

    async def digits(
        self, clips: Sequence[Clip], most: int, *, secret: bool = False, fresh: bool = False
    ) -> str | None:
        """Says the clips and gives the digits that were pressed until `#`, until there are `most`, or until silence.

        "*" if star was pressed; None if nothing was. `secret`: they are written nowhere. `fresh` as in `listen`.
        """
        self.take_waiting_keys()
        ahead_s, self.afresh = _AFRESH_S if self.afresh else 0.0, False
        if fresh or ahead_s:
            self.keys.clear()
        loop = asyncio.get_running_loop()
        entered = ""
        until: float | None = None
        if not self.keys and not await self._asks(clips):
            until = loop.time() + self.flow.silence_s
        counts = loop.time() + ahead_s
        while True:
            counts = self._forget_keys(counts, ahead_s)
            while (key := self.take_key(secret=secret)) is not None:
                if key in "#*":
                    return "*" if key == "*" else entered
                entered += key
                if len(entered) == most:
                    self._square_until = loop.time() + _SQUARE_S
                    return entered
                until = loop.time() + self.flow.silence_s
            if entered and self.sounding:
                await self.step()
            item = await self.next(until)
            if isinstance(item, Deadline) and not self.keys:
                self.event("silence")
                return entered or None
            if until is None and not self.sounding:
                until = loop.time() + self.flow.silence_s

    async def _asks(self, clips: Sequence[Clip]) -> bool:
        """Start a question: False if there is no audio of it. Raises NothingAudible if there is none at all."""
        if await self.play(clips):
            return True
        if self.services.audible.find(self.version.sounds, (self.state.language, ALWAYS_SAID)) is None:
            raise NothingAudible
        return False

    def _forget_keys(self, counts: float, ahead_s: float) -> float:
        """Throw away keys that came before `counts` (of the loop's clock), and return what `counts` is from now on.

        After a restart the caller may go on pressing what they have begun: each such key puts it off.
        """
        now = asyncio.get_running_loop().time()
        if now >= counts or not self.keys:
            return counts
        self.keys.clear()
        return now + ahead_s if ahead_s == _AFRESH_S else counts

    def take_key(self, *, secret: bool = False) -> str | None:
        """The next key, used now; one that is asked for in secret leaves only its place in the records."""
        while self.keys:
            key = self.keys.popleft()
            if key == "#" and asyncio.get_running_loop().time() < self._square_until:
                self._square_until = -math.inf
                continue
            self._square_until = -math.inf
            self.afresh = False
            self.event("key", **({"secret": True} if secret else {"key": key}))
            return key
        return None

    # What is kept

    def event(self, kind: str, **data: object) -> None:
        """Something happened. It is kept once the step that it led to is on its way: a key comes before its record."""
        self._happened.append((kind, self.state.node, data))

    def keep(self) -> None:
        """Gives to the journal what has happened."""
        for kind, node, data in self._happened:
            self.services.recorder.call_event(self.state.id, kind, node, data)
        self._happened.clear()
