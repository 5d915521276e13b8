"""The silences of a caller: from the level of each packet that Asterisk sent them, by the kernel's clock."""

from dataclasses import dataclass, field

import numpy as np

from prompts import g711

LONG_S = 3.0  # no caller may be in silence for longer
SOUND = 256  # of 32768, -42 dBFS: a packet with a sample of this size has sound
_NS = 1_000_000_000


def alaw_values() -> list[int]:
    """Return the 256 codes of G.711 A-law as samples of 16 bits."""
    return [int(value) for value in g711.from_alaw(bytes(range(256)))]


_VALUES = np.array(alaw_values())
_LOUD = bytes(int(abs(value) >= SOUND) for value in _VALUES)


def tone(hertz: int = 400, level: int = 4000) -> bytes:
    """Return 20 ms of a square wave as A-law; `hertz`: a multiple of 50 that divides 4000, so that packets join."""
    half = 4000 // hertz
    high, low = (int(np.argmin(np.abs(_VALUES - value))) for value in (level, -level))
    return (bytes([high]) * half + bytes([low]) * half) * (160 // (2 * half))


def has_sound(payload: bytes) -> bool:
    return b"\x01" in payload.translate(_LOUD)


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence. `began`: ns of CLOCK_REALTIME; `length_s` in seconds."""

    began: int
    length_s: float


@dataclass(slots=True)
class Meter:
    """The sound that one caller hears, from the answer to the end. Times in ns of CLOCK_REALTIME.

    `kept_s`: a silence that lasts longer is kept in `silences`.
    """

    last: int
    kept_s: float = LONG_S
    over: bool = False
    longest: float = 0.0
    silences: list[Silence] = field(default_factory=list)

    def packet(self, payload: bytes, arrived: int) -> None:
        if not self.over and has_sound(payload):
            self._until(arrived)

    def speaks(self, at: int) -> None:
        """Note that the caller speaks at this moment, and expects to hear nothing."""
        self.last = max(self.last, at)

    def end(self, at: int) -> None:
        """Note the end of the call."""
        if not self.over:
            self._until(at)
            self.over = True

    def _until(self, at: int) -> None:
        length_s = (at - self.last) / _NS
        self.longest = max(self.longest, length_s)
        if length_s > self.kept_s:
            self.silences.append(Silence(self.last, length_s))
        self.last = max(self.last, at)
