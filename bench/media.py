"""Prompts as RTP frames, and the RTP of a caller who sends silence and presses keys."""

import struct
import wave
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from bench.sip import ALAW, KEYS

FRAME = 160  # bytes of a packet: 20 ms of PCMA at 8 kHz
RATE = 16_000  # Hz of recordings
PACE = 0.02  # s between packets
SILENCE = b"\xd5" * FRAME


def frames(files: Iterable[Path]) -> frozenset[bytes]:
    """Return the payloads of all packets that Asterisk makes of .alaw files: it reads them in pieces of 20 ms."""
    found: set[bytes] = set()
    for file in files:
        audio = file.read_bytes()
        found |= {audio[at : at + FRAME] for at in range(0, len(audio) - FRAME + 1, FRAME)}
    return frozenset(found)


def only_next(first: Sequence[Path], following: Sequence[Path]) -> frozenset[bytes]:
    """Return the payloads that identify the prompt after the key by its first packet.

    Raises ValueError if the first packet of `following` also occurs in `first`, or is silence: then the two prompts
    cannot be told apart by it.
    """
    new = frames(following) - frames(first) - {SILENCE}
    if following[0].read_bytes()[:FRAME] not in new:
        raise ValueError(f"{following[0]}: its first 20 ms must be sound that {[str(f) for f in first]} do not have")
    return new


def write_tone(file: Path, hertz: float, seconds: float) -> None:
    """Write a tone as a recording: .wav, 16 bit, a quarter of full scale."""
    samples = np.arange(int(seconds * RATE))
    linear = (8192 * np.sin(2 * np.pi * hertz * samples / RATE)).astype("<i2")
    file.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(linear.tobytes())


class Voice:
    """The outgoing RTP packets of one caller, in order. Sends nothing itself."""

    def __init__(self, source: int) -> None:
        self.source = source
        self.sequence = self.time = 0

    def silence(self) -> bytes:
        return self.sound(SILENCE)

    def sound(self, frame: bytes) -> bytes:
        """Return the packet with `frame`: 20 ms of PCMA."""
        packet = self._packet(ALAW, frame)
        self.time += FRAME
        return packet

    def key(self, key: str, last: int = 5) -> tuple[list[bytes], list[bytes]]:
        """Return the packets of a key held for `last` + 1 paces (RFC 4733): while it is held, then its release."""
        event = "0123456789*#".index(key)
        held = [self._packet(KEYS, struct.pack("!BBH", event, 10, n * FRAME), n == 1) for n in range(1, last + 1)]
        ended = struct.pack("!BBH", event, 0x80 | 10, (last + 1) * FRAME)
        released = [self._packet(KEYS, ended) for _ in range(3)]
        self.time += (last + 1) * FRAME
        return held, released

    def _packet(self, kind: int, payload: bytes, marker: bool = False) -> bytes:
        self.sequence += 1
        head = struct.pack("!BBHII", 0x80, marker << 7 | kind, self.sequence & 0xFFFF, self.time, self.source)
        return head + payload
