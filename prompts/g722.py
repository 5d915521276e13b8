"""G.722 at 64 kbit/s, as ITU-T recommends it: wide-band speech in as many bytes as a telephone's.

A G.722 decoder is not told that a new file begins: it goes on with the state in which the last sound left it, whereas a
file is encoded from the state of rest. Until the two have become the same, which takes about 100 ms, one hears noise as
loud as speech. So each file begins with silence (`manifest.G722_LEAD_S`), in which that is over before speech begins.
"""

from __future__ import annotations

import numpy as np
from G722 import G722  # type: ignore[import-not-found]

from prompts.manifest import G722_LEAD_S

RATE, BIT_RATE = 16_000, 64_000
DELAY = 22
"""Samples that a decoder's sound comes later than what was encoded."""


def encode(sln16: bytes) -> bytes:
    """The lead, and one byte for each two samples (16 kHz, 16 bit, little-endian)."""
    lead = np.zeros(round(G722_LEAD_S * RATE), dtype=np.int16)
    samples = np.frombuffer(sln16, dtype="<i2").astype(np.int16)
    return bytes(G722(RATE, BIT_RATE).encode(np.concatenate((lead, samples))))


def decode(*files: bytes) -> bytes:
    """What a telephone makes of files that are played one after another, leads included."""
    decoder = G722(RATE, BIT_RATE)
    return b"".join(np.asarray(decoder.decode(data), dtype="<i2").tobytes() for data in files)
