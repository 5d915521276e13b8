"""The channel of a telephone on which an operator has dialled a feature code: its prompts, its keys, its context.

Nothing of it is stored: the channel itself carries the code, so that a starting controller runs the code again.
"""

import asyncio
import math
from collections import deque

import structlog

from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.operations import Request
from ivr.audio.audible import Clip
from ivr.call.call import Call
from ivr.call.inbox import Inbox
from ivr.call.items import Deadline, RequestFailed
from ivr.call.playback import Playback, new_name
from ivr.call.services import Services
from ivr.codes.code_connection import CodeConnection
from ivr.floor.client import FloorClient
from ivr.model import floor_protocol
from ivr.site.operators import OperatorEntry
from routing.states import Operator

log = structlog.get_logger()

SILENCE_S = 5.0
"""How long to wait for a key after the end of a question."""

Prompt = str | Clip
"""A prompt for an operator: a text's id, in their own language, or a clip in its own language."""


class OperatorGone(Exception):  # noqa: N818 - a hang-up is a normal end of a code
    """The operator has hung up the code."""


class CodeRefused(Exception):  # noqa: N818 - a refusal is a normal end of a code
    """The code does nothing; the operator hears why from `prompts`."""

    def __init__(self, *prompts: Prompt) -> None:
        super().__init__(*prompts)
        self.prompts = prompts


class CodeCall:
    """A code that an operator has dialled.

    `name` is a key of `registry.CODES`, and `argument` the digits after the code, if any. `resumed` says that the code
    is run again after a restart of the controller, which may have done part of it before.
    """

    def __init__(
        self,
        connection: CodeConnection,
        channel: str,
        name: str,
        operator: OperatorEntry,
        argument: str,
        *,
        resumed: bool,
    ) -> None:
        self.connection = connection
        self.channel, self.name, self.operator, self.argument, self.resumed = channel, name, operator, argument, resumed
        self.language = next(iter(operator.languages))
        self.keys: deque[str] = deque()  # pressed and not used yet
        self._inbox: Inbox[events.Event | RequestFailed] = Inbox()
        self._playback = Playback()
        self._answered = False
        self._gone = False

    # What codes may look at

    @property
    def services(self) -> Services:
        return self.connection.services

    @property
    def floor(self) -> FloorClient:
        """The floor. Raises CodeRefused while the controller does not know it yet."""
        if self.connection.floor is None:
            raise CodeRefused("code_unavailable")
        return self.connection.floor

    @property
    def state(self) -> Operator:
        """The operator's state in the floor."""
        return self.floor.operators[self.operator.id]

    @property
    def conversation(self) -> Call | None:
        """The call in which the operator talks with a caller, if any."""
        talking = (call for call in self.connection.calls if call.state.operator == self.operator.id)
        return next((call for call in talking if call.state.offer is not None), None)

    def tell(self, message: floor_protocol.ToFloor) -> None:
        self.services.to_floor(message)

    def colleague(self, identity: str) -> OperatorEntry | None:
        """Return the operator with that id, if any."""
        return next((operator for operator in self.services.operators if operator.id == identity), None)

    # Events

    def deliver(self, item: events.Event | RequestFailed) -> None:
        self._inbox.put(item)

    async def next(
        self, until: float | None = None, *, even_if_gone: bool = False
    ) -> events.Event | RequestFailed | Deadline:
        """Return the next event; a Deadline once the loop's clock reaches `until`. Keys are also added to `keys`.

        Raises OperatorGone once the operator has hung up; with `gone_too` the events are returned all the same.
        """
        if self._gone and not even_if_gone:
            raise OperatorGone
        item = await self._inbox.get(min(math.inf if until is None else until, self._playback.overdue))
        item = item or self._playback.overdue_end(self.channel)
        if item is None:
            return Deadline()
        self._playback.note(item)
        match item:
            case events.ChannelDtmfReceived(channel, digit) if channel.id == self.channel:
                self.keys.append(digit)
            case events.ChannelDestroyed(channel) | events.StasisEnd(channel) if channel.id == self.channel:
                self._gone = True
        if self._gone and not even_if_gone:
            raise OperatorGone
        return item

    def refused(self, request: Request, status: int) -> None:
        """Deliver a request that Asterisk refused as a RequestFailed. For `Link.send`."""
        self._inbox.put(RequestFailed(request, status))

    # Prompts

    @property
    def sounding(self) -> bool:
        return self._playback.name is not None

    async def answer(self) -> None:
        """Answer the telephone, once. Playing a prompt does so too."""
        if not self._answered:
            self._answered = True
            await self.services.link.send(operations.ANSWER(self.channel))

    async def hush(self) -> None:
        """Stop the present playback."""
        if requests := self._playback.stop():
            await self.services.link.send(*requests)

    async def play(self, *prompts: Prompt) -> bool:
        """Start the prompts; False if there is no audio for any of them.

        A notice that the operator has to hear first (such as an automatic pause) comes before them.
        """
        sounds = self.connection.version.sounds
        notice = self.services.take_notice(self.operator.id)
        prompts = (notice, *prompts) if notice is not None else prompts
        clips = [(self.language, prompt) if isinstance(prompt, str) else prompt for prompt in prompts]
        media = self.services.audible.media(sounds, clips)
        await self.answer()
        await self.hush()
        if not media.uris:
            return False
        playback = new_name("code")
        await self.services.link.send(operations.PLAY(self.channel, playback, media=str(media)))
        self._playback.start(playback, media.seconds)
        return True

    async def say(self, *prompts: Prompt) -> None:
        """Play the prompts to their end, or until a key, which stays in `keys`."""
        if self.keys or not await self.play(*prompts):
            return
        while self.sounding and not self.keys:
            await self.next()

    async def listen(self, *prompts: Prompt, silence_s: float = SILENCE_S) -> str | None:
        """Play the prompts and return the next key as soon as there is one; None if there was none in time."""
        if not self.keys:
            await self.play(*prompts)
        until: float | None = None
        while not self.keys:
            if until is None and not self.sounding:
                until = asyncio.get_running_loop().time() + silence_s
            if isinstance(await self.next(until), Deadline):
                return None
        await self.hush()
        return self.keys.popleft()

    async def digits(self, *prompts: Prompt, most: int = 20, silence_s: float = SILENCE_S) -> str:
        """Play the prompts and return the digits up to `#`, to `most`, or to silence; "" for none, and for `*`."""
        entered = ""
        while len(entered) < most:
            key = await (
                self.listen(*prompts, silence_s=silence_s) if not entered else self.listen(silence_s=silence_s)
            )
            if key == "*":
                return ""
            if key is None or key == "#":
                break
            entered += key
        return entered
