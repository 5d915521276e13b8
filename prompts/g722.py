"""ITU-T G.722 at 64 kbit/s: wide-band speech in as many bytes as G.711.

A G.722 decoder does not know where a new file begins: it carries on with the state that the last sound left, while a
file is encoded from the initial state. Until the two states converge, which takes about 100 ms, the listener hears
noise as loud as speech. So each file begins with silence (`manifest.G722_LEAD_S`), and they converge before the speech.
"""

from __future__ import annotations

import numpy as np
from G722 import G722  # type: ignore[import-not-found]

from prompts.manifest import G722_LEAD_S

RATE, BIT_RATE = 16_000, 64_000
DELAY = 22
"""Samples by which the decoded sound lags behind the encoded one."""


def _codec() -> G722:
    return G722(RATE, BIT_RATE, use_numpy=False)  # otherwise it looks for a package that is not there


def encode(sln16: bytes) -> bytes:
    """Return the lead-in silence and one byte per two samples (16 kHz, 16 bit, little-endian)."""
    lead = np.zeros(round(G722_LEAD_S * RATE), dtype=np.int16)
    samples = np.frombuffer(sln16, dtype="<i2").astype(np.int16)
    return bytes(_codec().encode(np.concatenate((lead, samples))))


def decode(*files: bytes) -> bytes:
    """Return what a telephone plays for files in sequence, with their lead-in silence."""
    decoder = _codec()
    return b"".join(np.asarray(decoder.decode(data), dtype="<i2").tobytes() for data in files)
