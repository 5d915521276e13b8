"""Turn what a voice or a studio delivers into audio that Asterisk plays without transcoding.

All prompts are equally loud: the active speech level, after ITU-T P.56, is set to -20 dBFS. That level is the power of
the whole prompt divided by the share of time that holds speech; a 20 ms frame counts as speech if it, or a frame in the
200 ms before it, is less than 15.9 dB below the level. (P.56 smooths the rectified signal over 30 ms where we use
frames; the margin and the hangover are from P.56.) The level is measured at the telephone's 8 kHz, and the wide-band
file gets the same gain. A limiter that acts within 5 ms holds peaks at -1 dBFS.
"""

from __future__ import annotations

import sys
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import soxr  # type: ignore[import-untyped]
from numpy.typing import NDArray

from prompts import g711

Samples = NDArray[np.float32]
"""Mono samples; full scale is 1."""

WIDE, NARROW = 16_000, 8_000
TARGET_LEVEL = -20.0
"""Active speech level of every prompt, in dBFS."""
MARGIN, HANGOVER, FRAME = 15.9, 0.2, 0.02
"""In dB, s and s."""
PEAK = 10 ** (-1 / 20)
SILENCE_BELOW_SPEECH = 40.0
"""In dB below the active level: anything quieter at either end is cut."""
KEPT_SILENCE, FADE = 0.02, 0.005
"""Seconds of silence kept at either end, and of fading, which prevents clicks."""
QUIETEST = -55.0
"""A recording below this level, in dBFS, contains no speech."""
SHORTEST, LONGEST = 0.1, 180.0
"""Seconds."""
CLIPPED_RUN = 4
"""This many consecutive samples at full scale are a clipped peak; fewer may be a recording that uses the full range."""
LOWEST_RATE, HIGHEST_RATE = 16_000, 96_000


class AudioError(ValueError):
    """Audio that cannot become a prompt; the message says what is wrong and how to fix it."""


@dataclass(frozen=True, slots=True)
class Sound:
    """One prompt, for narrow-band telephones of both laws and for wide-band ones, whose file `g722` encodes."""

    ulaw: bytes  # 8 kHz, one byte a sample
    alaw: bytes  # 8 kHz, one byte a sample
    sln16: bytes  # 16 kHz, 16 bit, little-endian


