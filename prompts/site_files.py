"""Reading the files that people write for a site: regular files of limited size, with or without a byte order mark."""

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path

LARGEST = 4 * 1024 * 1024
"""Largest file that is read, in bytes; the catalogue of all texts has 0.4 MiB."""


def content(path: Path) -> bytes:
    """Return the content of the file.

    Raises:
        OSError: The file cannot be read, is larger than `LARGEST`, or is not a regular file (a pipe would block).
    """
    # Non-blocking: opening a named pipe would wait for a writer.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        found = file.read(LARGEST + 1)
    if len(found) > LARGEST:
        raise OSError(errno.EFBIG, f"larger than {LARGEST // 1024 // 1024} MiB", str(path))
    return found


def stamps(paths: Iterable[Path]) -> tuple[object, ...]:
    """Return what changes when one of the files does; files that are not there are left out."""
    found: list[object] = []
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            continue
        found.append((path.name, status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(found)


def text(path: Path) -> str:
    """Return the text of a UTF-8 file with `\\n` line ends and without a byte order mark.

    Raises:
        OSError: As for `content`.
        UnicodeDecodeError: The file is not UTF-8.
    """
    return content(path).decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
