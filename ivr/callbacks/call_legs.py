"""Both legs of a call-back, the operator's and the caller's: what each hears, its keys, and the events of both."""

import asyncio
import math

from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.operations import Request
from ivr.asterisk.ari.protocol import Link
from ivr.call.call import Call
from ivr.call.inbox import Inbox
from ivr.call.items import Deadline, RequestFailed
from ivr.call.services import Services
from ivr.call.version import Version
from ivr.call.voice import Prompt, Voice
from ivr.model import floor_protocol
from ivr.talk.operator_prompts import RINGING

_ROUNDS = 2
"""How often a question is asked; an answering machine presses no key."""
_HANG_UP_S = 1.0
"""How long to wait for a channel to be gone, in seconds."""
_NAMES = 8
"""Number of playback names per channel, used in turn, so that a starting controller can find what its predecessor left
playing. Asterisk has forgotten the first name by the time the last one is used."""

Item = events.Event | floor_protocol.TelephoneGone | RequestFailed


class OperatorGone(Exception):  # noqa: N818 - a hang-up is a normal end
    """The operator's channel is gone."""


class CalledGone(Exception):  # noqa: N818
    """The caller's channel is gone."""


class NotAsked(Exception):  # noqa: N818
    """The called person said that they had not asked for the call."""


class CallLegs:
    """The two legs of one call-back, `leg` (the operator's) and `called` (the caller's)."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.leg: CallLeg | None = None
        self.called: CallLeg | None = None
        self._inbox: Inbox[Item] = Inbox()

    def deliver(self, item: Item) -> None:
        self._inbox.put(item)

    def undelivered(self) -> list[Item]:
        """Return the events that have not been read."""
        return self._inbox.take_all()

    async def next(self, until: float = math.inf) -> Item | Deadline:
        """Return the next event; a Deadline once the loop's clock reaches `until`."""
        legs = [leg for leg in (self.leg, self.called) if leg is not None]
        item = await self._inbox.get(min([until, *(leg.playback.overdue for leg in legs)]))
        if item is None:
            item = next((end for leg in legs if (end := leg.playback.overdue_end(leg.channel)) is not None), None)
        for leg in legs:
            leg.note(item)
        return item if item is not None else Deadline()

    async def send(self, *requests: Request) -> None:
        await self._link.send(*requests, refused=self._refused)

    def _refused(self, request: Request, status: int) -> None:
        if request.method != "DELETE":
            self._inbox.put(RequestFailed(request, status))

    async def hang_up(self, leg: "CallLeg") -> None:
        """Hang up and wait until the channel is gone, so that its telephone is not rung again before it knows."""
        if leg.gone:
            return
        await self._link.send(operations.HANG_UP(leg.channel, reason_code="16"))
        until = asyncio.get_running_loop().time() + _HANG_UP_S
        while not leg.gone and not isinstance(await self.next(until), Deadline):
            pass


class CallLeg(Voice):
    """The leg on `channel`, which need not exist yet; once it is `answered`, prompts are heard and keys count.

    Its methods raise OperatorGone or CalledGone once it is gone.
    """

    typed_ahead_s = 0.0

    def __init__(
        self,
        services: Services,
        channel: str,
        version: Version[Call],
        legs: CallLegs,
        language: str,
        *,
        answered: bool = False,
    ) -> None:
        super().__init__(services, channel, version)
        self.answered = answered
        self.rang = False  # as far as the carrier has told
        self.cause: int | None = None  # ITU-T Q.850, once the channel is gone
        self._legs, self._language, self._played = legs, language, 0

    @property
    def gone(self) -> bool:
        return self.cause is not None

    # As a voice

    @property
    def language(self) -> str:
        return self._language

    async def next(self, until: float | None = None) -> Item | Deadline:
        item = await self._legs.next(math.inf if until is None else until)
        if self.gone:
            raise OperatorGone if self is self._legs.leg else CalledGone
        return item

    async def step(self, *requests: Request) -> None:
        await self._legs.send(*self.playback.stop(), *requests)

    def name_playback(self) -> str:
        self._played += 1
        return self._name(self._played - 1)

    def note(self, item: object) -> None:
        super().note(item)
        match item:
            case events.ChannelStateChange(channel) if channel.id == self.channel and channel.state == "Up":
                self.answered = True
            case events.ChannelStateChange(channel) if channel.id == self.channel and channel.state == "Ringing":
                self.rang = True
            case events.ChannelDestroyed(channel, cause) if channel.id == self.channel:
                self.cause = cause

    # What is played and asked

    async def ring(self, *prompts: Prompt) -> None:
        """Play the prompts, then a ringing tone until the next playback."""
        media = self.services.audible.media(self.version.sounds, self.clips(*prompts))
        await self.play_media(",".join([*media.uris, RINGING]), math.inf)

    async def choose(self, keys: str, *prompts: Prompt) -> str | None:
        """Return one of `keys` as soon as it is pressed; None if the question was asked twice without an answer.

        Any other key starts the question again.
        """
        for _ in range(_ROUNDS):
            key = await self.listen(*prompts, fresh=True)
            if key is not None and key in keys:
                await self.hush()
                return key
        return None

    async def enter(self, length: int, *prompts: Prompt) -> str | None:
        """Return `length` digits; None after `*`, or if the question was asked twice without all of them."""
        for _ in range(_ROUNDS):
            entered = await self.digits(*prompts, most=length, fresh=True, whole=True)
            if entered == "*":
                await self.hush()
                return None
            if entered is not None and len(entered) == length:
                return entered
        return None

    async def say(self, *prompts: Prompt) -> None:
        """Play the prompts to their end, or until a key, which is dropped."""
        self.keys.clear()
        await super().say(*prompts)
        self.keys.clear()

    # After a restart

    async def silence(self) -> None:
        """Stop what a former controller left playing: a new prompt would wait for its end."""
        names = [self._name(number) for number in range(_NAMES)]
        answers = await self.services.link.ask(*map(operations.PLAYBACK, names))
        playing = [number for number, answer in enumerate(answers) if answer.ok]
        self._played = max(playing, default=-1) + 1  # the next playback gets another name
        await self._legs.send(*(operations.STOP(names[number]) for number in playing))

    def _name(self, number: int) -> str:
        return f"{self.channel}-{number % _NAMES}"
