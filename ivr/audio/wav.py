"""Asterisk's recordings: a WAV header of 44 bytes, then samples with 8 kHz, 16 bits, one channel.

Asterisk writes the sizes into the header when it closes the file. If it dies before, they stay 0, and about the last
two seconds (32 KiB of unwritten data) are lost.
"""

import struct
import wave
from pathlib import Path

HEADER = 44


def repair(path: Path) -> bool:
    """Correct the sizes in the header from the size of the file; return whether the recording was cut off.

    Raises:
        OSError: The file cannot be read or written.
        wave.Error, EOFError: The file is not a recording of Asterisk.
    """
    size = path.stat().st_size
    with path.open("r+b") as file:
        head = file.read(HEADER)
        if len(head) < HEADER:
            raise EOFError(f"{size} bytes, less than a header")
        if (head[:4], head[8:16], head[36:40]) != (b"RIFF", b"WAVEfmt ", b"data"):
            raise wave.Error("not a WAV file in Asterisk's format")
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
    """Return the duration of a recording in seconds, from the size of the file.

    Raises:
        OSError, wave.Error, EOFError: The file is not a readable recording.
    """
    with wave.open(str(path), "rb") as file:
        bytes_s = file.getframerate() * file.getsampwidth() * file.getnchannels()
    return max(0, path.stat().st_size - HEADER) / bytes_s
