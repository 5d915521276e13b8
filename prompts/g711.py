"""ITU-T G.711: 16-bit linear samples to and from µ-law and A-law, one byte per sample, by tables built at import.

libsndfile (`soundfile`) agrees but for A-law's negative decision values: it rounds 127 of them away from zero, where
the ITU's own software (G.191) rounds towards it. Using it would change the bytes of nearly every prompt.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ULAW_BIAS, ULAW_CLIP = 132, 32_635


def _ulaw_table() -> NDArray[np.uint8]:
    value = np.arange(-32_768, 32_768)
    magnitude = np.minimum(np.abs(value), ULAW_CLIP) + ULAW_BIAS
    exponent = np.floor(np.log2(magnitude)).astype(int) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    code: NDArray[np.int64] = ~(np.where(value < 0, 0x80, 0) | (exponent << 4) | mantissa) & 0xFF
    return code.astype(np.uint8)


def _alaw_table() -> NDArray[np.uint8]:
    value = np.arange(-32_768, 32_768) >> 3
    magnitude = np.where(value < 0, -value - 1, value)
    exponent = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(int) - 4, 0)
    mantissa = np.where(exponent > 0, magnitude >> exponent, magnitude >> 1) & 0x0F
    code: NDArray[np.int64] = (np.where(value < 0, 0, 0x80) | (exponent << 4) | mantissa) ^ 0x55
    return code.astype(np.uint8)


def _ulaw_values() -> NDArray[np.int16]:
    code = ~np.arange(256) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + ULAW_BIAS) << ((code >> 4) & 7)) - ULAW_BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw_values() -> NDArray[np.int16]:
    code = np.arange(256) ^ 0x55
    exponent, mantissa = (code >> 4) & 7, code & 0x0F
    magnitude = np.where(exponent > 0, (mantissa * 2 + 33) << np.maximum(exponent - 1, 0), mantissa * 2 + 1) << 3
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


_ULAW, _ALAW, _ULAW_VALUES, _ALAW_VALUES = _ulaw_table(), _alaw_table(), _ulaw_values(), _alaw_values()


def ulaw(samples: NDArray[np.int16]) -> bytes:
    """Return the samples as µ-law, one byte per sample."""
    return _ULAW[samples.astype(np.int32) + 32_768].tobytes()


def alaw(samples: NDArray[np.int16]) -> bytes:
    """Return the samples as A-law, one byte per sample."""
    return _ALAW[samples.astype(np.int32) + 32_768].tobytes()


def from_ulaw(data: bytes) -> NDArray[np.int16]:
    """Return the samples of µ-law bytes."""
    return _ULAW_VALUES[np.frombuffer(data, dtype=np.uint8)]


def from_alaw(data: bytes) -> NDArray[np.int16]:
    """Return the samples of A-law bytes."""
    return _ALAW_VALUES[np.frombuffer(data, dtype=np.uint8)]
