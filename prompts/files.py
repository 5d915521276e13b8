"""How the builder's files come onto the disk, and the sounds that no voice makes: a short pause and a tone."""

from __future__ import annotations

import ctypes
import math
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prompts import audio, g711, g722, manifest
from prompts.audio import Sound

BEEP_HZ, BEEP_DBFS = 1000.0, -12.0
"""`manifest.BEEP`: the tone after which a caller speaks."""


def seconds_of(out: Path, file: str) -> float | None:
    """Seconds of existing audio; None where a format is missing or cut short."""
    try:
        sizes = {path: path.stat().st_size for path in manifest.paths(out, file)}
    except OSError:
        return None
    seconds = min(sizes.values()) / manifest.BYTES_S
    return seconds if seconds and all(size == manifest.size(path, seconds) for path, size in sizes.items()) else None


def write_sound(out: Path, file: str, sound: Sound) -> float:
    """Writes all formats of one prompt and returns its seconds; `settle` makes it last."""
    contents = (sound.ulaw, sound.alaw, g722.encode(sound.sln16))
    for path, content in zip(manifest.paths(out, file), contents, strict=True):
        path.parent.mkdir(exist_ok=True)
        write(path, content)
    return len(sound.ulaw) / manifest.BYTES_S


def write_pause(out: Path) -> None:
    """Makes the pause where there is none of this length."""
    if seconds_of(out, manifest.PAUSE) != manifest.PAUSE_S:
        narrow, wide = (np.zeros(round(manifest.PAUSE_S * rate), dtype=np.int16) for rate in (audio.NARROW, audio.WIDE))
        write_sound(out, manifest.PAUSE, Sound(g711.ulaw(narrow), g711.alaw(narrow), audio.little_endian(wide)))


def write_beep(out: Path) -> None:
    """Makes the tone where there is none of this length."""
    if seconds_of(out, manifest.BEEP) != manifest.BEEP_S:
        narrow, wide = (_tone(rate) for rate in (audio.NARROW, audio.WIDE))
        write_sound(out, manifest.BEEP, Sound(g711.ulaw(narrow), g711.alaw(narrow), audio.little_endian(wide)))


def _tone(rate: int) -> NDArray[np.int16]:
    """Faded at both ends, so that it does not click."""
    at = np.arange(round(manifest.BEEP_S * rate)) / rate
    fade = np.clip(np.minimum(at, manifest.BEEP_S - at) / audio.FADE, 0, 1)
    peak = 32_767 * math.sqrt(2) * 10 ** (BEEP_DBFS / 20)
    return np.round(peak * fade * np.sin(2 * math.pi * BEEP_HZ * at)).astype(np.int16)


def link(name: Path, target: str) -> None:
    """Makes a name lead to a file beside it, in one step."""
    if name.is_symlink() and str(name.readlink()) == target:
        return
    temporary = name.with_name(f".{name.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(name)


def write(path: Path, content: bytes, *, settled: bool = False) -> None:
    """All of it or nothing; a full disk leaves what was there. `settled`: it outlasts a power cut by itself."""
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
    """Waits until all that was written on this disk will outlast a power cut: once for thousands of files."""
    disk = os.open(folder, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(disk) != 0:
            raise OSError(ctypes.get_errno(), "the disk could not be written", str(folder))
    finally:
        os.close(disk)
