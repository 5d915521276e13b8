"""The levels and silences of what a telephone has heard, and G.711 µ-law; `ivr.softphone.sound` has tones and prompts.

Levels are dB relative to the root mean square of a full-scale square wave (a full-scale sine has -3).
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ivr.softphone.sound import RATE, Samples

QUIET_DBFS = -50.0
"""Below this a line is silent: idle µ-law has -84, the pauses of a recording -70 to -55, speech -30 to -10."""

_FRAME = 80  # samples: silences are measured to 10 ms


class Silence(NamedTuple):
    """A stretch below the level asked for, in seconds."""

    start_s: float
    length_s: float


def level_dbfs(samples: Samples) -> float:
    """Return the root mean square in dB; -96 (one step of 16 bits is -90) for digital silence or no samples."""
    return _dbfs(_mean_square(samples))


def silences(samples: Samples, min_s: float = 0.2, below_dbfs: float = QUIET_DBFS) -> list[Silence]:
    """Return all stretches of at least `min_s` below `below_dbfs`, in order, to 10 ms.

    What `Call.heard` returns has zeros where no sound arrived at all, so these count.
    """
    frames = len(samples) // _FRAME
    power = np.mean(samples[: frames * _FRAME].reshape(frames, _FRAME).astype(np.float64) ** 2, axis=1)
    quiet = power < (32768 * 10 ** (below_dbfs / 20)) ** 2
    edges = np.flatnonzero(np.diff(np.concatenate(([False], quiet, [False])).astype(np.int8)))
    frame_s = _FRAME / RATE
    runs = [Silence(int(start) * frame_s, int(end - start) * frame_s) for start, end in edges.reshape(-1, 2)]
    return [run for run in runs if run.length_s >= min_s]


def longest_silence(samples: Samples, below_dbfs: float = QUIET_DBFS) -> Silence:
    """Return the longest stretch below `below_dbfs`; of length 0 if there is none."""
    return max(silences(samples, 0.0, below_dbfs), key=lambda silence: silence.length_s, default=Silence(0.0, 0.0))


def read_ulaw(path: Path) -> Samples:
    """Read a raw G.711 µ-law file, such as Asterisk's `.ulaw`."""
    return decode_ulaw(path.read_bytes())


def decode_ulaw(data: bytes) -> Samples:
    """Decode G.711 µ-law bytes to samples."""
    return _ULAW[np.frombuffer(data, np.uint8)]


def encode_ulaw(samples: Samples) -> bytes:
    """Encode samples as G.711 µ-law bytes."""
    magnitude = np.minimum(np.abs(samples.astype(np.int32)), 32635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 15
    codes: npt.NDArray[np.uint8] = (~(np.where(samples < 0, 128, 0) | exponent << 4 | mantissa) & 255).astype(np.uint8)
    return codes.tobytes()


def _ulaw_table() -> Samples:
    code = ~np.arange(256) & 255
    magnitude = ((((code & 15) << 3) + 132) << (code >> 4 & 7)) - 132
    return np.where(code & 128, -magnitude, magnitude).astype(np.int16)


_ULAW = _ulaw_table()


def _mean_square(samples: Samples) -> float:
    return float(np.mean(samples.astype(np.float64) ** 2)) if len(samples) else 0.0


def _dbfs(mean_square: float) -> float:
    return max(-96.0, 10 * float(np.log10(mean_square / 32768**2))) if mean_square > 0 else -96.0
