"""How loud a clip is: by ITU-R BS.1770, which also weighs how people hear, and by the level of its speech.

BS.1770 measures blocks of 0.4 s and leaves out pauses; a clip of under `LONG` seconds has too few of them. It is
measured as if it were played again and again: so short clips of one voice, put together, are as loud as long ones.
Where that would leave the power of a single word far from that of others, the power decides.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pyloudnorm import Meter

LONG = 3.0
"""Seconds from which a clip is measured by itself."""
TARGET = -20.0
"""Loudness of every clip in LUFS."""
USUAL_RMS, RMS_LEEWAY = TARGET + 0.6, 0.9
"""Root mean square of speech with that loudness in dBFS, and how far that of a short clip may be from it in dB."""
MARGIN, HANGOVER, FRAME = 15.9, 0.2, 0.02
"""Of the active speech level, in dB, s and s."""


def loudness(samples: NDArray[np.float32], rate: int) -> float:
    """Return the loudness in LUFS; -inf if there is hardly any sound. Full scale is 1."""
    repeated = np.resize(samples, max(len(samples), round(LONG * rate)))
    return float(_meter(rate).integrated_loudness(repeated))


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


@cache
def _meter(rate: int) -> Meter:
    from pyloudnorm import Meter  # imports scipy, 0.5 s; only builders and measurements need it

    return Meter(rate)


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
