"""The summary of a call that an operator sees while the telephone rings and hears on answering."""

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
from prompts import manifest

LONGEST_S = 4.5
"""The maximum length; the caller's patience is worth more than the rest of the whisper."""

WAITED = (
    (60.0, "talk_waited_under_1"),
    (180.0, "talk_waited_about_2"),
    (420.0, "talk_waited_about_5"),
    (math.inf, "talk_waited_over_7"),
)
"""Texts for the caller's wait, each up to a limit in seconds."""


def whisper_name(leg: str) -> str:
    """Return the name of the whisper to a leg, which a former controller may have started."""
    return f"whisper-{leg}"


WORDS = {reason: f"talk_word_{reason}" for reason in ("consult", "transfer", "interpreter")}
"""The text for each reason to call in a colleague."""

_BACK = "back"
"""The reason for a transferred caller whom nobody has taken and who comes back."""

_ROLES = {Role.CONSULTED: "consult", Role.INTERPRETER: "interpreter"}


def offer_reason(state: CallState, operator: str, role: Role) -> tuple[str, str | None]:
    """Return the reason for an offer in one word, and who requested it; "" for an ordinary waiting caller."""
    if role is not Role.OPERATOR:
        return _ROLES[role], state.operator
    transfer = Transfer.decode(state.transfer)
    if not transfer.pending:
        return "", None
    return (_BACK, None) if transfer.by == operator else ("transfer", transfer.by)


def display(state: CallState, operator: str, role: Role) -> str:
    """Return what the telephone displays: `fr travel FR`, or for a colleague `consult 1004 fr travel`."""
    word, by = offer_reason(state, operator, role)
    country = state.country if not word else None
    return " ".join(item for item in (word, by, state.language, state.topic, country) if item)


def whisper_clips(language: str, state: CallState, word: str, waited_s: float) -> list[Clip]:
    """Return the whisper in the operator's `language`.

    It names the caller's language and topic and, for a colleague, the reason; otherwise the country and how long the
    caller has waited. A caller who comes back after a transfer has a text of their own. `word`: from `offer_reason`.
    """
    if word == _BACK:
        return [(language, "talk_back")]
    result: list[Clip] = [(language, f"code_language_{state.language}")]
    if state.topic is not None:
        result.append((language, f"talk_topic_{state.topic}"))
    if word:
        return [*result, (language, WORDS[word])]
    if state.country is not None:
        result.append((language, f"talk_from_{state.country.lower()}"))
    return [*result, (language, next(text for limit, text in WAITED if waited_s < limit))]


def shorten(found: Mapping[Clip, Heard]) -> dict[Clip, Heard]:
    """Return what there is time for. With a slow voice, the caller's country is left out: it matters least."""
    pauses_s = manifest.PAUSE_S * (len(found) - 1)
    if sum(audio.seconds for audio in found.values()) + pauses_s <= LONGEST_S:
        return dict(found)
    return {clip: audio for clip, audio in found.items() if not clip[1].startswith("talk_from_")}


class Whisper:
    """The whisper to one leg. At `until` (loop's clock) it is over in any case."""

    def __init__(self, call: Call, leg: str, operator: str, role: Role = Role.OPERATOR) -> None:
        self._call, self._leg, self._operator, self._role = call, leg, operator, role
        self._playback = whisper_name(leg)
        self._playing = False
        self.until = 0.0

    async def begin(self) -> bool:
        """Start the whisper. Return False if there is nothing to say, or the site does not want any."""
        call, state = self._call, self._call.state
        entry = next((person for person in call.services.people if person.id == self._operator), None)
        if entry is None or not call.services.site.operators.whisper:
            return False
        language, (word, _) = next(iter(entry.languages)), offer_reason(state, self._operator, self._role)
        wanted = whisper_clips(language, state, word, time.time() - (state.since or time.time()))
        notice = call.services.take_notice(self._operator)
        if notice is not None:
            wanted.insert(0, (language, notice))
        heard = {clip: call.services.audible.find(call.version.sounds, clip) for clip in wanted}
        found = shorten({clip: audio for clip, audio in heard.items() if audio is not None})
        if not found:
            return False
        media = call.services.audible.media(call.version.sounds, tuple(found))
        await call.services.link.send(operations.PLAY(self._leg, self._playback, media=str(media)))
        self.until = asyncio.get_running_loop().time() + LONGEST_S
        self._playing = True
        call.event("whispered", operator=self._operator, texts=[text for _, text in found])
        return True

    def is_over(self, item: Item) -> bool:
        """Return whether an item ends the whisper: its end, any key of the operator, or the time limit."""
        match item:
            case events.PlaybackFinished(playback) if playback == self._playback:
                self._playing = False
                return True
            case events.ChannelDtmfReceived(channel) if channel == self._leg:
                return True
        return isinstance(item, Deadline) and asyncio.get_running_loop().time() >= self.until

    async def end(self) -> None:
        if self._playing:
            await self._call.services.link.send(operations.STOP(self._playback))
