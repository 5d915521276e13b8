"""The engine: a text through its language's pronunciation and the model.

A voice's name is its language, a colon, and the path of the model (`voice` in this package).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from prompts import audio, loudness
from prompts.audio import Samples
from prompts.voices.kokoro import arabic, latin, weights
from prompts.voices.kokoro.model import LONGEST, RATE, Model, style

PAUSE = 0.4
"""Seconds between the parts of a text that is too long for one run, as the model makes between two sentences."""
KEPT, FADE = 0.03, 0.01
"""Seconds: what a part keeps before and after its speech, and how long it fades there."""
_ENDS = (re.compile(r"(?<=[.?!…]) "), re.compile(r"(?<=[,;:]) "), re.compile(" "))
"""Where a long text may be split, best first."""


def speak(text: str, name: str, settings: Mapping[str, float]) -> tuple[bytes, int]:
    """Return 16-bit samples and their rate in Hz.

    Args:
        settings: `speed`; 1 is the style's own.

    Raises:
        ValueError: The model is not there or not the right one, or the text cannot be spoken.
    """
    language, _, path = name.partition(":")
    spoken = to_symbols(text, language)
    if not spoken:
        raise ValueError("there is nothing to speak in this text; write it in words")
    model, speed = _load(path), settings.get("speed", 1.0)
    samples = join([model.run(part, style(language), speed) for part in split(spoken)])
    peak = max(1.0, float(np.abs(samples).max()))
    return (samples * (32_767 / peak)).round().astype(np.int16).tobytes(), RATE


def to_symbols(text: str, language: str) -> str:
    """Return the model's symbols for a text; empty if there is nothing to speak."""
    return arabic.symbols(text) if language == "ar" else latin.symbols(text, language)


def split(spoken: str, longest: int = LONGEST) -> Iterator[str]:
    """Yield parts of at most `longest` symbols, split at the ends of sentences if that is possible."""
    if len(spoken) <= longest:
        yield spoken
        return
    for pattern in _ENDS:
        if places := [found.start() for found in pattern.finditer(spoken)]:
            # The middle one, so that no part is so short that it sounds different.
            place = min(places, key=lambda place: abs(place - len(spoken) / 2))
            yield from split(spoken[:place], longest)
            yield from split(spoken[place + 1 :], longest)
            return
    yield from (spoken[start : start + longest] for start in range(0, len(spoken), longest))


def join(parts: Sequence[Samples]) -> Samples:
    """Join spoken parts with pauses, without the silence that the model adds to each."""
    if len(parts) == 1:
        return parts[0]
    pause = np.zeros(round((PAUSE - 2 * KEPT) * RATE), np.float32)
    return np.concatenate([piece for part in parts for piece in (_trim(part), pause)][:-1])


def _trim(part: Samples) -> Samples:
    first, last = audio.speech_bounds(part, RATE, loudness.active_level(part, RATE))
    kept = round(KEPT * RATE)
    cut = part[max(0, first - kept) : last + kept].copy()
    ramp = np.linspace(0, 1, round(FADE * RATE), dtype=np.float32)
    cut[: len(ramp)] *= ramp
    cut[-len(ramp) :] *= ramp[::-1]
    return cut


@cache
def _load(path: str) -> Model:
    try:
        return Model(weights.read(Path(path)))
    except weights.WeightsError as error:
        raise ValueError(str(error)) from None
