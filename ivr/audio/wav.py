"""Recordings as Asterisk writes them: a WAV header of 44 bytes, then 8 kHz, 16 bits, one channel.

Asterisk writes the sizes into the header when it closes the file. If it dies first, they stay 0, and the last two
seconds or so (32 KiB that it had not written yet) are lost.
"""

import struct
import wave
from pathlib import Path

HEADER = 44


def repair(path: Path) -> bool:
    """Correct the sizes in the header by the size of the file; return whether the recording was cut off.

    Raises OSError, and wave.Error or EOFError for what is not a recording of Asterisk.
    """
    size = path.stat().st_size
    with path.open("r+b") as file:
        head = file.read(HEADER)
        if len(head) < HEADER:
            raise EOFError(f"{size} bytes, less than a header")
        if (head[:4], head[8:16], head[36:40]) != (b"RIFF", b"WAVEfmt ", b"data"):
            raise wave.Error("not a WAV file as Asterisk writes them")
        sound = (size - HEADER) // 2 * 2
        if struct.unpack("<I", head[40:44])[0] > 0 or sound == 0:
            return False
        file.truncate(HEADER + sound)
        file.seek(4)
        file.write(struct.pack("<I", HEADER - 8 + sound))
        file.seek(40)
        file.write(struct.pack("<I", sound))
    return True


def duration_s(path: Path) -> float:
    """Return how long the recording is, by the size of the file. Raises OSError, wave.Error, EOFError."""
    with wave.open(str(path), "rb") as file:
        bytes_s = file.getframerate() * file.getsampwidth() * file.getnchannels()
    return max(0, path.stat().st_size - HEADER) / bytes_s
