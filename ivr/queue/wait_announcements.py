"""The announcements to callers who wait for an operator: by turns their position with the estimated wait, and the
alternatives."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from ivr.audio import spoken
from ivr.audio.audible import Clip
from ivr.call.call import Call
from ivr.call.leg import start_music
from ivr.model import clock, floor_protocol
from ivr.queue import language_offers
from routing.estimate import WaitClass

COUNTED = 10
"""Positions up to this one have a text each; from `MORE` on they share one, and the position between has none."""
MORE = COUNTED + 2
"""The first position with more than ten callers ahead."""

_LAST_CALLS = "last_calls"

TEXTS = (
    "wait",
    "wait_nobody",
    *("duty_nobody", "duty_again"),
    *(f"position_{position}" for position in range(1, COUNTED + 1)),
    "position_more",
    *(f"wait_{wait}" for wait in WaitClass),
    _LAST_CALLS,
    *language_offers.TEXTS,
)

_TYPED_AHEAD_S = 0.5
"""A key released within this time of an announcement's start counts as typed ahead."""
_RETRY_S = 1.0
"""If something still plays when an announcement is due, it may finish; this is the time until the next attempt."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """An alternative to waiting, or an action while waiting: the text that offers it, and its node of the flow.

    `holds`: they keep their position meanwhile; `language`: they keep waiting there, in this language; `calls_back`:
    the node takes call-back requests.
    """

    text: str
    node: str
    holds: bool = False
    language: str | None = None
    calls_back: bool = False


@dataclass(frozen=True, slots=True)
class WaitSettings:
    """When announcements are due: after a wait of `first_s`, then every `every_s`.

    `alternatives`: by key; every second announcement offers them.
    """

    first_s: float
    every_s: float
    alternatives: Mapping[str, Alternative]


def position_clips(language: str, answer: floor_protocol.Position) -> list[Clip]:
    """Return position and wait, if the estimate is reliable enough; otherwise that all operators are busy, or that
    nobody on duty speaks the language."""
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


def alternative_clips(language: str, alternatives: Mapping[str, Alternative]) -> list[Clip]:
    """Return the announcement of the alternatives, in the form of a menu."""
    options = ([(language, item.text), (language, f"press_{key}")] for key, item in alternatives.items())
    return [clip for option in options for clip in option]


def nobody_clips(call: Call) -> list[Clip]:
    """Return that nobody on duty speaks the caller's language, and when somebody will be, where that is known."""
    language, services, now = call.state.language, call.services, clock.now()
    clips: list[Clip] = [(language, "duty_nobody")]
    if (at := services.next_shift(language)) is None:
        return clips
    zones = ZoneInfo(services.site.hours.timezone), services.site.zone_of(call.state.country)
    again = spoken.opening_clips(language, at, now, *zones, text="duty_again")
    known = call.version.sounds.ids  # a site that is always open need not have the names of days
    return [*clips, *again] if all(text in known for _, text in again) else clips


_Announcement = tuple[Sequence[Clip], Mapping[str, Alternative] | None]
"""The clips, and the keys they offer; None: those that were offered before still count."""


