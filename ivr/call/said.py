"""Words that callers may say at a choice, and the question that confirms what was understood."""

from collections.abc import Collection, Mapping, Sequence

from ivr.audio.audible import Clip
from ivr.call.call import Call
from ivr.call.node import BACK, CHANGE_LANGUAGE, OPERATOR, REPEAT

YES, NO = "1", "2"
SPEECH_TEXTS = ("speech_offer", "speech_again", "speech_keys", "speech_operator", "speech_right")
"""Texts for callers who may speak."""
DIGITS = "words_digits"
"""The words for the keys 0 to 9, in this order; further ways of saying them follow, ten each."""
EVERYWHERE = {
    "words_operator": OPERATOR,
    "words_repeat": REPEAT,
    "words_back": BACK,
    "words_language": CHANGE_LANGUAGE,
}
"""Texts with words for every choice, and the key that they stand for."""
CONFIRMATION = {"words_yes": YES, "words_no": NO}
WORDS = (DIGITS, *EVERYWHERE, *CONFIRMATION)
UNCONFIRMED = frozenset((REPEAT, BACK, CHANGE_LANGUAGE))
"""Keys that need no confirmation: they do no harm if something else was meant."""


def digit_words(ways: Sequence[str]) -> dict[str, str]:
    """Return the words for digits, each with its key. `ways`: those of the text `DIGITS`."""
    return {word: str(place % 10) for place, word in enumerate(ways)}


def phrases(call: Call, keys: Collection[str], words: Mapping[str, str], *, back: bool) -> dict[str, str]:
    """Return what may be said at a choice, each phrase with its key.

    Args:
        keys: Those of the options.
        words: The ids of their words, by key.
        back: Whether the caller can go back.
    """
    said = call.version.words.get(call.state.language, {})
    digits = digit_words(said.get(DIGITS, ()))
    found = {word: key for word, key in digits.items() if key in keys or key in (OPERATOR, CHANGE_LANGUAGE)}
    for text, key in EVERYWHERE.items():
        if key != BACK or back:
            found |= dict.fromkeys(said.get(text, ()), key)
    for key, text in words.items():
        found |= dict.fromkeys(said.get(text, ()), key)
    return found


def offer(call: Call, spoken: Collection[str]) -> list[Clip]:
    """Return what tells a caller, once in a call, that they may speak; nothing if they cannot, or nothing is heard."""
    if not spoken or call.hearing.offered or not call.hearing.is_possible(call.state.language):
        return []
    call.hearing.offered = True
    return [(call.state.language, "speech_offer")]


async def is_meant(call: Call, clips: Sequence[Clip]) -> bool:
    """Ask a caller whether they have meant what was understood; once more if the answer is unclear.

    Keys pressed ahead never answer that.
    """
    language = call.state.language
    said = call.version.words.get(language, {})
    words = {phrase: key for text, key in CONFIRMATION.items() for phrase in said.get(text, ())}
    question = [*clips, (language, "speech_right")]
    answer = await call.listen(*question, fresh=True, words=words)
    if answer is None and call.hearing.heard is not None:
        answer = await call.listen(*question, fresh=True, words=words)
    call.event("confirmed", yes=answer == YES)
    return answer == YES
