"""The effect of a telephone on a voice: 300 to 3,400 Hz, 8,000 samples a second, µ-law."""

import numpy as np
from numpy.typing import NDArray

from prompts import g711

LOWEST, HIGHEST = 300, 3_400
RATE = 8_000
HEARD_RATE = 16_000
"""Hz; the recogniser's input rate."""
LEVEL = 0.1
"""RMS of full scale: -20 dBFS, as the site plays its prompts."""
MARGIN = 0.5
"""Seconds of silence around an announcement: a recogniser loses words at the edge of a file."""


def telephone_sound(samples: NDArray[np.int16], rate: int) -> NDArray[np.float32]:
    """Return the speech as heard on a caller's telephone, at 16 kHz, full scale 1. Needs only numpy."""
    spectrum = np.fft.rfft(samples / 32_768)
    frequency = np.fft.rfftfreq(len(samples), 1 / rate)
    spectrum[(frequency < LOWEST) | (frequency > HIGHEST)] = 0
    narrow = _at(spectrum, len(samples), rate, RATE)
    narrow *= LEVEL / max(float(np.sqrt(np.mean(narrow**2))), 1e-6)
    line = g711.from_ulaw(g711.ulaw(np.clip(np.round(narrow * 32_767), -32_768, 32_767).astype(np.int16)))
    wide = _at(np.fft.rfft(line / 32_768), len(line), RATE, HEARD_RATE)
    return np.pad(wide, round(MARGIN * HEARD_RATE)).astype(np.float32)


def _at(spectrum: NDArray[np.complex128], length: int, rate: int, wanted: int) -> NDArray[np.float64]:
    count = round(length * wanted / rate)
    bins = np.zeros(count // 2 + 1, dtype=np.complex128)
    kept = min(len(bins), len(spectrum))
    bins[:kept] = spectrum[:kept]
    return np.fft.irfft(bins, count) * (count / length)
