"""espeak-ng's library and data from `espeakng-loader`."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import espeakng_loader

LONGEST_DATA_PATH = 120
"""In bytes: espeak-ng appends to the path of its data and silently truncates the result at 160 bytes."""


def load(scratch: Path) -> tuple[ctypes.CDLL, Path]:
    """Load the library with its symbols visible to the whole process; return it and the path of its data.

    If that path is too long, a link in `scratch` stands for it.
    """
    data = Path(espeakng_loader.get_data_path())
    if len(os.fsencode(data)) > LONGEST_DATA_PATH:
        link = scratch / "espeak-ng-data"
        link.symlink_to(data)
        data = link
    return ctypes.CDLL(espeakng_loader.get_library_path(), mode=ctypes.RTLD_GLOBAL), data
