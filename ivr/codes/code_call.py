"""The channel of a telephone on which an operator has dialled a feature code: its prompts, its keys, its context.

Nothing of it is stored: the channel itself carries the code, so that a starting controller runs the code again.
"""

import math

from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.operations import Request
from ivr.call.call import Call
from ivr.call.inbox import Inbox
from ivr.call.items import Deadline, RequestFailed
from ivr.call.voice import Prompt, Voice
from ivr.codes.code_connection import CodeConnection
from ivr.floor.client import FloorClient
from ivr.site.operators import OperatorEntry
from routing.states import Operator


class OperatorGone(Exception):  # noqa: N818 - a hang-up is a normal end of a code
    """The operator has hung up the code."""


class CodeRefused(Exception):  # noqa: N818 - a refusal is a normal end of a code
    """The code does nothing; the operator hears why from `prompts`."""

    def __init__(self, *prompts: Prompt) -> None:
        super().__init__(*prompts)
        self.prompts = prompts


class CodeCall(Voice):
    """A code that an operator has dialled.

    `name` is a key of `registry.CODES`, and `argument` the digits after the code, if any. `resumed` says that the code
    is run again after a restart of the controller, which may have done part of it before.
    """

    silence_s = 5.0

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
        super().__init__(connection.services, channel, connection.version)
        self.connection = connection
        self.name, self.operator, self.argument, self.resumed = name, operator, argument, resumed
        self._inbox: Inbox[events.Event | RequestFailed] = Inbox()
        self._answered = False
        self._gone = False

    # What codes may look at

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

    def colleague(self, identity: str) -> OperatorEntry | None:
        """Return the operator with that id, if any."""
        return next((operator for operator in self.services.operators if operator.id == identity), None)

    # Events

    def deliver(self, item: events.Event | RequestFailed) -> None:
        self._inbox.put(item)

    async def next(self, until: float | None = None) -> events.Event | RequestFailed | Deadline:
        """Return the next event; a Deadline once the loop's clock reaches `until`. Keys are also added to `keys`.

        Raises OperatorGone once the operator has hung up.
        """
        if self._gone:
            raise OperatorGone
        item = await self._inbox.get(min(math.inf if until is None else until, self.playback.overdue))
        item = item or self.playback.overdue_end(self.channel)
        if item is None:
            return Deadline()
        self.note(item)
        match item:
            case events.ChannelDestroyed(channel) | events.StasisEnd(channel) if channel.id == self.channel:
                self._gone = True
                raise OperatorGone
        return item

    def refused(self, request: Request, status: int) -> None:
        """Deliver a request that Asterisk refused as a RequestFailed. For `Link.send`."""
        self._inbox.put(RequestFailed(request, status))

    # As a voice

    @property
    def language(self) -> str:
        """The operator's first language."""
        return next(iter(self.operator.languages))

    async def step(self, *requests: Request) -> None:
        """Stop the prompt, answer the telephone once, and send `requests`."""
        answer = () if self._answered else (operations.ANSWER(self.channel),)
        self._answered = True
        await self.services.link.send(*self.playback.stop(), *answer, *requests)

    async def answer(self) -> None:
        """Answer the telephone, once. Playing a prompt does so too."""
        if not self._answered:
            await self.step()

    async def play(self, *prompts: Prompt) -> bool:
        """Start the prompts; False if there is no audio for any of them.

        A notice that the operator has to hear first (such as an automatic pause) comes before them.
        """
        notice = self.services.take_notice(self.operator.id)
        return await super().play(*((notice,) if notice is not None else ()), *prompts)
