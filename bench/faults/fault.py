"""What a fault is, and where it comes."""

import os
import random
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field

from bench import hatif
from bench.faults import clock, disk
from bench.faults.line import Database, Kind
from bench.floor.control import Control
from bench.floor.heard import LONG_S
from bench.floor.line import Line
from bench.postgresql import Server
from ivr.process.process import process_of, processes

CONTROLLER, ASTERISK = hatif.CONTROLLER, "asterisk"
SHORT_S = 20.0
NOTHING = "nothing"


@dataclass(slots=True)
class Scene:
    """Where a fault comes. `notes`: what it has to say in the result; `failed`: what went wrong with it."""

    line: Line
    database: Database
    control: Control
    draw: random.Random
    notes: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def pid(self, process: str) -> int | None:
        found = process_of(self.line.home / "run", process)
        return found.pid if found is not None and found.alive else None

    @property
    def server(self) -> Server:
        assert self.database.server is not None
        return self.database.server


Comes = Callable[[Scene], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault. Entering `comes` brings it, leaving heals it, `hold_s` later.

    `silence_s`: the longest silence that is wanted beyond the site's own pauses, None for any; `loses`: whether calls
    must be lost, since Asterisk dies; `damages`: whether records must be lost; `refuses`: whether no message can be
    recorded, which its caller must hear; `recover_s`: the limit until all is well again. `process`, `kind`, `mounts`:
    what it needs, a process, a database, the right to mount; `steps`: whether it needs a clock of the line's own.
    """

    name: str
    what: str
    comes: Comes
    hold_s: float = 0.0
    silence_s: float | None = LONG_S
    loses: bool = False
    damages: bool = False
    refuses: bool = False
    recover_s: float = 100.0
    process: str | None = None
    kind: Kind | None = None
    mounts: bool = False
    steps: bool = False

    @property
    def soaks(self) -> bool:
        """Return whether it also comes in the soak, where another one follows half a minute later."""
        return not (self.loses or self.damages or self.steps) and self.hold_s <= SHORT_S

    def missing(self, line: Line, kind: Kind) -> str | None:
        """Return why it cannot come on this line; None if it can."""
        if self.process is not None and self.process not in running_names(line):
            return f"{self.process} does not run on this line"
        if self.kind not in (None, kind):
            return f"it needs --database {self.kind}"
        if self.mounts and not disk.may_mount():
            return "it needs the right to mount a disk in a namespace (unshare --mount), as root has"
        if self.steps and not clock.file_of(line.home).exists():
            return "it needs --clock"
        return None


def send(scene: Scene, name: str, number: signal.Signals) -> int | None:
    """Send a signal to a process of the line, and return its pid; None if it does not run."""
    pid = scene.pid(name)
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
    return pid


def running_names(line: Line) -> set[str]:
    """Return the processes of the line that run."""
    return {name for name, info in processes(line.home / "run").items() if info.alive}
