"""What callers of the tests say: espeak-ng's voice, in the band of a telephone, with noise."""

import hashlib
import os
import subprocess

import numpy as np
import numpy.typing as npt
import soxr  # type: ignore[import-untyped]
from forked_programs import QuickStarts
from line import CACHE

from ivr.softphone.sound import RATE

_SPEAK = """
import sys
from prompts.voices import espeak
frames, rate = espeak.speak(sys.argv[1], sys.argv[2], {})
open(sys.argv[3], "wb").write(rate.to_bytes(4, "big") + frames)
"""
LEVEL = 3000
"""The root mean square of what is said: as loud as a prompt."""


def said(text: str, language: str, snr_db: float = 40.0) -> npt.NDArray[np.int16]:
    """Return a text as a caller says it, 8 kHz, with half a second of the same noise before and a second after it."""
    name = hashlib.sha256(f"{language}/{text}".encode()).hexdigest()[:24]
    file = CACHE / "said" / f"{name}.npy"
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        raw = file.with_suffix(f".{os.getpid()}")
        python = QuickStarts().executable
        subprocess.run([python, "-c", _SPEAK, text, language, raw], capture_output=True, check=True)
        answer = raw.read_bytes()
        raw.unlink()
        rate = int.from_bytes(answer[:4], "big")
        samples = np.frombuffer(answer[4:], "<i2").astype(np.float32)
        np.save(file, soxr.resample(samples, rate, RATE))
    speech = in_band(np.load(file))
    loud = speech[np.abs(speech) > 0.02 * np.abs(speech).max()]
    speech *= LEVEL / np.sqrt(np.mean(loud**2))
    speech = np.concatenate((np.zeros(RATE // 2), speech, np.zeros(RATE)))
    noise = np.random.default_rng(int(name[:8], 16)).normal(0, LEVEL * 10 ** (-snr_db / 20), len(speech))
    return (speech + in_band(noise)).clip(-32768, 32767).astype(np.int16)


def in_band(samples: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return samples limited to 100 to 3,400 Hz, as an IP telephone sends them."""
    spectrum = np.fft.rfft(samples)
    frequencies = np.fft.rfftfreq(len(samples), 1 / RATE)
    spectrum[(frequencies < 100) | (frequencies > 3400)] = 0
    return np.fft.irfft(spectrum, len(samples))
