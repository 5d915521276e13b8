"""What a caller hears while he waits for an operator: where he stands, how long it will probably take, and what he may
do instead."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ivr.audio.audible import Clip
from ivr.call.call import Call
from ivr.call.leg import start_music
from ivr.model import floor_protocol
from ivr.queue import last_calls, other_language
from routing.estimate import WaitClass

COUNTED = 10
"""So many places have a text each; from `MORE` on there is one for all, and the one between has none."""
MORE = COUNTED + 2
"""The first place with more than ten callers before it."""

TEXTS = (
    "wait",
    "wait_nobody",
    *(f"position_{place}" for place in range(1, COUNTED + 1)),
    "position_more",
    *(f"wait_{each}" for each in WaitClass),
    last_calls.TEXT,
    *other_language.TEXTS,
)

_ANNOUNCED_S = 0.5
"""A key that is released so soon after an announcement began was pressed before it."""
_AGAIN_S = 1.0
"""What still sounds when it is time to say something is said to its end, and it is looked at again after this."""


@dataclass(frozen=True, slots=True)
class Offered:
    """What a caller may do instead of waiting, or while he does: the text that offers it and the node of the flow.
    `holds`: he keeps his place meanwhile; `language`: he waits on there in this one;
    `calls_back`: there he may wish to be called back."""

    text: str
    node: str
    holds: bool = False
    language: str | None = None
    calls_back: bool = False


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """`first_s`: how long he has waited when he is told something first, then every `every_s`; `offers`: by key."""

    first_s: float
    every_s: float
    offers: Mapping[str, Offered]


def told(language: str, answer: floor_protocol.Position) -> list[Clip]:
    """Return the place and the time where they have earned it; else that the operators are busy, or that there is none
    who speaks the language."""
    estimate = answer.estimate
    if language not in answer.spoken:
        return [(language, "wait_nobody")]
    if not estimate.earned or estimate.wait is None:
        return [(language, "wait")]
    clips: list[Clip] = []
    if answer.position <= COUNTED:
        clips.append((language, f"position_{answer.position}"))
    elif answer.position >= MORE:
        clips.append((language, "position_more"))
    return [*clips, (language, f"wait_{estimate.wait}")]


def offered(language: str, offers: Mapping[str, Offered]) -> list[Clip]:
    """As a menu says its options."""
    options = ([(language, offer.text), (language, f"press_{key}")] for key, offer in offers.items())
    return [clip for option in options for clip in option]


_Announcement = tuple[Sequence[Clip], Mapping[str, Offered]]
"""What is said, and the keys that it gives."""


class Announcements:
    """When what is announced to one caller, by the loop's clock, and which keys it gives him. `waited_s`: how long he
    has waited already, such as before a restart."""

    def __init__(self, call: Call, meanwhile: Meanwhile, waited_s: float) -> None:
        self._call, self._meanwhile = call, meanwhile
        self._loop = asyncio.get_running_loop()
        first = waited_s < meanwhile.first_s
        # Who has heard the offers before a restart still knows them.
        self._keys_from = math.inf if first else self._loop.time()
        self.due = self._loop.time() + (meanwhile.first_s - waited_s if first else meanwhile.every_s)
        self.sounding = False
        self._offers = meanwhile.offers  # of the announcement that he has heard last
        self._began = self._loop.time() - waited_s
        self._entering = True
        self._told_of: set[str] = set()

    def enter(self) -> None:
        """He begins to wait: the floor is asked whether there is something that he should know at once."""
        self._call.services.to_floor(floor_protocol.AskPosition(self._call.state.id, aloud=False))

    def ask(self) -> None:
        """It is time: the floor is asked where he stands."""
        self._entering = False
        if self._call.sounding:
            self.due = self._loop.time() + _AGAIN_S
            return
        self.due = self._loop.time() + self._meanwhile.every_s  # whether there is an answer or not
        self._call.services.to_floor(floor_protocol.AskPosition(self._call.state.id))

    async def say(self, answer: floor_protocol.Position) -> None:
        """The answer, and what he may do."""
        call = self._call
        if call.sounding and not self._entering:
            return
        said = self._at_once(answer) or (None if self._entering else self._usual(answer))
        self._entering = False
        if said is None:
            return
        clips, offers = said
        self.sounding = await call.play(clips)
        if self._keys_from == math.inf or offers != self._offers:
            self._keys_from = self._loop.time() + _ANNOUNCED_S
        self._offers = offers
        if self.sounding:
            self.due = math.inf
        else:
            await start_music(call)  # to_operator may have been cut short

    def _usual(self, answer: floor_protocol.Position) -> _Announcement:
        estimate, language, offers = answer.estimate, self._call.state.language, self._meanwhile.offers
        self._call.event("place", position=answer.position, wait=estimate.wait, earned=estimate.earned)
        return [*told(language, answer), *offered(language, offers)], offers

    def _at_once(self, answer: floor_protocol.Position) -> _Announcement | None:
        """What is said once, and before all else: that another language may help him, or that he comes too late."""
        call, language = self._call, self._call.state.language
        others = other_language.languages(call.services.site, language, answer.spoken)
        nobody, after_s = language not in answer.spoken, call.services.site.routing.other_language_s
        long = nobody or 0 < after_s <= self._loop.time() - self._began
        why = other_language.NOBODY if nobody else other_language.BUSY
        if others and long and why not in self._told_of:
            self._told_of.add(why)
            call.event("other_language", languages=[*others.values()], nobody=nobody)
            offers = {key: Offered(why, call.state.node, language=each) for key, each in others.items()}
            return other_language.clips(language, others, nobody=nobody), offers
        if self._entering and last_calls.is_too_late(call, answer):
            call.event("last_calls")
            offers = {key: each for key, each in self._meanwhile.offers.items() if each.calls_back}
            return [(language, last_calls.TEXT), *offered(language, offers), (language, other_language.STAY)], offers
        return None

    def ended(self) -> None:
        """Nothing of it sounds any more."""
        if self.sounding:
            self.begin_anew()

    def begin_anew(self) -> None:
        """He has heard enough for now."""
        self.sounding = False
        self.due = self._loop.time() + self._meanwhile.every_s

    def chosen(self, key: str) -> Offered | None:
        """What a key that he has pressed just now stands for. Before he has heard the offers it means nothing."""
        if self._loop.time() < self._keys_from:
            return None
        return self._offers.get(key)
