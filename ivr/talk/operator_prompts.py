"""Prompts that the controller plays to operators during a conversation: their names and languages."""

import asyncio
import math

from db.enums import Role
from ivr.asterisk.ari import operations
from ivr.asterisk.ari.operations import Request
from ivr.call.call import Call
from ivr.call.leg import Leg
from ivr.call.playback import new_name
from ivr.model.talk_table import OperatorPlace, Talk

RINGING = "tone:calling"
"""Played to an operator while a colleague is rung; from `indications.conf`, since a comma ends a tone in ARI."""

_FIRST_S = 6.0
"""The maximum length of a prompt for which others wait; after that they are back with the operator in any case."""


def ringing_name(leg: str) -> str:
    """Return the name of the ringing tone for a colleague's leg.

    The tone never ends by itself, so a controller that starts must know how to stop it.
    """
    return f"rings-{leg}"


def leftover_ringing(talk: Talk) -> str | None:
    """Return the ringing tone that a former controller may have left playing.

    None if nobody is being consulted, or the operator's line for it is not known.
    """
    known = talk.via is not None or talk.place is not OperatorPlace.ASIDE
    consulted = talk.colleague if talk.colleague is not None and talk.colleague.role is Role.CONSULTED else None
    return ringing_name(consulted.leg) if consulted is not None and known else None


class OperatorPrompts:
    """The prompts that play in one conversation, at most one for each leg of an operator.

    Attributes:
        first: The playback whose end the next layout waits for, but not beyond `until` (loop's clock).
        missed: The text that the operator is told when their page is back.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self.first: str | None = None
        self.until = math.inf
        self.missed: str | None = None
        self._playbacks: dict[str, str] = {}  # by leg

    def plays_on(self, leg: str) -> bool:
        """Return whether a prompt plays on a leg."""
        return leg in self._playbacks

    async def tell(self, leg: Leg, text: str) -> str | None:
        """Play a text to an operator alone, in their first language.

        Return the name of the playback, or None if there is no audio.
        """
        media = self._find_media(leg.operator, text)
        return await self.play(leg, media) if media is not None else None

    async def tell_first(self, leg: Leg, text: str) -> bool:
        """Play a text as `tell` does; the next layout waits for its end. Return whether there is audio."""
        self.first = await self.tell(leg, text)
        self.until = asyncio.get_running_loop().time() + _FIRST_S if self.first is not None else math.inf
        return self.first is not None

    def wait_for_none(self) -> None:
        """Have no layout wait for a prompt any more."""
        self.first, self.until = None, math.inf

    async def play(self, leg: Leg, media: str, playback: str | None = None) -> str:
        """Play `media` (in Asterisk's notation) instead of the leg's previous prompt, and return the name."""
        playback = playback or new_name("talk")
        before = self._playbacks.get(leg.id)
        stop = [operations.STOP(before)] if before is not None else []
        self._playbacks[leg.id] = playback
        await self._call.step(*stop, operations.PLAY(leg.id, playback, media=media))
        return playback

    def adopt(self, leg: str, playback: str) -> None:
        """Take over a prompt of a former controller."""
        self._playbacks[leg] = playback

    def end(self, playback: str) -> None:
        """Note that a prompt has ended."""
        self._playbacks = {leg: name for leg, name in self._playbacks.items() if name != playback}

    def stop_all(self) -> list[Request]:
        """Return the requests that stop all prompts, and forget them."""
        requests = [operations.STOP(playback) for playback in self._playbacks.values()]
        self._playbacks.clear()
        return requests

    def _find_media(self, operator: str, text: str) -> str | None:
        call = self._call
        entry = next((person for person in call.services.operators if person.id == operator), None)
        language = next(iter(entry.languages)) if entry is not None else call.state.language
        audio = call.services.audible.find(call.version.sounds, (language, text))
        return f"sound:{audio.file}" if audio is not None else None
