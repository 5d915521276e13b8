"""The analysis of telephone sound: tones and prompts.

All samples are 16-bit signed, 8,000 a second, one channel, as `numpy` arrays of `int16`; times are seconds; levels are
dB relative to the root mean square of a full-scale square wave (a full-scale sine has -3).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

RATE = 8000
Samples = npt.NDArray[np.int16]

SAME = 0.4
"""`find` scores at or above this are the same prompt.

Measured with 25 announcements of 1.6 to 7.9 s in five languages, band-limited, through µ-law, at half the level, with
noise: the same .98 to 1.0; with one stall of 0.2 s in it at least .5, with four, by its pieces, .40; another sentence
at most .24 in another language (.36 where only the first second was looked for, .52 with half a second: too short) and
.34 in the same. Sentences that begin alike are alike ("... press one", "... press two": .72 to .85): to tell these
apart, take the best score.
"""

_TONE_BLOCK = 400  # samples: a bandwidth of about 20 Hz
_PIECE = RATE  # samples
_SLIP = RATE // 2  # samples that stalls may move a piece from its place
_DOUBT = 0.2  # below this score, the pieces are not tried: it is another prompt
_MARGIN = 4000  # samples of a reference that may lie outside the recording


class Match(NamedTuple):
    """The position of a found reference, in seconds from the beginning, and how similar the two are there (0 to 1)."""

    offset_s: float
    score: float

    @property
    def same(self) -> bool:
        return self.score >= SAME


def tone(frequency_hz: float, seconds: float, dbfs: float = -15.0) -> Samples:
    """Return a sine of that level."""
    time = np.arange(round(seconds * RATE)) / RATE
    return _rounded(32768 * 10 ** (dbfs / 20) * np.sqrt(2) * np.sin(2 * np.pi * frequency_hz * time))


def tone_share(samples: Samples, frequency_hz: float) -> float:
    """Return how much of the energy lies within some 10 Hz of `frequency_hz`, 0 to 1 (Goertzel, blocks of 50 ms).

    Blocks are taken separately, so that a lost packet or a gap does not matter. A sine through µ-law gives over .99,
    silence 0. Above 1,000 Hz half a second of speech or waiting music gives at most .17 (measured on 25 announcements
    and five pieces); below, music can be a tone (.9).
    """
    blocks = len(samples) // _TONE_BLOCK
    if not blocks:
        return 0.0
    matrix = samples[: blocks * _TONE_BLOCK].reshape(blocks, _TONE_BLOCK).astype(np.float32)
    energy = float(np.sum(matrix**2))
    if energy < matrix.size * 10:  # about -80 dB: nothing but rounding
        return 0.0
    wave = np.exp(-2j * np.pi * frequency_hz / RATE * np.arange(_TONE_BLOCK)).astype(np.complex64)
    return min(1.0, float(np.sum(np.abs(matrix @ wave) ** 2)) * 2 / _TONE_BLOCK / energy)


def has_tone(samples: Samples, frequency_hz: float, share: float = 0.5) -> bool:
    """Return whether at least `share` of the energy is that tone."""
    return tone_share(samples, frequency_hz) >= share


def find(samples: Samples, reference: Samples) -> Match:
    """Find the `reference` in `samples`, by normalised cross-correlation with raised high tones.

    Both must be of the same recording; a codec (µ-law, A-law), another level and noise do not matter. If a prompt was
    cut short, look for its first second: `find(heard, prompt[:RATE])`. Up to half a second of `reference` may be
    missing at either end of `samples` (a call that is hung up loses the last packets; the offset is negative where the
    beginning is missing); a reference that is longer than that is not found (score 0). One that stalled several times
    is found by its pieces of a second, each of which is within half a second of its place.
    """
    whole = _found(samples, reference)
    if whole.same or whole.score < _DOUBT or len(reference) < 2 * _PIECE:
        return whole
    return max(whole, _found_in_pieces(samples, reference, whole), key=lambda match: match.score)


def _found_in_pieces(samples: Samples, reference: Samples, whole: Match) -> Match:
    """Return the mean score of the pieces, weighted by energy; a piece that is elsewhere scores 0."""
    pieces = np.array_split(reference, len(reference) // _PIECE)
    energy = np.array([float(np.sum(_lifted(piece) ** 2)) for piece in pieces])
    starts = np.cumsum([0] + [len(piece) for piece in pieces[:-1]])
    score, first = 0.0, round(whole.offset_s * RATE)
    for piece, start, share in zip(pieces, starts, energy / energy.sum(), strict=True):
        place = max(0, first + int(start) - _SLIP)
        match = _found(samples[place : place + len(piece) + 2 * _SLIP], piece)
        if match.same:
            score += share * match.score
    return Match(whole.offset_s, float(score))


def _found(samples: Samples, reference: Samples) -> Match:
    """Find a reference as a whole."""
    length = len(reference)
    places = len(samples) + 2 * _MARGIN - length + 1
    if places < 1:
        return Match(0.0, 0.0)
    samples_, reference_ = np.pad(_lifted(samples), _MARGIN), _lifted(reference)
    # A sum, not a product of vectors: that would wake a thread for each core, which then waits busily for the next.
    norm = float(np.sqrt(np.sum(reference_**2)))
    if norm == 0.0:
        return Match(0.0, 0.0)
    size = _transform_size(len(samples_))  # at none of the places does the reference wrap around
    spectrum = np.fft.rfft(samples_, size) * np.conj(np.fft.rfft(reference_, size))
    products = np.fft.irfft(spectrum, size)[:places]
    sums = np.concatenate(([0.0], np.cumsum(samples_**2)))
    energy = sums[length:] - sums[:-length]
    # Where there is almost no sound, rounding would look like a match.
    energy = np.maximum(energy, max(energy.max() * 1e-4, length * 4.0))
    scores = products / (np.sqrt(energy) * norm)
    best = int(np.argmax(scores))
    return Match((best - _MARGIN) / RATE, float(np.clip(scores[best], 0.0, 1.0)))


def _transform_size(length: int) -> int:
    """Return the next size from `length` on that is quick to transform: a power of two, or one and a quarter or a half
    of one."""
    power = 1 << (length - 1).bit_length()
    return next(size for size in (power * 5 // 8, power * 3 // 4, power) if size >= length)


def _lifted(samples: Samples) -> npt.NDArray[np.float64]:
    """Return the first difference: without it, the low tones that all voices share would decide."""
    return np.diff(samples.astype(np.float64), prepend=0.0)


def _rounded(samples: npt.NDArray[np.float64]) -> Samples:
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
