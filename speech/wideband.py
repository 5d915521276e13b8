"""A telephone's sound as models know sound: 16 kHz, with a breath of noise where a telephone carries nothing.

Models were made with sound up to 8 kHz. Above a telephone's band there is nothing at all, which they have never heard;
so they take words for others.
"""

from __future__ import annotations

import numpy as np
import soxr  # type: ignore[import-untyped]
from numpy.typing import NDArray

from speech.gate import RATE as NARROW

RATE = 16_000
"""Hz of what comes out."""
_NOISE = 15.0
"""Its root mean square, of 32,768: −67 dB below full scale, quieter than any line. Measured with 10 to 20."""
_SEED = 1


class Wideband:
    """Widens one utterance. The same sound gives the same."""

    def __init__(self) -> None:
        # Not of integers: these get a noise that is another one each time.
        self._resampler = soxr.ResampleStream(NARROW, RATE, 1, dtype="float32", quality="LQ")
        self._random = np.random.default_rng(_SEED)

    def feed(self, sound: bytes) -> bytes:
        """Take sound of 16 bits and return what is ready of it; some 60 ms come with the next, which silence fills."""
        wide = self._resampler.resample_chunk(np.frombuffer(sound, "<i2").astype(np.float32))
        return _with_noise(wide, self._random).tobytes()


def with_noise(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return samples at `RATE`, up to 32,768, with the noise."""
    return _with_noise(samples, np.random.default_rng(_SEED))


def _with_noise(samples: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.int16]:
    noise = random.normal(0, _NOISE, len(samples))
    return np.asarray((samples + noise).round().clip(-32_768, 32_767), "<i2")
