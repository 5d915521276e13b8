"""MBROLA's voices, if an administrator installed them: Dutch through Debian's espeak-ng, Arabic with our pronunciation.

A voice's name is its file, `usr/share/mbrola/nl2/nl2` in the folder into which the packages were unpacked. The programs
need a newer libc than the host's, so we start them with that folder's dynamic linker.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import signal
import subprocess
import tempfile
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from prompts.voices import arabic

RATE = 110
"""espeak-ng's default rate in words per minute."""
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
_scratch = tempfile.TemporaryDirectory(prefix="hatif-mbrola-")


@dataclass(frozen=True, slots=True)
class _Tree:
    """The unpacked packages, under paths short enough for espeak-ng, which truncates them at 160 bytes."""

    root: Path
    library: Path
    linker: Path  # needs a short name: espeak-ng reads MBROLA's state from the first 20 bytes of /proc/PID/stat
    data: Path
    share: Path
    programs: Path  # where espeak-ng finds `mbrola`

    def command(self, program: str) -> list[str]:
        libraries = f"{self.library}:{self.library / 'pulseaudio'}"
        return [str(self.linker), "--library-path", libraries, str(self.root / "usr/bin" / program)]


_trees: dict[Path, _Tree] = {}


def speak(text: str, name: str, settings: Mapping[str, float]) -> tuple[bytes, int]:
    """Return samples and rate.

    Raises:
        ValueError: The voice is not installed completely, or its program failed.
    """
    file = Path(name)
    if not file.is_file():
        raise ValueError(f"{file} does not exist; run `hatif prompts voices install mbrola`")
    root = file.parents[4]
    tree = _trees.get(root) or _trees.setdefault(root, _prepare(root))
    spoken = Path(_scratch.name) / "speech.wav"
    spoken.unlink(missing_ok=True)
    if file.name.startswith("ar"):
        _run([*tree.command("mbrola"), "-e", str(file), "-", str(spoken)], arabic.mbrola(text), {})
    else:
        voice = [f"-vmb-{file.name}", f"-s{int(settings.get('rate', RATE))}", f"-g{int(settings.get('word_gap', 0))}"]
        environment = {
            "PATH": str(tree.programs),
            "ESPEAK_DATA_PATH": str(tree.data),
            "XDG_DATA_DIRS": str(tree.share),
        }
        _run([*tree.command("espeak-ng"), *voice, "-b1", "--stdin", f"-w{spoken}"], text, environment)
    with wave.open(str(spoken), "rb") as audio:
        return audio.readframes(audio.getnframes()), audio.getframerate()


def _prepare(root: Path) -> _Tree:
    linker = next(root.glob("usr/lib/*-linux-gnu/ld-linux*.so*"), None)
    if linker is None or not all((root / "usr/bin" / program).is_file() for program in ("mbrola", "espeak-ng")):
        raise ValueError(f"{root} is incomplete; remove it and run `hatif prompts voices install mbrola`")
    library, short = linker.parent, Path(tempfile.mkdtemp(dir=_scratch.name))
    tree = _Tree(root, library, short / "mb", short / "data", short / "share", short / "bin")
    tree.linker.symlink_to(linker)
    tree.data.symlink_to(library / "espeak-ng-data")
    tree.share.symlink_to(root / "usr/share")
    tree.programs.mkdir()
    program = tree.programs / "mbrola"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(tree.command("mbrola"))} "$@"\n')
    program.chmod(0o755)
    return tree


def _run(command: Sequence[str], text: str, environment: Mapping[str, str]) -> None:
    """Run a program; raise ValueError with its last line of output if it fails."""
    result = subprocess.run(
        command,
        input=text.encode(),
        capture_output=True,
        env={**os.environ, **environment},
        preexec_fn=_die_with_parent,
        check=False,
    )
    if result.returncode:
        lines = result.stderr.decode(errors="replace").strip().splitlines()
        raise ValueError(f"{Path(command[3]).name}: {lines[-1][:200] if lines else f'exit status {result.returncode}'}")


def _die_with_parent() -> None:
    """Ask the kernel to kill the child with us: this process may be killed at any moment."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
