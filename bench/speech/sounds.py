"""What callers say, as a telephone sends it: the words of the example site, spoken by the quick voices, with noise."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr  # type: ignore[import-untyped]
from numpy.typing import NDArray

from ivr.home.settings import EXAMPLE
from prompts import catalogue
from prompts.voices import voice_of
from prompts.voices.process import VoicePool

RATE = 8_000
LEVEL = 3_000.0
"""The root mean square of speech: −21 dB below full scale."""
LANGUAGES = ("ar", "fr", "es", "it", "nl", "de", "en")
LOWEST, HIGHEST = 100, 3_400
"""Hz of the band."""
TIME_LIMIT = 30.0
_LOUD, _AUDIBLE = 0.03, 0.003
"""Shares of a sound's largest sample."""

Sound = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Utterance:
    """A way of saying something. `id`: of the text."""

    language: str
    id: str
    way: str
    sound: Sound


def utterances(ids: tuple[str, ...] = (), languages: tuple[str, ...] = LANGUAGES) -> Iterator[Utterance]:
    """Yield what callers may say in each language, spoken; only the texts `ids`, if there are any."""
    words = catalogue.load(Path(EXAMPLE)).words
    with VoicePool(TIME_LIMIT) as pool:
        for language in languages:
            for text, ways in words[language].items():
                for way in ways if not ids or text in ids else ():
                    samples, rate = pool.speak(voice_of(language), way)
                    sound = np.frombuffer(samples, "<i2") if isinstance(samples, bytes) else samples
                    yield Utterance(language, text, way, at_level(in_band(resampled(sound, rate))))


def resampled(samples: NDArray[np.generic], rate: int) -> Sound:
    """Return samples at `RATE`."""
    return np.asarray(soxr.resample(samples.astype(np.float64), rate, RATE))


def in_band(samples: Sound) -> Sound:
    """Return samples limited to the band of an IP telephone."""
    spectrum = np.fft.rfft(samples)
    frequencies = np.fft.rfftfreq(len(samples), 1 / RATE)
    spectrum[(frequencies < LOWEST) | (frequencies > HIGHEST)] = 0
    return np.asarray(np.fft.irfft(spectrum, len(samples)))


def at_level(samples: Sound, level: float = LEVEL) -> Sound:
    """Return speech with this level, without the silence at its ends, but with what is soft at them."""
    sizes = np.abs(samples)
    loud, audible = (np.flatnonzero(sizes > share * sizes.max()) for share in (_LOUD, _AUDIBLE))
    power = np.mean(samples[loud[0] : loud[-1] + 1] ** 2)
    return np.asarray(samples[audible[0] : audible[-1] + 1] * level / np.sqrt(power))


def ends(samples: Sound) -> int:
    """Return after how many samples speech is over; what follows is soft."""
    sizes = np.abs(samples)
    return int(np.flatnonzero(sizes > _LOUD * sizes.max())[-1]) + 1


def noise(length: int, below_speech_db: float, seed: int) -> Sound:
    """Return noise that is so much quieter than speech."""
    made = np.random.default_rng(seed).normal(0, 1, length)
    banded = in_band(made)
    return np.asarray(banded * LEVEL * 10 ** (-below_speech_db / 20) / np.sqrt(np.mean(banded**2)))


def as_sent(samples: Sound) -> NDArray[np.int16]:
    """Return samples as 16 bits."""
    return samples.round().clip(-32_768, 32_767).astype(np.int16)
