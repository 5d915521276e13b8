"""What a channel hears, and the keys that come back: played, listened for and taken in one way for everybody.

A caller's call, an operator's feature code and each leg of a call-back are voices. They differ in how their events are
read and how a step is sent; what a prompt, a question and an entry are is here.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.operations import Request
from ivr.audio.audible import Clip
from ivr.call.hearing import Hearing
from ivr.call.items import Deadline
from ivr.call.keys import TYPED_AHEAD_S, Keys
from ivr.call.playback import Playback, new_name
from ivr.call.services import Services
from ivr.call.version import Version

Prompt = str | Clip
"""A text's id, in the language of whoever hears it, or a clip in a language of its own."""


class Voice(ABC):
    """What is played on one channel, one prompt at a time, and the keys that were pressed there and not used yet."""

    typed_ahead_s = TYPED_AHEAD_S  # a key within this time of a question's start does not answer it, if it is fresh

    def __init__(self, services: Services, channel: str, version: Version[Any]) -> None:
        self.services, self.channel, self.version = services, channel, version
        self.keys = Keys()
        self.playback = Playback()

    # What each kind of voice does in its own way

    @property
    @abstractmethod
    def language(self) -> str:
        """The language of prompts that have none of their own."""

    @property
    def silence_s(self) -> float:
        """How long a key is waited for after the end of a question."""
        return self.version.flow.silence_s

    @property
    def hears(self) -> Hearing | None:
        """Whoever hears the words that count as keys; None if only keys count."""
        return None

    @abstractmethod
    async def next(self, until: float | None = None) -> object:
        """Return the next item, which `note` has seen; a Deadline once the loop's clock reaches `until`.

        Raises an error of its own once the channel is gone.
        """

    @abstractmethod
    async def step(self, *requests: Request) -> None:
        """Stop the prompt, then send `requests`, all together and without waiting for the answers."""

    def name_playback(self) -> str:
        """Return the name of the next playback."""
        return new_name("pb")

    def event(self, kind: str, **data: object) -> None:  # noqa: B027 - only a caller's call is recorded
        """Record what was heard or pressed, where that is wanted."""

    def begin_question(self, *, fresh: bool, early_s: float) -> float:
        """Discard the keys that cannot be meant for a question that begins now (`Keys.begin_question`)."""
        return self.keys.begin_question(fresh=fresh, early_s=early_s)

    # Prompts

    def note(self, item: object) -> None:
        """Take note of what an item says about the prompt and the keys."""
        self.playback.note(item)
        match item:
            case events.ChannelDtmfReceived(channel, digit) if channel.id == self.channel:
                self.keys.append(digit)

    @property
    def sounding(self) -> bool:
        """Whether one of our prompts is playing."""
        return self.playback.name is not None

    async def hush(self) -> None:
        """Stop the prompt, if there is one."""
        if self.sounding:
            await self.step()

    def clips(self, *prompts: Prompt) -> list[Clip]:
        """Return the clips of prompts."""
        return [(self.language, prompt) if isinstance(prompt, str) else prompt for prompt in prompts]

    async def play(self, *prompts: Prompt) -> bool:
        """Start the prompts. Return False if none of them has audio."""
        clips = self.clips(*prompts)
        media = self.services.audible.media(self.version.sounds, clips)
        missing = [f"{language}/{prompt}" for language, prompt in media.missing]
        self.event("prompt", clips=[list(clip) for clip in clips], missing=missing)
        if not media.uris:
            await self.step()
            return False
        await self.play_media(str(media), media.seconds)
        return True

    async def play_media(self, media: str, seconds: float) -> None:
        """Start `media` (in Asterisk's notation), which lasts `seconds`."""
        playback = self.name_playback()
        await self.step(operations.PLAY(self.channel, playback, media=media))
        self.playback.start(playback, seconds)

    async def say(self, *prompts: Prompt) -> None:
        """Play the prompts to the end or until a key is pressed; the key is kept for the next question."""
        if self.keys or not await self.play(*prompts):
            return
        await self.wait_for_playback()

    async def wait_for_playback(self) -> None:
        """Wait for the end of the current prompt, or for a key."""
        while self.sounding and not self.keys:
            await self.next()

    # Questions

    async def listen(
        self,
        *prompts: Prompt,
        fresh: bool = False,
        words: Mapping[str, str] | None = None,
        anything: bool = False,
    ) -> str | None:
        """Play the prompts and return the first key, or None if none is pressed in time.

        `fresh`: ignore keys typed ahead. `words`: phrases that count as their key if they are said (`hearing.heard`);
        `anything`: the answer is not a key, but about something (`hearing.heard.found`).
        """
        early_s = self.begin_question(fresh=fresh, early_s=self.typed_ahead_s)
        if (key := self.take_key()) is not None:
            return key

        loop, hears = asyncio.get_running_loop(), self.hears
        silent_at = None if await self.start_question(*prompts) else loop.time() + self.silence_s
        early_until = loop.time() + early_s
        if hears is not None:
            await hears.ask(self.language, words or {}, sounding=self.sounding, anything=anything)
        while True:
            item = await self.next(silent_at)
            early_until = self.keys.drop_early(early_until, early_s)
            if (key := self.take_key()) is not None:
                return key
            if isinstance(item, Deadline):
                self.event("silence")
                return None
            if hears is not None and (until := await hears.take(item, self.silence_s)) is not None:
                silent_at = until
                if hears.heard is not None:
                    return hears.heard.key
            elif silent_at is None and not self.sounding:
                silent_at = loop.time() + self.silence_s
                if hears is not None:
                    hears.quiet()

    async def digits(
        self, *prompts: Prompt, most: int, secret: bool = False, fresh: bool = False, whole: bool = False
    ) -> str | None:
        """Play the prompts and return the digits pressed until `#`, until there are `most`, or until silence.

        Return "*" if the star key was pressed, None if no key was. `secret`: keep the keys out of the records. `fresh`:
        as in `listen`. `whole`: there must be `most`, and `#` does not end them.
        """
        early_s = self.begin_question(fresh=fresh, early_s=0.0)

        loop = asyncio.get_running_loop()
        entered = ""
        silent_at: float | None = None
        if not self.keys and not await self.start_question(*prompts):
            silent_at = loop.time() + self.silence_s
        early_until = loop.time() + early_s
        while True:
            early_until = self.keys.drop_early(early_until, early_s)
            while (key := self.take_key(secret=secret)) is not None:
                if key == "*":
                    return key
                if key == "#":
                    if whole:
                        continue
                    return entered
                entered += key
                if len(entered) == most:
                    self.keys.entry_complete()
                    return entered
                silent_at = loop.time() + self.silence_s
            if entered:
                await self.hush()

            item = await self.next(silent_at)
            if isinstance(item, Deadline) and not self.keys:
                self.event("silence")
                return entered or None
            if silent_at is None and not self.sounding:
                silent_at = loop.time() + self.silence_s

    async def start_question(self, *prompts: Prompt) -> bool:
        """Start a question. Return False if it has no audio."""
        return await self.play(*prompts)

    def take_key(self, *, secret: bool = False) -> str | None:
        """Take the next key. A secret key is recorded without its value."""
        if (key := self.keys.take()) is not None:
            self.event("key", **({"secret": True} if secret else {"key": key}))
        return key
