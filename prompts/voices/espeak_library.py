"""espeak-ng's library and data, as `espeakng-loader` brings them."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import espeakng_loader

LONGEST_DATA_PATH = 120
"""espeak-ng cuts the path of its data at 160 bytes without a word, and appends to it."""


def load(scratch: Path) -> tuple[ctypes.CDLL, Path]:
    """The library, its names visible to the whole process, and where its data is; `scratch` may get a link to it."""
    data = Path(espeakng_loader.get_data_path())
    if len(os.fsencode(data)) > LONGEST_DATA_PATH:
        link = scratch / "espeak-ng-data"
        link.symlink_to(data)
        data = link
    return ctypes.CDLL(espeakng_loader.get_library_path(), mode=ctypes.RTLD_GLOBAL), data
