"""How far the background is with the slow voices: written by it, read by `hatif status` and `hatif prompts status`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path


class Doing(StrEnum):
    """The present work of the background."""

    WAITING = "waiting"  # for another process that makes clips
    QUICK = "quick"  # what callers do not hear at all yet is spoken, by quick voices
    FETCHING = "fetching"  # a voice's model
    SPEAKING = "speaking"
    PAUSED = "paused"
    CHECKING = "checking"  # whether a language may switch
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of the background. `stays`: the languages that keep their quick voice, with the reasons."""

    doing: Doing
    language: str | None = None
    done: int = 0  # clips of this language
    of: int = 0
    letters_s: float | None = None  # how fast clips are made; None: not known yet
    left_s: float | None = None  # until the language is whole
    stays: Mapping[str, str] = field(default_factory=dict)


def write(path: Path, progress: Progress) -> None:
    """Write the progress of this process.

    Raises:
        OSError: It cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    document = asdict(progress) | {"pid": os.getpid(), "start": _start(os.getpid())}
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    temporary.replace(path)


def read(path: Path) -> Progress | None:
    """Return the last progress; None if there is none. A process that was killed has ended."""
    try:
        found = json.loads(path.read_bytes())
        pid, start = int(found.pop("pid")), str(found.pop("start"))
        progress = Progress(**found | {"doing": Doing(found["doing"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if progress.doing is Doing.ENDED or _start(pid) == start:
        return progress
    return Progress(Doing.ENDED, letters_s=progress.letters_s, stays=progress.stays)


def _start(pid: int) -> str | None:
    """Return the boot, and the tick since then, at which a process started; None if it has ended.

    No time of day, which moves when the clock is set.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        state, *numbers = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if state in "ZX" else f"{boot} {numbers[18]}"
