"""A call: one coroutine that walks the flow node by node and reads its own events.

A call is always at exactly one node, and recovery means starting the coroutine at that node. The state is written to
the channel before its effect; the requests of a step are sent together, and nobody waits for their answers.
"""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Literal, Protocol
from uuid import UUID

import structlog

from db.ids import started_at
from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.operations import Request
from ivr.call.hearing import Hearing
from ivr.call.inbox import Inbox
from ivr.call.interruptions import CallerGone, CallFailed, NothingAudible, OperatorFree
from ivr.call.items import Deadline, Item, RequestFailed
from ivr.call.menu_time import MenuTime
from ivr.call.services import Services
from ivr.call.version import Flow, Version
from ivr.call.voice import Prompt, Voice
from ivr.model import clock, floor_protocol
from ivr.model.call_state import CallState, LegState
from ivr.model.talk_table import Colleague


class Wait(Protocol):
    """A waiting call, as others see it; `ivr.queue.waiting` makes it."""

    def move(self, *, front: bool, language: str | None, topic: str | None, operator: str | None, by: str) -> None:
        """Move the caller in the queue, in the name of `by`. What they hear goes on."""


log = structlog.get_logger()

_LONGEST_S = 180.0
"""The maximum length of a prompt; assumed for a prompt that began before a restart."""

_CROSSED_S = 0.005
"""A caller whose CANCEL crossed our answer is gone within this time, although Asterisk reports the line as answered."""

PROBE_TEXT = "to_operator"
"""A text that every site has: if it has no audio in any language, all audio is missing."""

_HANG_UP_S = 1.0
"""How long after a refused request the caller's channel may take to end; it takes a few milliseconds."""


