"""A readable spelling of Arabic sounds, for tests."""

from prompts.voices.arabic.sounds import Word
from prompts.voices.arabic.text import phrases


def sounds(text: str, *, stress: bool = False, colour: bool = False) -> str:
    """Return the sounds of a text: a colon after long ones, spaces between words and phrases, without the last mark."""
    spoken = [" ".join(_word(word, stress, colour) for word in phrase.words) + phrase.mark for phrase in phrases(text)]
    return " ".join(spoken).rstrip(".,")


def _word(word: Word, stress: bool, colour: bool) -> str:
    return "".join(
        ("'" if stress and phone.stressed else "")
        + phone.symbol
        + (":" if phone.long else "")
        + ("°" if colour and phone.coloured else "")
        for phone in word
    )
