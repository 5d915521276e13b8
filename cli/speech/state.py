"""The state of the process that writes down messages: written by it, read by `hatif status` and `hatif speech`."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path


class Doing(StrEnum):
    """States of the process."""

    IDLE = "idle"  # every message has its text
    FETCHING = "fetching"  # the packaged recogniser
    TRANSCRIBING = "transcribing"
    PAUSED = "paused"  # calls need the machine
    WAITING = "waiting"  # for what `why` says


@dataclass(frozen=True, slots=True)
class State:
    """The state of the process, and how many messages wait for a text, have one, and are left without."""

    doing: Doing
    why: str | None = None
    waiting: int = 0
    written: int = 0
    without: int = 0


def write(path: Path, state: State) -> None:
    """Write what this process is doing.

    Raises:
        OSError: It cannot be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    draft.write_text(json.dumps(asdict(state), ensure_ascii=False), encoding="utf-8")
    draft.replace(path)


def read(path: Path) -> State | None:
    """Return what the process last wrote, alive or not; None if there never was one."""
    try:
        document = json.loads(path.read_bytes())
        return State(**document | {"doing": Doing(document["doing"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
