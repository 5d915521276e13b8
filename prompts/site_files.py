"""Read the files that people write for a site: plain files of a sensible size, with or without a byte order mark."""

import errno
import os
import stat
from pathlib import Path

LARGEST = 4 * 1024 * 1024
"""Bytes of the largest file that is read; a catalogue of all texts has 0.4 MiB."""


def content(path: Path) -> bytes:
    """Return what is in the file.

    Raises:
        OSError: it cannot be read, is larger than `LARGEST`, or is not a regular file (a pipe would block for ever).
    """
    # Not blocking: opening a named pipe would wait for somebody who writes into it.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        found = file.read(LARGEST + 1)
    if len(found) > LARGEST:
        raise OSError(errno.EFBIG, f"larger than {LARGEST // 1024 // 1024} MiB", str(path))
    return found


def text(path: Path) -> str:
    """Return the text of a UTF-8 file with `\\n` at the end of each line, without a byte order mark.

    Raises:
        OSError: as `content`.
        UnicodeDecodeError: it is not UTF-8.
    """
    return content(path).decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
