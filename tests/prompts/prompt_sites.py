"""Small sites and sounds for the tests of prompts."""

import os
import time
import wave
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HEADER = 'msgid ""\nmsgstr ""\n"Language: {}\\n"\n"Content-Type: text/plain; charset=UTF-8\\n"\n'


def catalogue(site: Path, language: str, texts: Mapping[str, tuple[str, str]]) -> Path:
    """Write a catalogue, from prompt id to source and text, and return its path."""
    entries = [f'\nmsgctxt "{key}"\nmsgid "{source}"\nmsgstr "{text}"\n' for key, (source, text) in texts.items()]
    return write(site, language, HEADER.format(language) + "".join(entries))


def write(site: Path, language: str, content: str) -> Path:
    file = site / "locale" / language / "LC_MESSAGES" / "hatif.po"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content, encoding="utf-8")
    return file


def speech(seconds: float = 1.0, rate: int = 48_000, level: float = 0.2, hertz: float = 180.0) -> NDArray[np.float64]:
    """Return a sound with the modulation of speech; full scale is 1."""
    time = np.arange(int(seconds * rate)) / rate
    voice = sum(np.sin(2 * np.pi * hertz * harmonic * time) / harmonic for harmonic in range(1, 12))
    return np.asarray(level * voice * (0.55 + 0.45 * np.sin(2 * np.pi * 3 * time)) / 2)


def wav(path: Path, samples: NDArray[np.float64], rate: int = 48_000, channels: int = 1, width: int = 2) -> Path:
    """Write a recording; with several channels, the samples are repeated."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = np.repeat(np.clip(np.round(samples * 2 ** (8 * width - 1)), -(2**31), 2 ** (8 * width - 1) - 1), channels)
    data = whole.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :width].tobytes()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(data)
    return path


def age_file(path: Path, seconds: float) -> None:
    """Set a file's modification time back; does nothing if the file is gone."""
    if path.exists():
        then = time.time() - seconds
        os.utime(path, (then, then))
