"""Speech instead of keys: a word counts as the key that it stands for.

Keys always work. No call waits for recognition, and callers do not notice when nobody hears them.
"""

import asyncio
from collections.abc import Mapping
from typing import Protocol

from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.operations import Request
from ivr.call.items import Item
from ivr.call.services import Services
from ivr.recognition.ear import PREFIX, Ear, open_ear
from speech.protocol import Began, Heard, Lost

SPEECH_S = 12.0
"""How long after a caller has begun to speak an answer is waited for: the longest utterance, and its recognition."""
OPEN_S = 25.0
"""The same after an open question."""


class _Call(Protocol):
    """The part of a call that its hearing needs."""

    @property
    def sounding(self) -> bool: ...

    def deliver(self, item: Item, /) -> None: ...

    def event(self, kind: str, **data: object) -> None: ...

    async def step(self, *requests: Request) -> None: ...


class Hearing:
    """The hearing of a call. `heard`: what was said at the last question; None: it was not answered by speech."""

    def __init__(self, services: Services, channel: str, call: _Call) -> None:
        self._services, self._channel, self._call = services, channel, call
        self._ear: Ear | None = None
        self._asked = self._anything = False
        self._off = services.workers is None
        self.heard: Heard | None = None
        self.offered = False  # whether the caller was told that they may speak

    def is_possible(self, language: str) -> bool:
        """Return whether a caller of this language can be heard, as far as it is known."""
        return not self._off and self._services.workers is not None and language in self._services.workers.languages

    async def open(self, language: str) -> bool:
        """Have this caller heard, and return whether somebody can. Nothing of Asterisk's is waited for."""
        if not self.is_possible(language):
            return False
        if self._ear is not None and not self._ear.is_heard(language):
            self.close()
        if self._ear is None:
            assert self._services.workers is not None
            self._ear = open_ear(self._services.workers, self._channel, language, self._call.deliver)
            if self._ear is None:
                return False
            self._services.route(self._ear.snoop, self._call)
            await self._services.link.send(self._ear.tap(), refused=self._refused)
        return True

    async def ask(self, language: str, words: Mapping[str, str], *, sounding: bool, anything: bool = False) -> None:
        """Listen for words, each with its key, or for `anything`, if somebody can."""
        self.heard, self._asked = None, False
        if (words or anything) and await self.open(language) and self._ear is not None:
            self._asked = self._ear.ask(language, words, sounding=sounding, anything=anything)
            self._anything = anything

    async def connect(self, entered: events.StasisStart) -> None:
        """Send the caller's sound on its way, once Asterisk has made its channel."""
        if self._ear is not None and entered.channel_id == self._ear.snoop:
            self._services.unroute(self._ear.snoop)  # it ends by itself
            await self._services.link.send(*self._ear.send(), refused=self._refused)
        elif entered.channel_id.startswith(PREFIX):
            await self._services.link.send(operations.HANG_UP(entered.channel_id), refused=self._refused)

    def quiet(self) -> None:
        """Note that the prompt has ended."""
        if self._asked and self._ear is not None:
            self._ear.quiet()

    async def take(self, item: object, silence_s: float) -> float | None:
        """Take what an item says about the present question. The first syllable stops the prompt, as a key does.

        Return until when to wait for an answer, by the loop's clock; None if the item is about something else.
        """
        if not self._asked or self._ear is None or not isinstance(item, Began | Heard | Lost):
            return None
        if not self._ear.is_for_now(item):
            return None
        now = asyncio.get_running_loop().time()
        if isinstance(item, Lost):
            self.close()
            return now + silence_s
        if isinstance(item, Began):
            if self._call.sounding:
                await self._call.step()
            return now + (OPEN_S if self._anything else SPEECH_S)
        self.heard, self._asked = item, False
        about = {"found": list(item.found)} if self._anything else {}
        self._call.event("spoken", key=item.key, ms=item.took_ms, **about)
        return now + silence_s

    def end(self) -> None:
        """Lead this caller by keys from now on."""
        self._off = True
        self.close()

    def close(self) -> None:
        """Hear no more until the next question."""
        ear, self._ear, self._asked = self._ear, None, False
        if ear is not None:
            ear.close()
            self._services.unroute(ear.snoop)

    def _refused(self, request: Request, status: int) -> None:
        """Lose the ear: the caller has keys, or has gone."""
        if self._ear is not None and request.method == "POST":
            self._call.deliver(Lost(self._ear.name))
