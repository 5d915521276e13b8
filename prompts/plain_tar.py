"""Tar archives of plain files, read and written one file after the other.

Archives come from outside. Their members are read here, not by `tarfile`, which believes extended headers: sizes below
zero, maps of sparse files, gigabytes of text. Nothing is compressed, so that a file is never larger than its archive.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import IO

LARGEST_USTAR = 8 * 1024**3 - 1
"""In bytes; a larger file has its size in the form of GNU tar."""
_ROOM = 1024 * 1024


class PlainTarError(Exception):
    """The archive has something that is not a plain file; the text says what, for the end of a sentence."""


def header(name: str, size: int, mode: int = 0o644) -> bytes:
    """Return the header of a file, without anything of this machine or user.

    Raises:
        ValueError: The name is too long for an archive, or not UTF-8.
    """
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, mode
    return entry.tobuf(tarfile.USTAR_FORMAT if size <= LARGEST_USTAR else tarfile.GNU_FORMAT, "utf-8", "strict")


def padding(size: int) -> bytes:
    """Return what follows a file's content."""
    return bytes(-size % tarfile.BLOCKSIZE)


END = bytes(2 * tarfile.BLOCKSIZE)
"""The end of an archive."""


def next_file(opened: IO[bytes], most: int) -> tuple[str, int] | None:
    """Return the name and the size of the next file, of at most so many bytes; None at the end.

    Raises:
        PlainTarError: It is not a plain file, or too large.
        TarError: It has no valid header.
    """
    head = opened.read(tarfile.BLOCKSIZE)
    if not head.strip(b"\0"):
        return None
    member = tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        raise PlainTarError(f"{shown(member.name)} is not a plain file")
    if not 0 <= member.size <= most:
        raise PlainTarError(f"{shown(member.name)} has {member.size:,} bytes")
    return member.name, member.size


def content(opened: IO[bytes], size: int) -> Iterator[bytes]:
    """Yield the content of the file whose header was read last. Raises PlainTarError if it ends too early."""
    left = size
    while left:
        if not (part := opened.read(min(left, _ROOM))):
            raise PlainTarError("it ends too early")
        left -= len(part)
        yield part
    opened.read(-size % tarfile.BLOCKSIZE)


def shown(name: str) -> str:
    """Return a name from an archive as it may be printed."""
    return repr(name[:80])
