"""Who holds a pid file: a process has its file's lock from before its program begins until it ends, however it ends.

The kernel knows the holder, so a disk that was full when the file should have been written hides nobody.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_LOCKS = Path("/proc/locks")


def open_to_hold(path: Path) -> int:
    """A descriptor of the file, made if it is missing. Raises OSError."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def take(descriptor: int) -> None:
    """Hold the file; where somebody else does, nothing happens. Safe between fork and exec."""
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def holders(path: Path) -> Iterator[int]:
    """The pids that hold the file: one, or none."""
    try:
        wanted = path.stat()
        locks = _LOCKS.read_text()
    except OSError:
        return
    for line in locks.splitlines():
        # 1: FLOCK  ADVISORY  WRITE 28608 fe:00:11388658 0 EOF
        words = line.split()
        if len(words) < 6 or words[1] != "FLOCK" or words[5].rpartition(":")[2] != str(wanted.st_ino):
            continue
        # An inode's number is its own on one file system only, and the kernel's name of that need not be `stat`'s.
        if (pid := int(words[4])) > 0 and _has_open(pid, wanted):
            yield pid


def _has_open(pid: int, wanted: os.stat_result) -> bool:
    """Whether the process has the file open; also true of another user's, of which nobody is told."""
    try:
        for each in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                found = each.stat()
                if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                    return True
    except PermissionError:
        return True
    except OSError:
        pass
    return False
