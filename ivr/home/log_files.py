"""Log files of limited size: a process puts its own aside while it runs."""

import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

LOG_LIMIT = 10_000_000  # bytes; a larger log is put aside
LOGS_KEPT = 3  # of each, besides the one that is written to


def open_log(path: Path) -> int:
    """Return a descriptor to append to. A file over the limit is put aside first. Raises OSError."""
    if path.exists() and path.stat().st_size > LOG_LIMIT:
        for n in range(LOGS_KEPT - 1, 0, -1):
            with suppress(FileNotFoundError):
                path.with_name(f"{path.name}.{n}").replace(path.with_name(f"{path.name}.{n + 1}"))
        path.replace(path.with_name(f"{path.name}.1"))
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


class StandardError:
    """The process's standard error, for loggers. If that is a file in `folder`, its size is limited.

    Before each write a file over the limit is put aside, and a new one takes its place for everything that the process
    writes, its standard output too. A terminal, a pipe and any other file are left alone.
    """

    def __init__(self, folder: Path) -> None:
        self._path = _log_in(folder)

    def write(self, text: str) -> int:
        if self._path is not None:
            with suppress(OSError):  # such as a full disk: the old file goes on
                _limit(self._path)
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def _log_in(folder: Path) -> Path | None:
    with suppress(OSError):
        path = Path(f"/proc/self/fd/{sys.stderr.fileno()}").readlink()
        is_file = stat.S_ISREG(os.fstat(sys.stderr.fileno()).st_mode) and path.exists()
        if is_file and path.parent == folder.resolve():
            return path
    return None


def _limit(path: Path) -> None:
    error = sys.stderr.fileno()
    before = os.fstat(error)
    if before.st_size <= LOG_LIMIT:
        return
    sys.stderr.flush()
    file = open_log(path)
    try:
        is_output = os.path.sameopenfile(1, error)
        os.dup2(file, error)
        if is_output:
            os.dup2(file, 1)
    finally:
        os.close(file)
