"""Pitch, speech time and clicks of one clip at 16 kHz."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]

RATE = 16_000
_STEP = 160
"""Samples: 10 ms."""
_FRAME = 640
"""Samples: 40 ms, two and a half periods of the lowest pitch."""
LOWEST, HIGHEST = 60, 400
"""Hz."""
_VOICED = 0.55
"""The least correlation of a frame with itself a period later."""
_FAINT_DB = 35.0
"""A frame so far below the loudest tenth is a pause, not speech."""
_SHORTEST_PAUSE = 10
"""Steps: 0.1 s; the closure of a p or t is shorter."""
_CLICK_RATIO, _CLICK_STEP = 6.0, 0.05
"""A click is a jump from one sample to the next that is so many times the largest one around it, and this large."""
_AROUND, _SELF = 80, 4
"""Samples: 5 ms on both sides, without the click itself."""
_EDGE = 80
"""Samples at each end of a clip."""


@dataclass(frozen=True, slots=True)
class Clip:
    """What was measured in one clip."""

    pitches: tuple[float, ...]  # Hz, one for each voiced frame
    speech_s: float  # without pauses
    clicks: int
    edge_dbfs: float  # the louder end's peak within 5 ms


def measure(samples: Samples) -> Clip:
    """Measure samples at `RATE`; full scale is 1. There must be at least 0.1 s."""
    levels = _levels(samples)
    speech = levels > np.percentile(levels, 90) - _FAINT_DB
    edge = max(np.abs(samples[:_EDGE]).max(), np.abs(samples[-_EDGE:]).max(), 1e-6)
    return Clip(tuple(_pitches(samples, speech)), _speech_s(speech), clicks(samples), float(20 * np.log10(edge)))


def _levels(samples: Samples) -> Samples:
    steps = samples[: len(samples) // _STEP * _STEP].reshape(-1, _STEP)
    levels: Samples = 10 * np.log10((steps**2).mean(axis=1) + 1e-10)
    return levels


def _speech_s(speech: NDArray[np.bool_]) -> float:
    """Return the seconds that are no pause."""
    changes = np.flatnonzero(np.diff(np.concatenate(([True], speech, [True])).astype(int)))
    pauses = (end - begin for begin, end in changes.reshape(-1, 2))
    return float((len(speech) - sum(pause for pause in pauses if pause >= _SHORTEST_PAUSE)) * _STEP / RATE)


def _pitches(samples: Samples, speech: NDArray[np.bool_]) -> list[float]:
    """Return the pitch of each voiced frame, by the first high peak of its normalized autocorrelation."""
    shortest, longest = RATE // HIGHEST, RATE // LOWEST
    found = []
    for step in np.flatnonzero(speech):
        frame = samples[step * _STEP : step * _STEP + _FRAME]
        if len(frame) < _FRAME:
            break
        frame = frame - frame.mean()
        spectrum = np.fft.rfft(frame, 2 * _FRAME)
        correlation = np.fft.irfft(spectrum * spectrum.conj())[: longest + 1]
        squares = np.concatenate(([0.0], np.cumsum(frame**2)))
        lags = np.arange(longest + 1)
        energy = np.sqrt(squares[_FRAME - lags] * (squares[-1] - squares[lags]))
        normalized = correlation / np.maximum(energy, 1e-9)
        peak = normalized[shortest:].max()
        if peak >= _VOICED:
            # The first peak that is nearly as high: a multiple of the period correlates as well.
            lag = shortest + int(np.argmax(normalized[shortest:] >= 0.9 * peak))
            while lag < longest and normalized[lag + 1] > normalized[lag]:
                lag += 1
            found.append(RATE / lag)
    return found


def clicks(samples: Samples) -> int:
    """Return the number of isolated jumps: a splice in the middle of a wave, or a lost sample."""
    jumps = np.abs(np.diff(samples, prepend=0.0, append=0.0))
    found, last = 0, -_AROUND
    for place in np.flatnonzero(jumps > _CLICK_STEP).tolist():
        before = jumps[max(0, place - _AROUND) : max(0, place - _SELF)]
        after = jumps[place + _SELF + 1 : place + _AROUND]
        around = max(before.max(initial=0.0), after.max(initial=0.0))
        if jumps[place] > _CLICK_RATIO * around and place - last >= _AROUND:
            found, last = found + 1, place
    return found
