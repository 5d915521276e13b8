"""A call's announcement to its operator: on the display while it rings, and in a few words on answering."""

import asyncio
import time
from collections.abc import Mapping

from db.enums import Role
from ivr.asterisk.ari import events, operations
from ivr.audio.audible import Clip, Heard
from ivr.call.call import Call
from ivr.call.items import Deadline, Item
from ivr.model.call_state import CallState
from ivr.talk.transfers import Transfer

LONGEST_S = 1.13
"""The maximum length: the caller waits meanwhile, and the display shows the same."""

_PREFIXES = ("talk_language_", "talk_topic_", "talk_word_", "talk_back")


def is_brisk(text: str) -> bool:
    """Return whether a text (by id) is one of those that operators hear many times a day, spoken fast."""
    return text.startswith(_PREFIXES)


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
    """Return what the telephone displays: `fr travel FR 4min`, or for a colleague `consult 1004 fr travel`.

    The minutes are those that the caller has waited since their last conversation, if any.
    """
    word, by = offer_reason(state, operator, role)
    country = state.country if not word else None
    minutes = int((time.time() - state.waits_since) // 60) if state.waits_since is not None and not word else 0
    waited = f"{minutes}min" if minutes > 0 else None
    return " ".join(item for item in (word, by, state.language, state.topic, country, waited) if item)


def whisper_clips(language: str, state: CallState, word: str) -> list[Clip]:
    """Return the whisper in the operator's `language`, what matters most first.

    It names the reason for a colleague, the caller's language, and the topic. A caller who comes back after a transfer
    has a text of their own. `word`: from `offer_reason`.
    """
    if word == _BACK:
        return [(language, "talk_back")]
    texts = [WORDS[word]] if word else []
    return [(language, text) for text in (*texts, *subject(state.language, state.topic))]


def subject(language: str, topic: str | None) -> list[str]:
    """Return the texts of a caller's language and topic."""
    return [f"talk_language_{language}", *([f"talk_topic_{topic}"] if topic is not None else [])]


def shorten(found: Mapping[Clip, Heard]) -> dict[Clip, Heard]:
    """Return what there is time for: the first clips, and at least one."""
    result: dict[Clip, Heard] = {}
    for clip, audio in found.items():
        if result and sum(other.seconds for other in result.values()) + audio.seconds > LONGEST_S:
            break
        result[clip] = audio
    return result


class Whisper:
    """The whisper to one leg. At `until` (loop's clock) it is over in any case."""

    def __init__(self, call: Call, leg: str, operator: str, role: Role = Role.OPERATOR) -> None:
        self._call, self._leg, self._operator, self._role = call, leg, operator, role
        self._playback = whisper_name(leg)
        self._playing = False
        self.until = 0.0

    async def begin(self) -> bool:
        """Start the whisper.

        Return False if there is nothing to say, the site does not want any, or the telephone shows what is coming.
        """
        call, state = self._call, self._call.state
        entry = next((person for person in call.services.operators if person.id == self._operator), None)
        if entry is None or not call.services.site.operators.whisper or call.services.shows_callers(self._operator):
            return False
        language, (word, _) = next(iter(entry.languages)), offer_reason(state, self._operator, self._role)
        wanted = whisper_clips(language, state, word)
        heard = {clip: call.services.audible.find(call.version.sounds, clip) for clip in wanted}
        found = shorten({clip: audio for clip, audio in heard.items() if audio is not None})
        if not found:
            return False
        media = ",".join(f"sound:{audio.file}" for audio in found.values())  # without pauses: there is no time for them
        await call.services.link.send(operations.PLAY(self._leg, self._playback, media=media))
        self.until = asyncio.get_running_loop().time() + LONGEST_S
        self._playing = True
        call.event("whispered", operator=self._operator, texts=[text for _, text in found])
        return True

    def is_over(self, item: Item) -> bool:
        """Return whether an item ends the whisper: its end, any key of the operator, or the time limit."""
        match item:
            case events.PlaybackFinished(playback) if playback.id == self._playback:
                self._playing = False
                return True
            case events.ChannelDtmfReceived(channel) if channel.id == self._leg:
                return True
        return isinstance(item, Deadline) and asyncio.get_running_loop().time() >= self.until

    async def end(self) -> None:
        if self._playing:
            await self._call.services.link.send(operations.STOP(self._playback))
