"""A clip of the telephone as a WAV file, which every browser plays."""

import io
import wave
from pathlib import Path

from prompts import g711

_TELEPHONE_HZ = 8000


def telephone_wav(path: Path) -> bytes:
    """Return what callers hear of a clip in µ-law. Raises OSError."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_TELEPHONE_HZ)
        file.writeframes(g711.from_ulaw(path.read_bytes()).astype("<i2").tobytes())
    return out.getvalue()
