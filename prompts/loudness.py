"""How loud a clip is: by ITU-R BS.1770, which also weighs how people hear, and by the level of its speech.

BS.1770 measures blocks of 0.4 s and leaves out pauses; a clip of under `LONG` seconds has too few of them. It is
measured as if it were played again and again: so short clips of one voice, put together, are as loud as long ones.
Where that would leave the power of a single word far from that of others, the power decides.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

LONG = 3.0
"""Seconds from which a clip is measured by itself."""
TARGET = -20.0
"""Loudness of every clip in LUFS."""
USUAL_RMS, RMS_LEEWAY = TARGET + 0.6, 0.9
"""Root mean square of speech with that loudness in dBFS, and how far that of a short clip may be from it in dB."""
MARGIN, HANGOVER, FRAME = 15.9, 0.2, 0.02
"""Of the active speech level, in dB, s and s."""
BLOCK_S, STEP_S = 0.4, 0.1
"""BS.1770 measures blocks of so many seconds, of which one begins every so many."""
ABSOLUTE_GATE, RELATIVE_GATE = -70.0, -10.0
"""Blocks up to this loudness in LUFS do not count, nor those so far from the loudness of all others, in LU."""
_OFFSET = -0.691
"""Of loudness from power in dB: a sine of 997 Hz has the same in both."""
_SHELF_HZ, _SHELF_DB, _SHELF_Q = 1500.0, 4.0, math.sqrt(0.5)
_PASS_HZ, _PASS_Q = 38.0, 0.5
"""The weighting's two filters: a high shelf, for the head of a listener, and a high pass."""
_RING_S = 0.125
"""After this time nothing is left of what went into the filters."""


def loudness(samples: NDArray[np.float32], rate: int) -> float:
    """Return the loudness in LUFS; -inf if there is hardly any sound. Full scale is 1."""
    repeated = np.resize(samples, max(len(samples), round(LONG * rate)))
    energy = np.concatenate(([0.0], np.cumsum(_weigh(repeated, rate) ** 2)))
    block, step = round(BLOCK_S * rate), STEP_S * rate
    starts = np.round(np.arange(round((len(repeated) - block) / step) + 1) * step).astype(int)
    power = (energy[np.minimum(starts + block, len(repeated))] - energy[starts]) / block
    heard = power[power > _power(ABSOLUTE_GATE)]
    if not len(heard):
        return float("-inf")
    return _lufs(heard[heard > _power(_lufs(heard) + RELATIVE_GATE)])


def _lufs(power: NDArray[np.float64]) -> float:
    return _OFFSET + 10 * math.log10(float(power.mean()))


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET) / 10))


def _weigh(samples: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """Return the samples as BS.1770 weighs them: filtered piece by piece, and what rings on added to the next piece."""
    size, ring = 1 << rate.bit_length(), round(_RING_S * rate)
    piece = size - ring
    pieces = np.zeros((-(-len(samples) // piece), size))
    for row, start in zip(pieces, range(0, len(samples), piece), strict=True):
        row[: len(samples) - start][:piece] = samples[start : start + piece]
    filtered = np.fft.irfft(np.fft.rfft(pieces) * _weighting(rate, size))
    filtered[1:, :ring] += filtered[:-1, piece:]
    return filtered[:, :piece].reshape(-1)[: len(samples)]


@lru_cache(8)
def _weighting(rate: int, count: int) -> NDArray[np.complex128]:
    """Return the frequency response of BS.1770's weighting, for a transform of `count` samples.

    The filters are those of the Audio EQ Cookbook by Robert Bristow-Johnson, as (numerator, denominator).
    """
    delay = np.exp(-2j * np.pi * np.arange(count // 2 + 1) / count)
    root = 10 ** (_SHELF_DB / 80)
    gain, turn = root**2, 2 * math.pi * _SHELF_HZ / rate
    cosine, slope = math.cos(turn), root * math.sin(turn) / _SHELF_Q
    above, below = gain + 1, gain - 1
    shelf = (
        (
            gain * (above + below * cosine + slope),
            -2 * gain * (below + above * cosine),
            gain * (above + below * cosine - slope),
        ),
        (above - below * cosine + slope, 2 * (below - above * cosine), above - below * cosine - slope),
    )
    turn = 2 * math.pi * _PASS_HZ / rate
    cosine, width = math.cos(turn), math.sin(turn) / (2 * _PASS_Q)
    high_pass = (((1 + cosine) / 2, -1 - cosine, (1 + cosine) / 2), (1 + width, -2 * cosine, 1 - width))
    response = np.ones(len(delay), dtype=np.complex128)
    for numerator, denominator in (shelf, high_pass):
        response *= np.polyval(numerator[::-1], delay) / np.polyval(denominator[::-1], delay)
    return response


def gain(samples: NDArray[np.float32], rate: int) -> float:
    """Return the gain in dB that makes a clip as loud as all others."""
    wanted = TARGET - loudness(samples, rate)
    if len(samples) >= LONG * rate:
        return wanted
    level = rms(samples) + wanted
    return wanted + float(np.clip(level, USUAL_RMS - RMS_LEEWAY, USUAL_RMS + RMS_LEEWAY)) - level


def rms(samples: NDArray[np.float32]) -> float:
    """Return the root mean square in dBFS, pauses included; -inf for digital silence."""
    power = float((samples.astype(np.float64) ** 2).mean())
    return 10 * math.log10(power) if power else float("-inf")


def active_level(samples: NDArray[np.float32], rate: int) -> float:
    """Return the level of the speech in dBFS, not counting pauses; -inf for digital silence.

    After ITU-T P.56: the power of the whole clip divided by the share of time that holds speech. A 20 ms frame counts
    as speech if it, or a frame in the 200 ms before it, is less than 15.9 dB below the level. (P.56 smooths the
    rectified signal over 30 ms where we use frames; the margin and the hangover are from P.56.)
    """
    size = round(FRAME * rate)
    count = -(-len(samples) // size)
    frames = np.zeros(count * size, dtype=np.float64)
    frames[: len(samples)] = samples
    power = (frames.reshape(count, size) ** 2).mean(axis=1)
    if not power.any():
        return float("-inf")
    hangover = np.ones(1 + round(HANGOVER / FRAME))
    level = 10 * np.log10(power.mean())
    # The level only rises as frames drop out, and the active share has finitely many values: the loop ends.
    while True:
        loud = power > 10 ** ((level - MARGIN) / 10)
        active = np.convolve(loud, hangover)[:count] > 0
        risen = 10 * np.log10(power.sum() / active.sum())
        if risen - level < 0.01:
            return float(risen)
        level = risen