class Call(Voice):
    """A caller's call. `answered`: whether Asterisk has answered the line; if not, the first step answers it."""

    is_test = False  # no caller's: of the line to itself, of somebody who tries it, of a scripted caller

    def __init__(
        self, services: Services, channel: str, state: CallState, version: "Version[Call]", answered: bool
    ) -> None:
        super().__init__(services, channel, version)
        self.version: Version[Call] = version
        self.state = state
        self.early = False  # the line is answered once the call needs that, such as for a key
        self.leg: LegState | None = None  # an operator's leg that is up for the call, but not in conversation yet
        self.colleague: Colleague | None = None  # found by a controller that started
        self.opening_requests: tuple[Request, ...] = ()  # sent with the next step, before the state
        self.former_state: str | None = None  # as an earlier controller left it, whose prompts may still play
        self.on_hold = False  # by the hold key of the operator's own telephone
        self.page_gone = False  # the operator's; it may come back
        self.try_telephone: str | None = None  # with which somebody tries the line; None for a caller
        self.training: str | None = None  # the operator whom a scripted caller trains
        self.observer: Callable[[str], None] | None = None  # called with the kind of each event: the scripted caller
        self.recording: Literal["on", "paused"] | None = None  # of the conversation
        self.interruptible = False  # the caller waits for an operator; an offer interrupts what they are doing
        self.wait: Wait | None = None  # while the caller waits for an operator
        self._inbox: Inbox[Item] = Inbox()
        self._written: CallState | None = None
        self._answered, self._gone = answered, False
        self._up_at = -math.inf  # when Asterisk reported the line as answered, by the monotonic clock
        self.menu_time = MenuTime()
        self.hearing = Hearing(services, channel, self)
        self._happened: list[tuple[str, str, dict[str, object]]] = []

    @property
    def flow(self) -> "Flow[Call]":
        return self.version.flow

    # As a voice

    @property
    def language(self) -> str:
        return self.state.language

    @property
    def hears(self) -> Hearing:
        return self.hearing

    def name_playback(self) -> str:
        """Return the name of the next playback, which the state has from now on."""
        playback = super().name_playback()
        self.set(self.state.replace(playback=playback))
        return playback

    def begin_question(self, *, fresh: bool, early_s: float) -> float:
        self.take_waiting_keys()
        self.early = False  # from here on the line is answered
        return super().begin_question(fresh=fresh, early_s=early_s)

    async def say(self, *prompts: Prompt) -> None:
        self.take_waiting_keys()
        await super().say(*prompts)

    async def say_whole(self, *prompts: Prompt) -> None:
        """Play the prompts to the end, whatever is pressed; the keys are kept for the next question."""
        self.take_waiting_keys()
        if await self.play(*prompts):
            while self.sounding:
                await self.next()

    async def start_question(self, *prompts: Prompt) -> bool:
        """Start a question. Return False if it has no audio. Raises NothingAudible if nothing has any."""
        if await self.play(*prompts):
            return True
        if self.services.audible.find(self.version.sounds, (self.language, PROBE_TEXT)) is None:
            raise NothingAudible
        return False

    # What reaches the call

    def deliver(self, item: Item) -> None:
        self._inbox.put(item)

    def put_back(self, items: Sequence[Item]) -> None:
        """Put items back at the front of the inbox, except the caller's keys, which are in `keys` already."""
        keys = (isinstance(item, events.ChannelDtmfReceived) and item.channel_id == self.channel for item in items)
        self._inbox.put_back([item for item, key in zip(items, keys, strict=True) if not key])

    async def next(self, until: float | None = None, *, even_if_gone: bool = False) -> Item:
        """Return the next item, or a Deadline once the monotonic clock reaches `until`. Keys are also kept in `keys`.

        `even_if_gone`: return items even when the caller has gone, for the remaining work.

        Raises CallerGone; CallFailed if Asterisk refused a step of this call, or the floor dropped it; OperatorFree for
        an offer while the call is `interruptible`.
        """
        self.flush_events()
        if self._gone and not even_if_gone:
            raise CallerGone
        item: Item | None = await self._inbox.get(min(math.inf if until is None else until, self.playback.overdue))
        if item is None:
            if (item := self.playback.overdue_end(self.channel)) is None:
                return Deadline()
            log.error("A prompt did not end", call=self.state.id, flow_node=self.state.node)
        self.note(item)
        if isinstance(item, RequestFailed):
            await self._handle_refusal(item)
        elif isinstance(item, events.StasisStart):
            await self.hearing.connect(item)
        if self._gone and not even_if_gone:
            raise CallerGone
        if isinstance(item, floor_protocol.Dropped) and self.state.offer is None:
            raise CallFailed("the floor cannot handle this call")
        if self.interruptible and isinstance(item, floor_protocol.Offer):
            raise OperatorFree(item)
        return item

    def note(self, item: object) -> None:
        super().note(item)
        match item:
            case events.ChannelStateChange(channel) if channel.id == self.channel and channel.state == "Up":
                self._up_at = time.monotonic()
                self.services.recorder.call(self.state.id, line_answered=time.time())
            case events.ChannelDestroyed(channel) | events.StasisEnd(channel) if channel.id == self.channel:
                if not self._gone and time.monotonic() - self._up_at < _CROSSED_S:
                    self.services.recorder.call(self.state.id, line_answered=None)
                self._gone = True

    async def _handle_refusal(self, failed: RequestFailed) -> None:
        """Decide what a refused request means: the caller has hung up or is hanging up, or the call has failed.

        Asterisk answers 404 once the channel is gone. While the channel is ending it answers 409, 400 or 500, as it
        does to a wrong request. Raises CallFailed.
        """
        request, status = failed.request, failed.status
        if not self._gone and ("originator", self.channel) in request.query:
            self._gone = not await self.channel_exists()  # no leg can be created for a caller who has gone
        if self._gone or not request.uri.startswith(f"channels/{self.channel}/"):
            return
        if status == HTTPStatus.NOT_FOUND or await self._is_hanging_up():
            self._gone = True
            return
        raise CallFailed(f"Asterisk answered {status} to {request.method} {request.uri}")

    async def _is_hanging_up(self) -> bool:
        """Wait for the end of the caller's channel and return whether it came. Other items are kept for later."""
        until, read = asyncio.get_running_loop().time() + _HANG_UP_S, list[Item]()
        try:
            while (item := await self._inbox.get(until)) is not None:
                read.append(item)
                if isinstance(item, events.StasisEnd | events.ChannelDestroyed) and item.channel_id == self.channel:
                    return True
        finally:
            self._inbox.put_back(read)
        return not await self.channel_exists()

    async def channel_exists(self) -> bool:
        """Return whether Asterisk still has the caller's channel."""
        (answer,) = await self.services.link.ask(operations.CHANNEL(self.channel))
        return answer.status != HTTPStatus.NOT_FOUND

    def unread_offers(self) -> list[floor_protocol.Offer]:
        """Empty the inbox and return the offers in it. Only the caller's hang-up stays in the inbox."""
        items = self._inbox.take_all()
        for item in items:
            if isinstance(item, events.ChannelDestroyed | events.StasisEnd) and item.channel_id == self.channel:
                self._inbox.put(item)
        return [item for item in items if isinstance(item, floor_protocol.Offer)]

    def take_waiting_keys(self) -> None:
        """Process the inbox without waiting, so that keys typed ahead are seen. Raises CallerGone and MenusOver."""
        self.menu_time.check()
        held: list[Item] = []
        for item in self._inbox.take_all():
            self.note(item)
            if not isinstance(item, (events.ChannelDtmfReceived, events.PlaybackFinished)):
                held.append(item)
        self._inbox.put_back(held)
        if self._gone:
            raise CallerGone

    # What the call does

    def set(self, state: CallState) -> None:
        """Change to `state`, which is written with the next step, before the step's effect."""
        self.state = state

    async def step(self, *requests: Request) -> None:
        """Make one transition: stop the prompt, write the state and send `requests`, all together.

        The prompt always stops first. Asterisk sets a variable in the channel's own thread, which is busy while a
        prompt plays: the request, and all requests of all calls behind it, would wait for the end of the prompt.
        """
        await self.services.link.send(*self.transition(), *requests, refused=self.refused)
        self.flush_events()

    def transition(self) -> list[Request]:
        """Return the requests that stop the prompt, write a changed state, and answer the line if necessary."""
        out = [*self.playback.stop(), *self.opening_requests]
        self.opening_requests = ()
        if self.state != self._written:
            self._written = self.state
            out.append(operations.SET_VARIABLE(self.channel, variable="HATIF", value=self.state.encode()))
        if not self._answered and not self.early:
            self._answered = True
            out.append(operations.ANSWER(self.channel))
        return out

    def refused(self, request: Request, status: int) -> None:
        if request.method == "DELETE":
            return  # it had ended already
        self._inbox.put(RequestFailed(request, status))

    def resume(self) -> None:
        """Continue after a restart. The state is on the channel; the next step stops a prompt that still plays."""
        self._written = self.state
        if self.state.playback is not None:
            self.playback.start(self.state.playback, _LONGEST_S)
        self.keys.lost = True
        if self.state.since is None:  # else how much was spent in the queue is not known
            self.menu_time.used = max(0.0, clock.seconds_since(started_at(UUID(self.state.id))))

    # What is recorded

    def event(self, kind: str, **data: object) -> None:
        """Record an event. It is kept until its step is sent, so that the record of a key does not delay the answer."""
        self._happened.append((kind, self.state.node, data))
        if self.observer is not None:
            self.observer(kind)

    def flush_events(self) -> None:
        """Send the recorded events to the journal."""
        for kind, node, data in self._happened:
            self.services.recorder.call_event(self.state.id, kind, node, data)
        self._happened.clear()