def read_recording(recording: Path | IO[bytes]) -> tuple[Samples, int]:
    """Return the samples of a studio's WAV file and their rate in Hz.

    Raises:
        AudioError: The rate is wrong, or the file is stereo, clipped, empty, or not PCM WAV.
    """
    try:
        with wave.open(str(recording) if isinstance(recording, Path) else recording, "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        reason = str(error) or "the file is truncated"
        raise AudioError(f"is not a 16 or 24 bit PCM WAV file ({reason}); export it in that format") from None
    if channels != 1:
        raise AudioError(f"has {channels} channels; export it in mono")
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise AudioError(f"has a sample rate of {rate} Hz; export it at 48000 Hz (at least {LOWEST_RATE} Hz)")
    samples = _from_pcm(data, width)
    if len(samples) < SHORTEST * rate:
        raise AudioError(f"is empty or too short ({len(samples) / rate:.2f} s); record it again")
    if _is_clipped(samples):
        raise AudioError("is clipped; record it again with less gain")
    return samples, rate


def _from_pcm(data: bytes, width: int) -> Samples:
    if width == 2:
        return from_int16(np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2"))
    if width == 3:
        triples = np.frombuffer(data[: len(data) // 3 * 3], dtype=np.uint8).reshape(-1, 3)
        padded = np.zeros((len(triples), 4), dtype=np.uint8)
        padded[:, 1:] = triples
        return (padded.reshape(-1).view("<i4") / 2**31).astype(np.float32)
    raise AudioError(f"has {8 * width} bit samples; export it with 16 or 24 bits")


def from_int16(samples: NDArray[np.int16]) -> Samples:
    """Return 16-bit samples scaled so that full scale is 1."""
    return (samples / 32_768).astype(np.float32)


def _is_clipped(samples: Samples) -> bool:
    top = np.abs(samples) > 0.999
    runs = np.ones(len(samples) - CLIPPED_RUN + 1, dtype=bool)
    for shift in range(CLIPPED_RUN):
        runs &= top[shift : len(samples) - CLIPPED_RUN + 1 + shift]
    return bool(runs.any())


def active_level(samples: Samples, rate: int) -> float:
    """Return the level of the speech in dBFS, not counting pauses (see the module); -inf for digital silence."""
    size = round(FRAME * rate)
    count = -(-len(samples) // size)
    frames = np.zeros(count * size, dtype=np.float64)
    frames[: len(samples)] = samples
    power = (frames.reshape(count, size) ** 2).mean(axis=1)
    if not power.any():
        return float("-inf")
    hangover = np.ones(1 + round(HANGOVER / FRAME))
    level = 10 * np.log10(power.mean())
    # The level only rises as frames drop out, and the active share has finitely many values: the loop ends.
    while True:
        loud = power > 10 ** ((level - MARGIN) / 10)
        active = np.convolve(loud, hangover)[:count] > 0
        risen = 10 * np.log10(power.sum() / active.sum())
        if risen - level < 0.01:
            return float(risen)
        level = risen


def finish(samples: Samples, rate: int) -> Sound:
    """Resample, trim and level the samples.

    Raises:
        AudioError: There is no speech, or the sound is too short or too long for a prompt.
    """
    if not LONGEST * rate >= len(samples) >= SHORTEST * rate:
        raise AudioError(f"lasts {len(samples) / rate:.2f} s; a prompt must last {SHORTEST:g} to {LONGEST:g} s")
    wide = _trim(_resample(samples, rate, WIDE))
    wide = np.pad(wide, (0, len(wide) % 2))
    # The limiter lowers the level a little where it acts: the second pass restores it.
    for _ in range(2):
        level = active_level(_resample(wide, WIDE, NARROW), NARROW)
        wide = _limit(wide * np.float32(10 ** ((TARGET_LEVEL - level) / 20)))
    half = len(wide) // 2
    narrow = _to_int16(_resample(wide, WIDE, NARROW)[:half])
    narrow = np.pad(narrow, (0, half - len(narrow)))
    wide_samples = _to_int16(wide)
    return Sound(g711.ulaw(narrow), g711.alaw(narrow), little_endian(wide_samples))


def little_endian(samples: NDArray[np.int16]) -> bytes:
    """Return 16-bit samples as the little-endian bytes of sln16 and WAV."""
    return (samples if sys.byteorder == "little" else samples.byteswap()).tobytes()


def _resample(samples: Samples, rate: int, target: int) -> Samples:
    return samples if rate == target else np.asarray(soxr.resample(samples, rate, target), dtype=np.float32)


def _to_int16(samples: Samples) -> NDArray[np.int16]:
    return np.clip(np.round(samples * 32_767), -32_768, 32_767).astype(np.int16)


def _trim(samples: Samples) -> Samples:
    """Cut the silence before and after the speech, except for a short, faded rest."""
    level = active_level(samples, WIDE)
    if level < QUIETEST:
        raise AudioError(f"is silent (speech at {level:.0f} dBFS)")
    size = WIDE // 200
    count = len(samples) // size
    power = (samples[: count * size].reshape(count, size).astype(np.float64) ** 2).mean(axis=1)
    loud = np.flatnonzero(power > 10 ** ((level - SILENCE_BELOW_SPEECH) / 10))
    kept = round(KEPT_SILENCE * WIDE)
    first, last = max(0, loud[0] * size - kept), min(len(samples), (loud[-1] + 1) * size + kept)
    cut = samples[first:last].copy()
    ramp = np.linspace(0, 1, round(FADE * WIDE), dtype=np.float32)
    cut[: len(ramp)] *= ramp
    cut[-len(ramp) :] *= ramp[::-1]
    return cut


def _limit(samples: Samples) -> Samples:
    """Hold peaks at `PEAK`, with the smallest gain of the 5 ms around each sample, smoothed over the same time."""
    gain = np.minimum(1, PEAK / np.maximum(np.abs(samples), 1e-9)).astype(np.float32)
    if np.all(gain == 1):
        return samples
    reach = WIDE // 400
    window = np.lib.stride_tricks.sliding_window_view(np.pad(gain, 2 * reach, mode="edge"), 2 * reach + 1)
    smooth = np.convolve(window.min(axis=1), np.full(2 * reach + 1, 1 / (2 * reach + 1)), mode="valid")
    return (samples * smooth).astype(np.float32)
