"""Both ends of a call back: the operator's leg and the called, and what happens to them, in order."""

import asyncio
from collections.abc import Sequence

from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.operations import Request
from ivr.audio.audible import Clip
from ivr.call.call import Deadline, Link, RequestFailed
from ivr.call.inbox import Inbox
from ivr.callbacks.call_leg import CallLeg
from ivr.model import floor_protocol

_ROUNDS = 2
"""So often a question is asked; an answering machine presses nothing."""
_OUT_S = 1.0

Item = events.Event | floor_protocol.TelephoneGone | RequestFailed


class OperatorGone(Exception):  # noqa: N818 - a hang-up is how it ends
    """The operator's channel is gone."""


class CalledGone(Exception):  # noqa: N818
    """The called's channel is gone."""


class CallLegs:
    """`silence_s`: how long a key is waited for once the question is over."""

    def __init__(self, link: Link, silence_s: float) -> None:
        self._link, self._silence_s = link, silence_s
        self.leg: CallLeg | None = None
        self.called: CallLeg | None = None
        self._inbox: Inbox[Item] = Inbox()

    def deliver(self, item: Item) -> None:
        self._inbox.put(item)

    def undelivered(self) -> list[Item]:
        """What has happened and was not read."""
        return self._inbox.take_all()

    async def next(self, until: float = float("inf")) -> Item | Deadline:
        """The next thing that happens, a Deadline at `until` or when a prompt has ended that nobody told us of."""
        parties = [each for each in (self.leg, self.called) if each is not None]
        item = await self._inbox.get(min([until, *(each.overdue for each in parties)]))
        for party in parties:
            party.note(item)
            party.late()
        return item if item is not None else Deadline()

    def _refused(self, request: Request, status: int) -> None:
        if request.method != "DELETE":
            self._inbox.put(RequestFailed(request, status))

    async def send(self, *requests: Request) -> None:
        await self._link.send(*requests, refused=self._refused)

    async def ask(self, party: CallLeg, clips: Sequence[Clip], keys: str) -> str | None:
        """One of `keys`, as soon as it is pressed; None when it was not, though asked twice. What else is pressed
        begins the question again. Raises OperatorGone or CalledGone for him who is asked."""
        loop = asyncio.get_running_loop()
        for _ in range(_ROUNDS):
            party.keys.clear()
            await self.send(*party.play(clips))
            until = float("inf") if party.sounding else loop.time() + self._silence_s
            while not party.keys:
                item = await self.next(until)
                self._there(party)
                if isinstance(item, Deadline) and over(until):
                    break
                if until == float("inf") and not party.sounding:
                    until = loop.time() + self._silence_s
            if party.keys and (key := party.keys.popleft()) in keys:
                await self.send(*party.hush())
                return key
        return None

    async def say(self, party: CallLeg, clips: Sequence[Clip]) -> None:
        """To its end, or until a key, which is thrown away. Raises as `ask`."""
        party.keys.clear()
        await self.send(*party.play(clips))
        while party.sounding and not party.keys:
            await self.next()
            self._there(party)
        party.keys.clear()

    def _there(self, party: CallLeg) -> None:
        if party.gone:
            raise OperatorGone if party is self.leg else CalledGone

    async def silence(self, party: CallLeg) -> None:
        """What a former controller plays is ended: everything else would wait for its end."""
        answers = await self._link.ask(*party.left_playing())
        await self.send(*party.silenced([each.ok for each in answers]))

    async def hang_up(self, party: CallLeg) -> None:
        """Until he is gone: nobody is rung again while his telephone has not heard of it."""
        if party.gone:
            return
        await self._link.send(operations.HANG_UP(party.channel, reason_code="16"))
        until = asyncio.get_running_loop().time() + _OUT_S
        while not party.gone and not (isinstance(await self.next(until), Deadline) and over(until)):
            pass


def over(until: float) -> bool:
    """Whether the loop's clock has reached it."""
    return asyncio.get_running_loop().time() >= until
