"""Writing the builder's files safely, and the sounds that no voice makes: two pauses and a tone."""

from __future__ import annotations

import ctypes
import hashlib
import math
import operator
import os
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prompts import audio, g711, g722, manifest
from prompts.audio import Sound

FORMAT_VERSION = 3
"""Increase it when `audio.py`, `g711.py` or a voice's own code changes how a prompt sounds."""
BEEP_HZ, BEEP_DBFS = 1000.0, -12.0
"""Frequency and level of `manifest.BEEP`, the tone after which a caller speaks."""


def sound_hash(*identity: str) -> str:
    """Return the hash of everything that affects a sound: text, voice and settings, or a recording's fingerprint."""
    return hashlib.sha256("\0".join((str(FORMAT_VERSION), *identity)).encode()).hexdigest()


def file_name(language: str, prompt: str, sound: str) -> str:
    """Return the name in the manifest of a prompt's audio; `sound` is its hash."""
    return f"{manifest.PREFIX}/{language}/{prompt}-{sound[:10]}"


def seconds_of(out: Path, file: str) -> float | None:
    """Return the duration of existing audio in seconds; None if a format is missing or truncated."""
    name = f"{out}/{file.removeprefix(f'{manifest.PREFIX}/')}"
    try:
        # Text, since a check looks at twelve thousand files, and a path for each takes longer than the look.
        sizes = [os.stat(f"{name}.{ending}").st_size for ending in manifest.FORMATS]  # noqa: PTH116
    except OSError:
        return None
    seconds = min(sizes) / manifest.BYTES_S
    wanted = (manifest.size_of(ending, seconds) for ending in manifest.FORMATS)
    return seconds if seconds and all(map(operator.eq, sizes, wanted)) else None


def write_sound(out: Path, file: str, sound: Sound) -> float:
    """Write all formats of one prompt and return its duration in seconds; only `settle` makes the files durable."""
    contents = (sound.ulaw, sound.alaw, g722.encode(sound.sln16))
    for path, content in zip(manifest.paths(out, file), contents, strict=True):
        path.parent.mkdir(exist_ok=True)
        write(path, content)
    return len(sound.ulaw) / manifest.BYTES_S


def write_pauses(out: Path) -> None:
    """Write the pauses unless they exist with the right lengths."""
    for file, seconds in (
        (manifest.PAUSE, manifest.PAUSE_S),
        (manifest.SHORT_PAUSE, manifest.SHORT_PAUSE_S),
        (manifest.LONG_PAUSE, manifest.LONG_PAUSE_S),
    ):
        narrow = np.zeros(round(seconds * audio.NARROW), dtype=np.int16)
        # A wide-band telephone hears the lead-in silences of this file and of the next one as well; alone they last
        # longer than the shortest pause, whose file must not be empty.
        wide = np.zeros(round(max(0.01, seconds - 2 * manifest.G722_LEAD_S) * audio.WIDE), dtype=np.int16)
        contents = g711.ulaw(narrow), g711.alaw(narrow), g722.encode(audio.little_endian(wide))
        for path, content in zip(manifest.paths(out, file), contents, strict=True):
            if not path.exists() or path.read_bytes() != content:
                write(path, content)


def write_beep(out: Path) -> None:
    """Write the tone unless it exists with the right length."""
    if seconds_of(out, manifest.BEEP) != manifest.BEEP_S:
        narrow, wide = (_tone(rate) for rate in (audio.NARROW, audio.WIDE))
        write_sound(out, manifest.BEEP, Sound(g711.ulaw(narrow), g711.alaw(narrow), audio.little_endian(wide)))


def _tone(rate: int) -> NDArray[np.int16]:
    """Return the tone, faded at both ends to avoid clicks."""
    at = np.arange(round(manifest.BEEP_S * rate)) / rate
    fade = np.clip(np.minimum(at, manifest.BEEP_S - at) / audio.FADE, 0, 1)
    peak = 32_767 * math.sqrt(2) * 10 ** (BEEP_DBFS / 20)
    return np.round(peak * fade * np.sin(2 * math.pi * BEEP_HZ * at)).astype(np.int16)


def link(name: str, target: str) -> None:
    """Make `name` a symbolic link to a file beside it, atomically. Text, as in `seconds_of`."""
    with suppress(OSError):  # it is not there, or not a link
        if os.readlink(name) == target:  # noqa: PTH115
            return
    path = Path(name)
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(path)


def write(path: Path, content: bytes, *, settled: bool = False) -> None:
    """Write a file atomically: if it fails, on a full disk for example, the old file stays.

    Args:
        settled: Flush this file to the disk, so that it survives a power cut without `settle`.
    """
    temporary = path.with_name(f".{path.name}.new")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            if settled:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def settle(folder: Path) -> None:
    """Flush everything written to this file system, so that it survives a power cut: once for thousands of files."""
    disk = os.open(folder, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(disk) != 0:
            raise OSError(ctypes.get_errno(), "the disk could not be written", str(folder))
    finally:
        os.close(disk)