class WaitAnnouncements:
    """The announcements to one caller: when they are due (by the loop's clock), and which keys they offer.

    `waited_s`: how long the caller has waited already, such as before a restart.
    """

    def __init__(self, call: Call, settings: WaitSettings, waited_s: float) -> None:
        self._call, self._settings = call, settings
        self._loop = asyncio.get_running_loop()
        first = waited_s < settings.first_s
        # Callers who heard the alternatives before a restart still know them.
        offered = waited_s >= settings.first_s + settings.every_s
        self._keys_from = self._loop.time() if offered else math.inf
        self._offers_next = not first and not offered
        self.due = self._loop.time() + (settings.first_s - waited_s if first else settings.every_s)
        self.sounding = False
        self._alternatives = settings.alternatives  # of the last announcement
        self._began = self._loop.time() - waited_s
        self._entering = True
        self._offered_languages: set[str] = set()  # the reasons that were given for it
        self._keys_after_s = _TYPED_AHEAD_S  # of the present announcement

    def enter(self) -> None:
        """Ask the floor, at the start of the wait, whether there is something the caller should know at once."""
        self._call.services.to_floor(floor_protocol.AskPosition(self._call.state.id, aloud=False))

    def ask(self) -> None:
        """Ask the floor for the caller's position, since an announcement is due."""
        self._entering = False
        if self._call.sounding:
            self.due = self._loop.time() + _RETRY_S
            return
        self.due = self._loop.time() + self._settings.every_s  # whether there is an answer or not
        self._call.services.to_floor(floor_protocol.AskPosition(self._call.state.id))

    async def say(self, answer: floor_protocol.Position) -> None:
        """Announce the position and the alternatives."""
        call = self._call
        if call.sounding and not self._entering:
            return
        announcement = self._urgent(answer) or (None if self._entering else self._regular(answer))
        self._entering = False
        if announcement is None:
            return
        clips, alternatives = announcement
        self.sounding = await call.play(*clips)
        if alternatives is not None:
            if self._keys_from == math.inf or alternatives != self._alternatives:
                self._keys_from = self._loop.time() + self._keys_after_s
                self._keys_after_s = _TYPED_AHEAD_S
            self._alternatives = alternatives
        if self.sounding:
            self.due = math.inf
        else:
            await start_music(call)  # to_operator may have been cut short

    def _regular(self, answer: floor_protocol.Position) -> _Announcement:
        estimate, language, alternatives = answer.estimate, self._call.state.language, self._settings.alternatives
        offers, self._offers_next = self._offers_next, bool(alternatives) and not self._offers_next
        if offers:
            return alternative_clips(language, alternatives), alternatives
        self._call.event("place", position=answer.position, wait=estimate.wait, earned=estimate.earned)
        return position_clips(language, answer), None

    def _urgent(self, answer: floor_protocol.Position) -> _Announcement | None:
        """Return the announcement that comes first and once: another language may help, or the caller is too late."""
        call, language = self._call, self._call.state.language
        others = language_offers.languages(call.services.site, language, answer.spoken)
        nobody, after_s = language not in answer.spoken, call.services.site.routing.other_language_s
        long = nobody or 0 < after_s <= self._loop.time() - self._began
        why = language_offers.NOBODY if nobody else language_offers.BUSY
        if others and long and why not in self._offered_languages:
            self._offered_languages.add(why)
            call.event("other_language", languages=[*others.values()], nobody=nobody)
            alternatives = {key: Alternative(why, call.state.node, language=other) for key, other in others.items()}
            self._offers_next |= nobody and bool(self._settings.alternatives)
            return language_offers.clips(language, others, nobody=nobody), alternatives
        if self._entering and nobody:
            return self._nobody()
        if self._entering and _is_too_late(call, answer):
            call.event("last_calls")
            alternatives = {key: item for key, item in self._settings.alternatives.items() if item.calls_back}
            clips = alternative_clips(language, alternatives)
            return [(language, _LAST_CALLS), *clips], alternatives
        return None

    def _nobody(self) -> _Announcement:
        """Return what a caller hears at once for whom nobody is on duty. No key counts before they have heard so.

        What does not end the wait is offered later, as always; its key counts.
        """
        call = self._call
        call.event("nobody_on_duty")
        clips = nobody_clips(call)
        self._keys_after_s = call.services.audible.media(call.version.sounds, clips).seconds
        ending = {key: item for key, item in self._settings.alternatives.items() if not item.holds}
        return [*clips, *alternative_clips(call.state.language, ending)], self._settings.alternatives

    def ended(self) -> None:
        """Note that nothing plays any more."""
        if self.sounding:
            self.restart()

    def restart(self) -> None:
        """Start the time to the next announcement, and consider this one heard."""
        self.sounding = False
        self.due = self._loop.time() + self._settings.every_s

    def choose(self, key: str) -> Alternative | None:
        """Return the alternative that a key just pressed stands for; None before the caller has heard them."""
        if self._loop.time() < self._keys_from:
            return None
        return self._alternatives.get(key)


def _is_too_late(call: Call, answer: floor_protocol.Position) -> bool:
    """Return whether the caller's turn is expected after closing time, when that is near (`last_calls_min` in
    site.toml; 0: never).

    They hear it when they begin to wait, and may request a call-back. Those who wait anyway are served, however late
    it gets.
    """
    near, expected = call.services.site.routing.last_calls_min, answer.estimate.seconds
    if not near or expected is None or not answer.estimate.earned:
        return False
    now, state = clock.now(), call.state
    closes = call.services.opening.closes_next(now, line=state.number, language=state.language)
    return closes is not None and closes - now <= timedelta(minutes=near) and now + timedelta(seconds=expected) > closes
