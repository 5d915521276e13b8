"""What an operator sees, and hears when they pick up, before they are with the caller: what is coming."""

import asyncio
import math
import time
from collections.abc import Mapping

from db.enums import Role
from ivr.asterisk.ari import events, operations
from ivr.audio.audible import Clip, Heard
from ivr.call.call import Call, Deadline, Item
from ivr.model.call_state import CallState
from ivr.talk.transfers import Transfer

LONGEST_S = 4.5
"""So long at most; a caller's patience is worth more than the rest of it."""

WAITED = (
    (60.0, "talk_waited_under_1"),
    (180.0, "talk_waited_about_2"),
    (420.0, "talk_waited_about_5"),
    (math.inf, "talk_waited_over_7"),
)
"""How long the caller has waited: under so many seconds, and the text for it."""


def playback_of(leg: str) -> str:
    """What is whispered to a leg, also where a controller before this one began it."""
    return f"whisper-{leg}"


WORDS = {each: f"talk_word_{each}" for each in ("consult", "transfer", "interpreter")}
"""What a colleague is called in for, and the text for it."""

_BACK = "back"
"""A caller whom the operator has handed on, and nobody has taken."""

_ROLES = {Role.CONSULTED: "consult", Role.INTERPRETER: "interpreter"}


def why(state: CallState, operator: str, role: Role) -> tuple[str, str | None]:
    """Why an operator is rung besides that a caller waits, in a word, and who wants it; "" for nothing besides."""
    if role is not Role.OPERATOR:
        return _ROLES[role], state.operator
    transfer = Transfer.decode(state.transfer)
    if not transfer.pending:
        return "", None
    return (_BACK, None) if transfer.by == operator else ("transfer", transfer.by)


def display(state: CallState, operator: str, role: Role) -> str:
    """What a telephone shows that rings: `fr travel FR`; of a colleague who is called in, `consult 1004 fr travel`."""
    word, by = why(state, operator, role)
    country = state.country if not word else None
    return " ".join(each for each in (word, by, state.language, state.topic, country) if each)


def clips(language: str, state: CallState, word: str, waited_s: float) -> list[Clip]:
    """In the operator's `language`: the caller's language, what about, and for what a colleague is called in; else from
    where and how long the caller has waited; or that a caller comes back whom the operator has handed on. `word`: as of
    `why`."""
    if word == _BACK:
        return [(language, "talk_back")]
    said: list[Clip] = [(language, f"code_language_{state.language}")]
    if state.topic is not None:
        said.append((language, f"talk_topic_{state.topic}"))
    if word:
        return [*said, (language, WORDS[word])]
    if state.country is not None:
        said.append((language, f"talk_from_{state.country.lower()}"))
    return [*said, (language, next(text for limit, text in WAITED if waited_s < limit))]


def short(found: Mapping[Clip, Heard]) -> dict[Clip, Heard]:
    """What there is time for. Some voices are slow; where he calls from matters least."""
    if sum(each.seconds for each in found.values()) <= LONGEST_S:
        return dict(found)
    return {clip: each for clip, each in found.items() if not clip[1].startswith("talk_from_")}


class Whisper:
    """To one leg. `until` is of the loop's clock: then it is over, whatever became of it."""

    def __init__(self, call: Call, leg: str, operator: str, role: Role = Role.OPERATOR) -> None:
        self._call, self._leg, self._operator, self._role = call, leg, operator, role
        self._playback = playback_of(leg)
        self._sounds = False
        self.until = 0.0

    async def begin(self) -> bool:
        """False: there is nothing to be said, or the site wants none."""
        call, state = self._call, self._call.state
        entry = next((each for each in call.services.people if each.id == self._operator), None)
        if entry is None or not call.services.site.operators.whisper:
            return False
        language, (word, _) = next(iter(entry.languages)), why(state, self._operator, self._role)
        wanted = clips(language, state, word, time.time() - (state.since or time.time()))
        notice = call.services.take_notice(self._operator)
        if notice is not None:
            wanted.insert(0, (language, notice))
        heard = {clip: call.services.audible.find(call.version.sounds, clip) for clip in wanted}
        found = short({clip: each for clip, each in heard.items() if each is not None})
        if not found:
            return False
        media = ",".join(f"sound:{each.file}" for each in found.values())
        await call.services.link.send(operations.PLAY(self._leg, self._playback, media=media))
        self.until = asyncio.get_running_loop().time() + LONGEST_S
        self._sounds = True
        call.event("whispered", operator=self._operator, texts=[text for _, text in found])
        return True

    def is_over(self, item: Item) -> bool:
        """By itself, by any key of the operator, or by time."""
        match item:
            case events.PlaybackFinished(playback) if playback == self._playback:
                self._sounds = False
                return True
            case events.ChannelDtmfReceived(channel) if channel == self._leg:
                return True
        return isinstance(item, Deadline) and asyncio.get_running_loop().time() >= self.until

    async def end(self) -> None:
        if self._sounds:
            await self._call.services.link.send(operations.STOP(self._playback))
