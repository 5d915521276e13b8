"""Small disks for the line and its database, in a mount namespace of this program's own."""

import os
import subprocess
import sys
from pathlib import Path

_INSIDE = "HATIF_BENCH_FAULTS_INSIDE"
BALLAST = "ballast"


def enter_namespace() -> None:
    """Begin again in a mount namespace of our own, if that is allowed; its mounts end with us."""
    if _INSIDE in os.environ or os.geteuid():
        return
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        return
    os.environ[_INSIDE] = "yes"
    again = [sys.executable, "-m", "bench.faults", *sys.argv[1:]]
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", *again])


def may_mount() -> bool:
    return _INSIDE in os.environ


def mount(folder: Path, megabytes: int) -> None:
    """Mount a small disk. It is gone with the namespace, at the latest."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}M", "tmpfs", folder], check=True)


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True)


def fill(folder: Path) -> None:
    """Fill the disk of a folder to the last byte."""
    with (folder / BALLAST).open("ab", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


def empty(folder: Path) -> None:
    (folder / BALLAST).unlink(missing_ok=True)


def make_read_only(folder: Path) -> None:
    """Hide a folder behind itself, read-only. Files that are open stay writable: no disk that is in use can be more."""
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
