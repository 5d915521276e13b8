"""Log files of limited size, rotated by the running process, or by others who rename them."""

import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

LOG_LIMIT = 10_000_000  # bytes; a larger log is rotated
LOGS_KEPT = 3  # rotated files per log


def open_log(path: Path) -> int:
    """Return a descriptor for appending; a file over the limit is rotated first.

    Raises:
        OSError: The file cannot be opened.
    """
    if path.exists() and path.stat().st_size > LOG_LIMIT:
        for n in range(LOGS_KEPT - 1, 0, -1):
            with suppress(FileNotFoundError):
                path.with_name(f"{path.name}.{n}").replace(path.with_name(f"{path.name}.{n + 1}"))
        path.replace(path.with_name(f"{path.name}.1"))
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


class StandardError:
    """The process's standard error for loggers; if it is a file in `folder`, its size is limited.

    Before each write, a file over the limit is rotated, and standard error (and standard output, if it is the same
    file) continues in a new one; so it does if logrotate or somebody else has renamed or removed the file. Terminals,
    pipes and other files are not touched.

    A line that cannot be written (a full disk, a reader that is gone) is lost. It never ends the process or the work
    that wanted to write it.
    """

    def __init__(self, folder: Path) -> None:
        self._path = _log_in(folder)

    def write(self, text: str) -> int:
        if self._path is not None:
            with suppress(OSError, ValueError):  # for example a full disk: continue with the old file
                _limit(self._path)
        with suppress(OSError, ValueError):  # ValueError: it was closed
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
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
    if before.st_size <= LOG_LIMIT and _names(path, before):
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


def _names(path: Path, file: os.stat_result) -> bool:
    """Return whether `path` is this very file's name."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    return (found.st_dev, found.st_ino) == (file.st_dev, file.st_ino)
