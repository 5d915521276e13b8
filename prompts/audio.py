"""Turn what a voice or a studio delivers into audio that Asterisk plays without transcoding.

All prompts are equally loud, after ITU-R BS.1770 (`loudness.py`). The loudness is measured at the telephone's 8 kHz,
and the wide-band file gets the same gain. A limiter that acts within 5 ms holds peaks at -1 dBFS.
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

from prompts import g711, loudness, manifest

Samples = NDArray[np.float32]
"""Mono samples; full scale is 1."""

WIDE, NARROW = 16_000, 8_000
STEP = 0.01
"""Seconds: where speech begins and ends is found to this accuracy."""
PEAK = 10 ** (-1 / 20)
SPEECH, SPEECH_RUN = -30.0, 0.04
"""Certain speech: this level in dB relative to the active one, for this many seconds. A click is shorter."""
WEAK, WEAK_GAP = -45.0, 0.1
"""Speech goes on at its ends as long as sound of this level follows within this many seconds: a final f or s."""
BURST, BURST_RUN, BURST_GAP = -43.0, 0.02, 0.28
"""It also goes on with sound of this level, for this many seconds, that follows within so many seconds after the last
sound of `BEFORE_BURST`: a final t or k, whose closure takes up to 0.25 s."""
BEFORE_BURST = -36.0
EDGE, EVEN, LOUDEST_NOISE = 0.3, 6.0, -20.0
"""The first or last seconds of a clip are noise, not speech, if their steps of 0.1 s differ by at most so many dB and
are below the third level. No sound of speech is faint and even for that long."""
SPEECH_ABOVE_NOISE, WEAK_ABOVE_NOISE = 12.0, 8.0
"""In dB: where there is noise, certain speech and other sounds must be so far above it."""
FADE = 0.01
"""Seconds of fading in and out, in the silence that is kept (`manifest.KEPT_S`); it prevents clicks."""
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
    return samples.astype(np.float32) / np.float32(32_768)


def _is_clipped(samples: Samples) -> bool:
    top = np.abs(samples) > 0.999
    runs = np.ones(len(samples) - CLIPPED_RUN + 1, dtype=bool)
    for shift in range(CLIPPED_RUN):
        runs &= top[shift : len(samples) - CLIPPED_RUN + 1 + shift]
    return bool(runs.any())


def finish(samples: Samples, rate: int) -> Sound:
    """Resample, trim and level the samples.

    Raises:
        AudioError: There is no speech, or the sound is too short or too long for a prompt.
    """
    if not LONGEST * rate >= len(samples) >= SHORTEST * rate:
        raise AudioError(f"lasts {len(samples) / rate:.2f} s; a prompt must last {SHORTEST:g} to {LONGEST:g} s")
    wide = _trim(resample(samples, rate, WIDE))
    wide = np.pad(wide, (0, len(wide) % 2))
    for _ in range(2):
        gain = loudness.gain(resample(wide, WIDE, NARROW), NARROW)
        level = wide * np.float32(10 ** (gain / 20))
        wide = _limit(level)
        if wide is level:
            break
        # The limiter has lowered the level a little: the second pass restores it.
    half = len(wide) // 2
    narrow = _to_int16(resample(wide, WIDE, NARROW)[:half])
    narrow = np.pad(narrow, (0, half - len(narrow)))
    wide_samples = _to_int16(wide)
    return Sound(g711.ulaw(narrow), g711.alaw(narrow), little_endian(wide_samples))


def little_endian(samples: NDArray[np.int16]) -> bytes:
    """Return 16-bit samples as the little-endian bytes of sln16 and WAV."""
    return (samples if sys.byteorder == "little" else samples.byteswap()).tobytes()


def resample(samples: Samples, rate: int, target: int) -> Samples:
    """Return the samples at the `target` rate in Hz."""
    return samples if rate == target else np.asarray(soxr.resample(samples, rate, target), dtype=np.float32)


def _to_int16(samples: Samples) -> NDArray[np.int16]:
    return np.clip(np.round(samples * 32_767), -32_768, 32_767).astype(np.int16)


def _trim(samples: Samples) -> Samples:
    """Cut what precedes and follows the speech, silent or not, except for a short, faded rest."""
    level = loudness.active_level(samples, WIDE)
    if level < QUIETEST:
        raise AudioError(f"is silent (speech at {level:.0f} dBFS)")
    first, last = speech_bounds(samples, WIDE, level)
    kept = round(manifest.KEPT_S * WIDE)
    cut = samples[max(0, first - kept) : last + kept].copy()
    ramp = np.sin(np.linspace(0, np.pi / 2, round(FADE * WIDE), dtype=np.float32)) ** 2
    cut[: len(ramp)] *= ramp
    cut[-len(ramp) :] *= ramp[::-1]
    return cut


def speech_bounds(samples: Samples, rate: int, level: float) -> tuple[int, int]:
    """Return where the speech begins and ends, in samples; `level` is its active level in dBFS.

    A click or faint noise around it does not count, neither what a voice adds after a sentence nor a studio's.
    """
    size = round(STEP * rate)
    count = max(1, len(samples) // size)
    frames = samples[: count * size].astype(np.float64).reshape(count, -1)
    power = 10 * np.log10((frames**2).mean(axis=1) + 1e-12) - level
    return (count - _speech_end(power[::-1])) * size, _speech_end(power) * size


def _speech_end(power: NDArray[np.float64]) -> int:
    """Return the number of steps to the end of the speech; `power` is in dB relative to its active level."""
    noise = _noise(power[-_steps(EDGE) :])
    certain = _runs(power > max(SPEECH, noise + SPEECH_ABOVE_NOISE), _steps(SPEECH_RUN))
    weak = power > max(WEAK, noise + WEAK_ABOVE_NOISE)
    bursts = set(_runs(power > max(BURST, noise + WEAK_ABOVE_NOISE), _steps(BURST_RUN)))
    last = strong = int(certain[-1]) + _steps(SPEECH_RUN) - 1 if len(certain) else int(np.argmax(power))
    for step in np.flatnonzero(weak):
        if step > last and (step <= last + _steps(WEAK_GAP) or (step in bursts and step <= strong + _steps(BURST_GAP))):
            last = int(step)
            strong = last if power[last] > BEFORE_BURST else strong
    return last + 1


def _noise(power: NDArray[np.float64]) -> float:
    """Return the level of the noise at an end of a clip; -inf if there is none, only speech."""
    width = min(_steps(0.1), len(power))
    levels = 10 * np.log10(np.convolve(10 ** (power / 10), np.full(width, 1 / width), mode="valid"))
    quietest = float(levels.min())
    return quietest if quietest <= LOUDEST_NOISE and levels.max() - quietest <= EVEN else float("-inf")


def _steps(seconds: float) -> int:
    return round(seconds / STEP)


def _runs(loud: NDArray[np.bool_], steps: int) -> NDArray[np.int64]:
    """Return where so many loud steps follow one another."""
    return np.flatnonzero(np.convolve(loud, np.ones(steps), mode="valid") >= steps)


def _limit(samples: Samples) -> Samples:
    """Hold peaks at `PEAK`, with the smallest gain of the 5 ms around each sample, smoothed over the same time.

    Without such peaks it returns `samples` itself.
    """
    gain = np.minimum(1, PEAK / np.maximum(np.abs(samples), 1e-9)).astype(np.float32)
    if np.all(gain == 1):
        return samples
    reach = WIDE // 400
    window = np.lib.stride_tricks.sliding_window_view(np.pad(gain, 2 * reach, mode="edge"), 2 * reach + 1)
    smooth = np.convolve(window.min(axis=1), np.full(2 * reach + 1, 1 / (2 * reach + 1)), mode="valid")
    return (samples * smooth).astype(np.float32)
