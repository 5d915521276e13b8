"""Both legs of a call-back, the operator's and the caller's, and their events in order."""

import asyncio
from collections.abc import Sequence

from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.operations import Request
from ivr.asterisk.ari.protocol import Link
from ivr.audio.audible import Clip
from ivr.call.inbox import Inbox
from ivr.call.items import Deadline, RequestFailed
from ivr.callbacks.call_leg import CallLeg
from ivr.model import floor_protocol

_ROUNDS = 2
"""How often a question is asked; an answering machine presses no key."""
_HANG_UP_S = 1.0
"""How long to wait for a channel to be gone, in seconds."""

Item = events.Event | floor_protocol.TelephoneGone | RequestFailed


class OperatorGone(Exception):  # noqa: N818 - a hang-up is a normal end
    """The operator's channel is gone."""


class CalledGone(Exception):  # noqa: N818
    """The caller's channel is gone."""


class NotAsked(Exception):  # noqa: N818
    """The called person said that they had not asked for the call."""


class CallLegs:
    """The two legs of one call-back, `leg` (the operator's) and `called` (the caller's).

    `silence_s`: how long to wait for a key after the end of a question.
    """

    def __init__(self, link: Link, silence_s: float) -> None:
        self._link, self._silence_s = link, silence_s
        self.leg: CallLeg | None = None
        self.called: CallLeg | None = None
        self._inbox: Inbox[Item] = Inbox()

    def deliver(self, item: Item) -> None:
        self._inbox.put(item)

    def undelivered(self) -> list[Item]:
        """Return the events that have not been read."""
        return self._inbox.take_all()

    async def next(self, until: float = float("inf")) -> Item | Deadline:
        """Return the next event; a Deadline at `until`, or when a prompt is overdue whose end was not reported."""
        legs = [leg for leg in (self.leg, self.called) if leg is not None]
        item = await self._inbox.get(min([until, *(leg.overdue for leg in legs)]))
        for leg in legs:
            leg.note(item)
            leg.late()
        return item if item is not None else Deadline()

    def _refused(self, request: Request, status: int) -> None:
        if request.method != "DELETE":
            self._inbox.put(RequestFailed(request, status))

    async def send(self, *requests: Request) -> None:
        await self._link.send(*requests, refused=self._refused)

    async def ask(self, leg: CallLeg, clips: Sequence[Clip], keys: str) -> str | None:
        """Return one of `keys` as soon as it is pressed; None if the question was asked twice without an answer.

        Any other key starts the question again.

        Raises:
            OperatorGone, CalledGone: The leg that is asked is gone.
        """
        loop = asyncio.get_running_loop()
        for _ in range(_ROUNDS):
            leg.keys.clear()
            await self.send(*leg.play(clips))
            until = float("inf") if leg.sounding else loop.time() + self._silence_s
            while not leg.keys:
                item = await self.next(until)
                self._raise_if_gone(leg)
                if isinstance(item, Deadline) and over(until):
                    break
                if until == float("inf") and not leg.sounding:
                    until = loop.time() + self._silence_s
            if leg.keys and (key := leg.keys.popleft()) in keys:
                await self.send(*leg.hush())
                return key
        return None

    async def digits(self, leg: CallLeg, clips: Sequence[Clip], length: int) -> str | None:
        """Return `length` digits; None after `*`, or if the question was asked twice without all of them.

        Raises:
            OperatorGone, CalledGone: The leg that is asked is gone.
        """
        loop = asyncio.get_running_loop()
        for _ in range(_ROUNDS):
            leg.keys.clear()
            await self.send(*leg.play(clips))
            entered, until = "", float("inf") if leg.sounding else loop.time() + self._silence_s
            while len(entered) < length:
                while leg.keys and len(entered) < length:
                    if (key := leg.keys.popleft()) == "*":
                        await self.send(*leg.hush())
                        return None
                    if key.isdigit():
                        entered += key
                        await self.send(*leg.hush())
                        until = loop.time() + self._silence_s
                if len(entered) == length:
                    return entered
                item = await self.next(until)
                self._raise_if_gone(leg)
                if isinstance(item, Deadline) and over(until):
                    break
                if until == float("inf") and not leg.sounding:
                    until = loop.time() + self._silence_s
        return None

    async def say(self, leg: CallLeg, clips: Sequence[Clip]) -> None:
        """Play the clips to their end, or until a key, which is dropped. Raises the same errors as `ask`."""
        leg.keys.clear()
        await self.send(*leg.play(clips))
        while leg.sounding and not leg.keys:
            await self.next()
            self._raise_if_gone(leg)
        leg.keys.clear()

    def _raise_if_gone(self, leg: CallLeg) -> None:
        if leg.gone:
            raise OperatorGone if leg is self.leg else CalledGone

    async def silence(self, leg: CallLeg) -> None:
        """Stop what a former controller left playing: a new prompt would wait for its end."""
        answers = await self._link.ask(*leg.left_playing())
        await self.send(*leg.stop_left([answer.ok for answer in answers]))

    async def hang_up(self, leg: CallLeg) -> None:
        """Hang up and wait until the channel is gone, so that its telephone is not rung again before it knows."""
        if leg.gone:
            return
        await self._link.send(operations.HANG_UP(leg.channel, reason_code="16"))
        until = asyncio.get_running_loop().time() + _HANG_UP_S
        while not leg.gone and not (isinstance(await self.next(until), Deadline) and over(until)):
            pass


def over(until: float) -> bool:
    """Return whether the loop's clock has reached `until`."""
    return asyncio.get_running_loop().time() >= until
