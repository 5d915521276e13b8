"""Callers' words, spoken by voices of Kokoro with which neither the site speaks nor the recogniser was chosen.

Speaking takes a second of a processor or more for each phrase, so what was spoken is kept in a folder.
"""

import hashlib
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.speech import sounds
from ivr.home import settings
from prompts.voices import voice_of
from prompts.voices.kokoro import NAME, SPEEDS, engine, weights
from prompts.voices.kokoro.model import RATE, Model
from prompts.voices.kokoro.styles import ROWS, WIDTH
from prompts.voices.process import VoicePool

HELD_OUT = "em_alex"
"""A man's voice, whose style is no part of the site's Latin and French voices, and a fifth of its Arabic one."""

QUICK = "quick"
"""Not a voice of Kokoro's, but the quick one of each language."""


class Spoken:
    """Speaks in one voice. `styles`: package/voices of the npm package kokoro-js 1.2.1; `kept`: what was spoken."""

    def __init__(self, voice: str, styles: Path, kept: Path) -> None:
        self._voice, self._styles, self._kept = voice, styles, kept
        kept.mkdir(parents=True, exist_ok=True)
        self._model = cache(lambda: Model(weights.read(weights.find(settings.read(bound=False).voices / NAME))))

    def say(self, language: str, text: str) -> sounds.Sound:
        """Return a phrase as the telephone sends it, at the level of speech."""
        said = as_said(text)
        digest = hashlib.sha256(f"{self._voice}\0{language}\0{said}".encode()).hexdigest()[:24]
        file = self._kept / f"{digest}.npy"
        if not file.exists():
            samples, rate = self._speak(language, said)
            sound = sounds.at_level(sounds.in_band(sounds.resampled(samples, rate)))
            np.save(file, sound.astype(np.float32))
        return np.asarray(np.load(file), np.float64)

    def _speak(self, language: str, said: str) -> tuple[NDArray[np.generic], int]:
        if self._voice == QUICK:
            with VoicePool(sounds.TIME_LIMIT) as pool:
                samples, rate = pool.speak(voice_of(language), said)
                return samples, rate
        rows = np.fromfile(self._styles / f"{self._voice}.bin", "<f4").reshape(ROWS, WIDTH)
        parts = engine.split(engine.to_symbols(said, language))
        return engine.join([self._model().run(part, rows, SPEEDS[language]) for part in parts]), RATE


def as_said(text: str) -> str:
    """Return a phrase as a sentence of its own."""
    return f"{text[:1].upper()}{text[1:]}."
