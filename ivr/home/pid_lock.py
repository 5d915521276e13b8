"""The holder of a pid file: a process holds the file's lock from before its program starts until it ends in any way.

The kernel knows the holder, so even a process whose pid could not be written to a full disk is found.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_LOCKS = Path("/proc/locks")


def open_to_hold(path: Path) -> int:
    """Open the file, creating it if necessary, and return its descriptor.

    Raises:
        OSError: The file cannot be opened.
    """
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def take(descriptor: int) -> bool:
    """Take the lock unless another process holds it; return whether it was taken. Safe between fork and exec."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def hold(run_dir: Path, name: str, *, inherit: bool = False) -> None:
    """Make this process the holder of its pid file until it ends; `hatif up` has done so for those that it started.

    Args:
        inherit: Whether a program that this process becomes (exec) is the holder.
    """
    with suppress(OSError):  # a full disk must not keep a process from running
        run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = open_to_hold(run_dir / f"{name}.pid")
        if take(descriptor):
            os.set_inheritable(descriptor, inherit)
        else:
            os.close(descriptor)


def holders(path: Path) -> Iterator[int]:
    """Yield the pid that holds the lock, if any."""
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
        # An inode number is only unique within a file system, and the kernel may name that differently from `stat`.
        if (pid := int(words[4])) > 0 and _has_open(pid, wanted):
            yield pid


def _has_open(pid: int, wanted: os.stat_result) -> bool:
    """Return whether the process has the file open; also True for another user's process, which we cannot inspect."""
    try:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                found = descriptor.stat()
                if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                    return True
    except PermissionError:
        return True
    except OSError:
        pass
    return False
