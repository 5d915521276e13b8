"""The sound of the telephones' calls: what each hears, placed in time, and what it sends.

One thread serves all calls of a process, because sound must go on while a test blocks its event loop.
"""

import threading
import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
import soxr  # type: ignore[import-untyped]
from baresip.errors import AudioNotActive, AudioRestarted

from ivr.softphone.sound import RATE, Samples

LATE_S = 0.12
"""Sound that is later than this counts as missed: silence was heard instead."""

_PERIOD_S = 0.04  # between two visits to each call; twice a packet's length
_AHEAD_S = 0.6  # of sound is given to the stack at most, so that a tone and a word survive a busy machine
_BYTES = 2  # a sample
_ONCE = 16000  # bytes that a visit reads: a second


class Stream(Protocol):
    """A call's sound as the SIP stack offers it, in bytes of 16-bit samples."""

    def read(self, max_bytes: int) -> bytes: ...
    def write(self, pcm: bytes) -> int: ...
    def flush_tx(self) -> None: ...


class HalfRateStream:
    """A wide-band stream at half its sample rate, as the telephones expect."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._down = soxr.ResampleStream(2 * RATE, RATE, 1, dtype="int16")

    def read(self, max_bytes: int) -> bytes:
        halved = b""
        while not halved and (sound := self._stream.read(2 * max_bytes)):
            halved = self._down.resample_chunk(np.frombuffer(sound, np.int16)).tobytes()
        return halved

    def write(self, pcm: bytes) -> int:
        return self._stream.write(np.repeat(np.frombuffer(pcm, np.int16), 2).tobytes()) // 2

    def flush_tx(self) -> None:
        self._stream.flush_tx()


class Recording:
    """The sound that a telephone heard, in real time.

    The position in it is time: where no sound arrived in time there are zeros, as a listener hears nothing. Sound that
    arrives all at once after a pause is kept, and time goes on from its end.
    """

    def __init__(self) -> None:
        self._sound = bytearray()
        self._origin: float | None = None  # on the monotonic clock; where position 0 is
        self._end: float | None = None
        self._lock = threading.Lock()

    def begin(self, now: float) -> None:
        """Expect sound from here on: what does not arrive is silence. `now`: seconds of the monotonic clock."""
        with self._lock:
            if self._origin is None:
                self._origin = now

    def add(self, sound: bytes, now: float) -> None:
        """Add the sound that has arrived since the last call. `now`: seconds of the monotonic clock."""
        with self._lock:
            if self._origin is None:
                self._origin = now - _seconds(sound)
            late = now - self._origin - _seconds(self._sound) - _seconds(sound)
            if late > LATE_S:
                self._sound += bytes(_BYTES * int(late * RATE))
            elif late < -LATE_S:
                self._origin += late
            self._sound += sound

    def finish(self, now: float) -> None:
        """End the recording: what does not arrive from here on is not silence."""
        with self._lock:
            if self._end is None:
                self._end = now

    def clock(self, now: float) -> float:
        """Return the seconds from the answer (or an earlier first sound) to now or the end of the call; 0 before."""
        with self._lock:
            return (len(self._sound) // _BYTES + self._missing(now)) / RATE

    def heard(self, since_s: float, until_s: float | None, now: float) -> Samples:
        """Return the samples from `since_s` to `until_s` of `clock`."""
        with self._lock:
            first, last = int(since_s * RATE), None if until_s is None else int(until_s * RATE)
            whole = len(self._sound) // _BYTES
            part = self._sound[first * _BYTES : None if last is None else last * _BYTES]
            missing = self._missing(now)
        silent = min(missing, whole + missing - first, missing if last is None else max(0, last - whole))
        return np.frombuffer(bytes(part) + bytes(_BYTES * max(0, silent)), np.int16)

    def _missing(self, now: float) -> int:
        """Return the number of samples that should have arrived by now, if they are more than delayed."""
        if self._origin is None:
            return 0
        late = (now if self._end is None else min(now, self._end)) - self._origin - _seconds(self._sound)
        return int(late * RATE) if late > LATE_S else 0


class Speaker:
    """The sound that a telephone sends: audio once or repeated, then silence (which the stack sends by itself)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sound = b""
        self._at = 0
        self._again = False
        self._due = 0.0  # when the stack will have sent all that it got
        self._changed = False

    def play(self, sound: Samples, again: bool) -> None:
        with self._lock:
            self._sound, self._at, self._again, self._changed = sound.astype("<i2").tobytes(), 0, again, True

    def renew(self) -> None:
        """Expect another stream, which has nothing of what the former one got."""
        with self._lock:
            self._due = 0.0

    def feed(self, stream: Stream, now: float) -> None:
        """Give the stack what it needs until the next visit."""
        with self._lock:
            if self._changed:
                self._changed = False
                if self._due > now:
                    # What is given before the stack's next packet would be lost as well: so at the next visit.
                    stream.flush_tx()
                    self._due = now
                    return
            if not self._sound:
                return
            self._due = max(self._due, now)
            wanted = int((now + _AHEAD_S - self._due) * RATE) * _BYTES
            while wanted > 0 and self._sound:
                written = stream.write(self._sound[self._at : self._at + wanted])
                if not written:
                    return
                self._due += written / _BYTES / RATE
                self._at += written
                wanted -= written
                if self._at == len(self._sound):
                    self._at = 0
                    if not self._again:
                        self._sound = b""


class Sound:
    """The sound of one call: what it hears and what it sends."""

    def __init__(self, stream: Stream) -> None:
        self.recording = Recording()
        self.speaker = Speaker()
        self._stream = stream

    def visit(self, now: float) -> None:
        try:
            if sound := self._stream.read(_ONCE):
                self.recording.add(sound, now)
            self.speaker.feed(self._stream, now)
        except (AudioNotActive, AudioRestarted):
            self.speaker.renew()  # before the call is up, after its end, or renegotiated: the next visit finds another


class Pump:
    """The thread that visits all calls. `stop` ends it."""

    def __init__(self) -> None:
        self._sounds: dict[int, Sound] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telephones", daemon=True)
        self._thread.start()

    def add(self, handle: int, sound: Sound) -> None:
        self._sounds[handle] = sound

    def remove(self, handle: int) -> None:
        self._sounds.pop(handle, None)

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self, clock: Callable[[], float] = time.monotonic) -> None:
        while not self._stopped.wait(_PERIOD_S):
            for sound in tuple(self._sounds.values()):
                sound.visit(clock())


def _seconds(sound: bytes | bytearray) -> float:
    return len(sound) / _BYTES / RATE
