"""Where speech begins and ends in a caller's sound. Which gate, and why: docs/decisions/0041-who-speaks.md."""

from __future__ import annotations

import math
from collections import deque
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

RATE = 8_000
"""Hz of the sound."""
FRAME = 320
"""Bytes of a frame: 20 ms of 16 bits."""
FRAME_S = 0.02
LONGEST_S = 8.0
"""After this time an utterance is over: nobody names an option for so long."""
END_S = 0.2
"""Silence that ends an utterance."""
LONGEST_OPEN_S, END_OPEN_S = 15.0, 0.7
"""The same for an answer to an open question: people pause in a sentence."""
_START_S = 0.1
"""Speech that begins one, within twice that time."""
_QUIETEST_DB = -50.0
"""Below full scale: what is quieter is never speech to us."""
_ABOVE_ECHO_DB = -34.0
"""While a prompt plays, what is quieter may be its echo."""


class Sound(Enum):
    """The meaning of a frame."""

    NOTHING = "nothing"
    BEGINS = "begins"
    GOES_ON = "goes_on"
    ENDS = "ends"
    TOO_LONG = "too_long"


class Detector(Protocol):
    """Tells speech from everything else."""

    def is_speech(self, frame: NDArray[np.int16]) -> bool:
        """Return whether there is speech at the end of what was given so far."""


class Silero:
    """Silero VAD (MIT), whose model comes with faster-whisper. It hears 16 kHz in steps of 32 ms."""

    _STEP, _CONTEXT = 512, 64

    def __init__(self, session: Any, least: float = 0.5) -> None:
        self._session, self._least = session, least
        self._h = np.zeros((1, 1, 128), np.float32)
        self._c = np.zeros((1, 1, 128), np.float32)
        self._pending = np.zeros(0, np.float32)
        self._context = np.zeros(self._CONTEXT, np.float32)
        self._last, self._probability = 0.0, 0.0

    def is_speech(self, frame: NDArray[np.int16]) -> bool:
        samples = frame.astype(np.float32) / 32_768
        # Twice the rate: the mean between two samples is close enough for the band of a telephone.
        doubled = np.empty(2 * len(samples), np.float32)
        doubled[1::2] = samples
        doubled[0::2] = (samples + np.concatenate(([self._last], samples[:-1]))) / 2
        self._last = float(samples[-1])
        self._pending = np.concatenate((self._pending, doubled))
        while len(self._pending) >= self._STEP:
            step, self._pending = self._pending[: self._STEP], self._pending[self._STEP :]
            given = np.concatenate((self._context, step))[None, :]
            self._context = step[-self._CONTEXT :]
            probability, self._h, self._c = self._session.run(None, {"input": given, "h": self._h, "c": self._c})
            self._probability = float(probability[0])
        return self._probability >= self._least


def silero_session() -> Any:
    """Return the session of Silero's model, for any number of `Silero`.

    Raises:
        ImportError: faster-whisper is not installed.
    """
    import onnxruntime  # slow to import

    found = find_spec("faster_whisper")
    if found is None or not found.submodule_search_locations:
        raise ImportError("faster-whisper is not installed; install requirements/speech.txt")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    model = Path(found.submodule_search_locations[0]) / "assets" / "silero_vad_v6.onnx"
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


class Gate:
    """Finds utterances. `sounding`: whether a prompt plays, whose echo may come back.

    Args:
        anything: Whole sentences are said, not an option.
    """

    def __init__(self, detector: Detector, *, anything: bool = False) -> None:
        self._detector = detector
        self._end_s, self._longest_s = (END_OPEN_S, LONGEST_OPEN_S) if anything else (END_S, LONGEST_S)
        self._recent: deque[bool] = deque(maxlen=round(2 * _START_S / FRAME_S))
        self._speaking = False
        self._silent_s = self._spoken_s = 0.0
        self.sounding = False

    def feed(self, frame: bytes) -> Sound:
        """Take 20 ms and return what it means."""
        samples = np.frombuffer(frame, "<i2")
        level = level_db(samples)
        speech = self._detector.is_speech(samples) and level > _QUIETEST_DB
        if not self._speaking:
            self._recent.append(speech and not (self.sounding and level < _ABOVE_ECHO_DB))
            if sum(self._recent) * FRAME_S < _START_S - 1e-9:
                return Sound.NOTHING
            self._recent.clear()
            self._speaking, self._silent_s, self._spoken_s = True, 0.0, 0.0
            return Sound.BEGINS
        self._spoken_s += FRAME_S
        self._silent_s = 0.0 if speech else self._silent_s + FRAME_S
        if self._silent_s >= self._end_s - 1e-9:
            self._speaking = False
            return Sound.ENDS
        if self._spoken_s >= self._longest_s:
            self._speaking = False
            return Sound.TOO_LONG
        return Sound.GOES_ON


def level_db(samples: NDArray[np.int16]) -> float:
    """Return the level of samples, in dB below full scale."""
    power = float(np.mean(np.square(samples.astype(np.float64)))) if len(samples) else 0.0
    return 10 * math.log10(power / 32_768**2 + 1e-12)
