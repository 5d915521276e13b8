"""How long each text lasts in each language: as measured in its audio, else estimated from the voice's pace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prompts.catalogue import Catalogues
from prompts.manifest import Audio, Manifest

_LETTERS_S = 14.0
"""Characters per second of a voice whose pace is not known. Arabic vowels count: vowelled texts are spoken slowly."""
_LEAST = 30
"""Texts of at least so many characters tell a voice's pace: short ones are mostly their beginning and end."""
_ENOUGH = 10
"""So many of them do."""
_PAUSE_S = 0.5
"""Seconds that an estimate adds to the characters' time."""


@dataclass(frozen=True, slots=True)
class Length:
    """How long a text lasts in a language. `audio`: None if there is none of the current text; then it is estimated."""

    language: str
    id: str
    seconds: float
    audio: Audio | None


def estimate(text: str, letters_s: float = _LETTERS_S) -> float:
    """Return about how many seconds a text lasts."""
    return _PAUSE_S + len(text) / letters_s


def lengths(texts: Catalogues, heard: Manifest, language: str) -> Iterator[Length]:
    """Yield the length of each text that exists in a language, in the order of the catalogues."""
    letters_s = _pace(heard, language)
    for prompt in texts.ids:
        text, audio = texts.text(language, prompt), heard.audio(language, prompt)
        if audio is not None and audio.text == text:
            yield Length(language, prompt, audio.seconds, audio)
        elif text is not None:
            yield Length(language, prompt, estimate(text, letters_s), None)


def _pace(heard: Manifest, language: str) -> float:
    """Return the characters per second of a language's audio."""
    long = [audio for audio in heard.prompts.get(language, {}).values() if len(audio.text) >= _LEAST]
    if len(long) < _ENOUGH:
        return _LETTERS_S
    return sum(len(audio.text) for audio in long) / sum(max(0.1, audio.seconds - _PAUSE_S) for audio in long)
