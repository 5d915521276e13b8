"""Putting a folder in the place of another one at once, so that a kill leaves one of them there, whole."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


def put(new: Path, place: Path, aside: Path) -> None:
    """Put `new` in its place. What was there goes to where `new` was.

    Where the file system cannot exchange two folders, the one that was there is at `aside` for a moment: until `new`
    is in its place, it counts (`settle`).
    """
    if not place.exists():
        new.rename(place)
    elif not _exchange(new, place):
        place.rename(aside)
        new.rename(place)
        aside.rename(new)


def settle(place: Path, aside: Path) -> None:
    """Put back what an interrupted `put` had set aside, or leave it aside if the new one is in its place."""
    if aside.exists() and not place.exists():
        aside.rename(place)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; return False where that is not possible."""
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is None:
        return False
    if function(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNSUPPORTED:
        return False
    raise OSError(number, os.strerror(number), str(other))
