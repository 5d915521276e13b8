"""Measure one file of audio: how long it is, how loud, and how much silence it has at its ends."""

from __future__ import annotations

import wave
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prompts import audio, g711, g722, loudness, manifest


@dataclass(frozen=True, slots=True)
class Measured:
    """Measurements at the telephone's 8 kHz."""

    seconds: float
    lufs: float  # loudness after ITU-R BS.1770; -inf if there is hardly any sound
    rms_dbfs: float  # root mean square
    peak_dbfs: float
    before_s: float  # seconds before the speech
    after_s: float  # and after it


def measure(path: Path) -> Measured:
    """Measure a `.ulaw`, `.alaw` or `.g722` of the folder of sounds, or a 16-bit WAV file.

    Raises:
        OSError: The file cannot be read.
        AudioError: It is empty, or of no such kind.
    """
    samples = read(path)
    level = loudness.active_level(samples, audio.NARROW)
    peak = float(np.abs(samples).max())
    first, last = audio.speech_bounds(samples, audio.NARROW, level) if peak else (0, 0)
    return Measured(
        len(samples) / audio.NARROW,
        loudness.loudness(samples, audio.NARROW),
        loudness.rms(samples),
        20 * np.log10(peak) if peak else float("-inf"),
        first / audio.NARROW,
        (len(samples) - last) / audio.NARROW,
    )


def together(paths: Iterable[Path]) -> float:
    """Return the loudness in LUFS of files that are played one after the other.

    Raises:
        OSError, AudioError: As for `measure`.
    """
    return loudness.loudness(np.concatenate([read(path) for path in paths]), audio.NARROW)


def read(path: Path) -> NDArray[np.float32]:
    """Return what a telephone plays: full scale 1, 8 kHz.

    Raises:
        OSError, AudioError: As for `measure`.
    """
    match path.suffix:
        case ".ulaw":
            samples, rate = g711.from_ulaw(path.read_bytes()), audio.NARROW
        case ".alaw":
            samples, rate = g711.from_alaw(path.read_bytes()), audio.NARROW
        case ".g722":
            lead = round(manifest.G722_LEAD_S * g722.RATE) + g722.DELAY
            samples, rate = np.frombuffer(g722.decode(path.read_bytes()), dtype="<i2")[lead:], g722.RATE
        case ".wav":
            with wave.open(str(path), "rb") as file:
                samples, rate = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2"), file.getframerate()
        case other:
            raise audio.AudioError(f"{path}: {other or 'no ending'} is not one of .ulaw, .alaw, .g722 and .wav")
    if not len(samples):
        raise audio.AudioError(f"{path} is empty; run `hatif prompts build`")
    return np.asarray(audio.resample(audio.from_int16(samples), rate, audio.NARROW))
