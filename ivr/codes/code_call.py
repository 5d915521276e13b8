"""The channel of a telephone on which an operator has dialled a code: what he hears there, presses there, and may do.

Nothing of it is kept: the channel itself says which code it is, so that a controller that starts begins the code anew.
"""

import asyncio
import math
from collections import deque

import structlog

from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.operations import Request
from ivr.audio.audible import Clip
from ivr.call.call import Call, Deadline, RequestFailed, Services
from ivr.call.inbox import Inbox
from ivr.call.playback import Playback, new_name
from ivr.codes.code_connection import CodeConnection
from ivr.floor.client import FloorClient
from ivr.model import floor_protocol
from ivr.site.operators import OperatorEntry
from routing.states import Operator

log = structlog.get_logger()

SILENCE_S = 5.0
"""So long a key is waited for once the question is over."""

Said = str | Clip
"""What is said: a text's id, in the operator's own language, or a clip in whatever language it has."""


class OperatorGone(Exception):  # noqa: N818 - a hang-up is how codes end
    """The operator has hung up the code."""


class CodeRefused(Exception):  # noqa: N818 - said as one says it of a code
    """Why a code does nothing; the operator hears `said`."""

    def __init__(self, *said: Said) -> None:
        super().__init__(*said)
        self.said = said


class CodeCall:
    """`name`: of the code, as `registry.CODES` has it; `argument`: the digits after it, or none; `resumed`: begun anew
    after a restart of the controller, which may have done part of it before."""

    def __init__(
        self, session: CodeConnection, channel: str, name: str, operator: OperatorEntry, argument: str, *, resumed: bool
    ) -> None:
        self.session = session
        self.channel, self.name, self.operator, self.argument, self.resumed = channel, name, operator, argument, resumed
        self.language = next(iter(operator.languages))
        self.keys: deque[str] = deque()  # pressed and not used yet
        self._inbox: Inbox[events.Event | RequestFailed] = Inbox()
        self._playback = Playback()
        self._answered = False
        self._gone = False

    # What he may look at

    @property
    def services(self) -> Services:
        return self.session.services

    @property
    def floor(self) -> FloorClient:
        """Raises CodeRefused where the controller does not know the floor yet."""
        if self.session.floor is None:
            raise CodeRefused("code_unavailable")
        return self.session.floor

    @property
    def state(self) -> Operator:
        """The operator as the floor sees him."""
        return self.floor.operators[self.operator.id]

    @property
    def conversation(self) -> Call | None:
        """The running call that he talks with."""
        talking = (call for call in self.session.calls if call.state.operator == self.operator.id)
        return next((call for call in talking if call.state.offer is not None), None)

    def tell(self, message: floor_protocol.ToFloor) -> None:
        self.session.tell(message)

    def colleague(self, identity: str) -> OperatorEntry | None:
        """The operator with that id."""
        return next((each for each in self.session.people if each.id == identity), None)

    # What happens to it

    def deliver(self, item: events.Event | RequestFailed) -> None:
        self._inbox.put(item)

    async def next(
        self, until: float | None = None, *, even_if_gone: bool = False
    ) -> events.Event | RequestFailed | Deadline:
        """The next thing that happens; a Deadline once the loop's clock reaches `until`. Keys are also kept in `keys`.

        Raises OperatorGone once he has hung up; with `even_if_gone` what happens is given all the same.
        """
        if self._gone and not even_if_gone:
            raise OperatorGone
        item = await self._inbox.get(min(math.inf if until is None else until, self._playback.overdue))
        item = item or self._playback.overdue_end(self.channel)
        if item is None:
            return Deadline()
        self._playback.note(item)
        match item:
            case events.ChannelDtmfReceived(channel, digit) if channel == self.channel:
                self.keys.append(digit)
            case events.ChannelDestroyed(channel) | events.StasisEnd(channel) if channel == self.channel:
                self._gone = True
        if self._gone and not even_if_gone:
            raise OperatorGone
        return item

    def refused(self, request: Request, status: int) -> None:
        """For `Link.send`: what Asterisk did not do comes as a RequestFailed."""
        self._inbox.put(RequestFailed(request, status))

    # What he hears

    @property
    def sounding(self) -> bool:
        return self._playback.name is not None

    async def answer(self) -> None:
        """Answers the telephone, once; what is said does it by itself."""
        if not self._answered:
            self._answered = True
            await self.services.link.send(operations.ANSWER(self.channel))

    async def hush(self) -> None:
        """Ends what sounds."""
        if requests := self._playback.stop():
            await self.services.link.send(*requests)

    async def play(self, *said: Said) -> bool:
        """Starts the clips; False if there is no audio for any of them. What the operator is to hear first of all comes
        before them."""
        sounds = self.session.version.sounds
        notice = self.services.take_notice(self.operator.id)
        said = (notice, *said) if notice is not None else said
        clips = [(self.language, each) if isinstance(each, str) else each for each in said]
        found = [heard for clip in clips if (heard := self.services.audible.find(sounds, clip)) is not None]
        await self.answer()
        await self.hush()
        if not found:
            return False
        playback = new_name("code")
        media = ",".join(f"sound:{each.file}" for each in found)
        await self.services.link.send(operations.PLAY(self.channel, playback, media=media))
        self._playback.start(playback, sum(each.seconds for each in found))
        return True

    async def say(self, *said: Said) -> None:
        """Says it to its end, or until a key, which is kept."""
        if self.keys or not await self.play(*said):
            return
        while self.sounding and not self.keys:
            await self.next()

    async def listen(self, *said: Said, silence_s: float = SILENCE_S) -> str | None:
        """Says it and gives the next key, as soon as there is one; None when none came in the time for it."""
        if not self.keys:
            await self.play(*said)
        until: float | None = None
        while not self.keys:
            if until is None and not self.sounding:
                until = asyncio.get_running_loop().time() + silence_s
            if isinstance(await self.next(until), Deadline):
                return None
        await self.hush()
        return self.keys.popleft()

    async def digits(self, *said: Said, most: int = 20, silence_s: float = SILENCE_S) -> str:
        """Says it and gives the digits up to `#`, to `most`, or to silence; "" for none, and for `*`."""
        entered = ""
        while len(entered) < most:
            key = await (self.listen(*said, silence_s=silence_s) if not entered else self.listen(silence_s=silence_s))
            if key == "*":
                return ""
            if key is None or key == "#":
                break
            entered += key
        return entered
