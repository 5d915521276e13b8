"""The file `queue_log` that tools for Asterisk's queues read: every line of the table exactly once, in order.

Beside it is `queue_log.position`: up to which line the file has the table, and how long it was then. After a kill
between the two, what the file has beyond that length says how many lines more it has; one that was written in part is
written again. Others may rename the file at any time, as logrotate does, and a new one is made. Nobody else may write
to it.
"""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from db.queue_events import Stored

LIMIT = 100 * 10**6
"""Bytes; a larger file is renamed, for whoever has no logrotate."""


@dataclass(frozen=True, slots=True)
class _Position:
    line: int  # the last one in the file, or in an earlier one
    inode: int
    size: int


class QueueLogFile:
    """The file at `path`. Belongs to one process."""

    def __init__(self, path: Path, limit: int = LIMIT) -> None:
        self._path, self._limit = path, limit
        self._position_file = path.with_name(f"{path.name}.position")
        self._position = self._read()

    @property
    def line(self) -> int:
        """The number of the last line that is known to be in the file."""
        return self._position.line if self._position is not None else 0

    def append(self, lines: Sequence[Stored]) -> None:
        """Write the lines that follow `line`. Raises OSError; then repeat it."""
        if not lines:
            return
        position = self._position or _Position(0, 0, 0)
        lines = self._finish(position, lines)
        if not lines:
            return
        rotate(self._path, self._limit)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            self._move(_Position(self.line, os.fstat(descriptor).st_ino, os.fstat(descriptor).st_size))
            self._write(descriptor, lines)
        finally:
            os.close(descriptor)

    def _finish(self, position: _Position, lines: Sequence[Stored]) -> Sequence[Stored]:
        """Find out what an earlier process wrote after its last position, and complete it; return what is left."""
        path = self._named(position.inode)
        if path is None:
            return lines
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            size = os.fstat(descriptor).st_size
            if size <= position.size:  # nothing was added; or somebody has emptied it
                return lines
            beyond = os.pread(descriptor, size - position.size, position.size)
            whole, _, torn = beyond.rpartition(b"\n")
            known = whole.count(b"\n") + 1 if whole else 0
            os.ftruncate(descriptor, size - len(torn))
            known = min(known, len(lines))
            if known:
                self._move(_Position(lines[known - 1].id, position.inode, size - len(torn)))
            rest = lines[known:]
            if torn and rest:
                self._write(descriptor, rest[:1])
                rest = rest[1:]
            return rest
        finally:
            os.close(descriptor)

    def _write(self, descriptor: int, lines: Sequence[Stored]) -> None:
        start = os.fstat(descriptor).st_size
        text = b"".join(f"{line.text}\n".encode() for line in lines)
        done = 0
        while done < len(text):
            done += os.pwrite(descriptor, text[done:], start + done)
        self._move(_Position(lines[-1].id, os.fstat(descriptor).st_ino, start + len(text)))

    def _named(self, inode: int) -> Path | None:
        """Return the file with this inode: the log itself, or what it is called now."""
        for path in (self._path, *sorted(self._path.parent.glob(f"{self._path.name}?*"))):
            with suppress(FileNotFoundError):
                if path.stat().st_ino == inode and path != self._position_file:
                    return path
        return None

    def _read(self) -> _Position | None:
        try:
            kept = json.loads(self._position_file.read_text())
            return _Position(int(kept["line"]), int(kept["inode"]), int(kept["size"]))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def _move(self, position: _Position) -> None:
        draft = self._position_file.with_name(f"{self._position_file.name}.new")
        kept = {"line": position.line, "inode": position.inode, "size": position.size}
        draft.write_text(json.dumps(kept))
        draft.replace(self._position_file)
        self._position = position


def rotate(path: Path, limit: int = LIMIT) -> None:
    """Rename a file that is larger than `limit`; its writer makes a new one. Raises OSError."""
    with suppress(FileNotFoundError):
        if path.stat().st_size > limit:
            path.replace(path.with_name(f"{path.name}-{datetime.now(UTC):%Y%m%d-%H%M%S}"))
