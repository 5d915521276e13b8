"""One process that is kept running: its specification, pid file, log and end. Linux only (pidfd, /proc)."""

import asyncio
import json
import os
import re
import signal
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from ivr import held

KILL_S = 5.0  # after SIGKILL; longer only for a process that hangs in the kernel, which nobody can end
TAIL_LINES = 10


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A process to be kept running. It stays in the foreground, writes to its standard output and takes no input."""

    name: str  # lower-case letters, digits, hyphens: names its pid file and its log
    argv: tuple[str, ...]
    env: Mapping[str, str] | None = None  # the whole of it; None: that of the supervisor
    cwd: Path | None = None
    # Asked every 20 ms; True: it serves. What it raises means "not yet" and is told when the time is over.
    # None: a process serves as soon as it runs.
    ready: Callable[[], Awaitable[bool]] | None = None
    ready_timeout_s: float = 20.0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 5.0  # then SIGKILL
    # Names of earlier ones that must have been ready once before this one starts; None: the one before it in the list.
    depends_on: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """The process whose pid file it is; `alive` is true only for that very process, not for another with its pid."""

    pid: int
    started: datetime  # UTC
    alive: bool
    booted: float = 0.0  # the same in boot time, s
    stopped: bool = False  # alive, but does nothing: SIGSTOP, Ctrl-Z or a debugger


@dataclass(frozen=True, slots=True)
class Mark:
    """What a pid file says: tells a process from every other, also after a reboot or when its pid is used again.

    Identity is (pid, boot, ticks): `started` comes from the clock and moves when somebody sets it. What the file says
    may be missing or old, since its disk may have been full: who holds the file is asked first (`mark_of_holder`).
    """

    pid: int
    started: float  # s since the epoch, for people
    boot: str  # the kernel's boot id
    ticks: int  # of the kernel, from boot to the start of the process
    argv: tuple[str, ...] | None  # as asked for, if known; the kernel's own differs for scripts and after an exec


def _stat(pid: int) -> tuple[str, int]:
    """State letter and start in ticks since boot. OSError: there is no such process."""
    fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    return fields[0], int(fields[19])


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def mark_of(pid: int, argv: Sequence[str] | None) -> Mark:
    """For a process that exists (it may have ended, if nobody has reaped it)."""
    known = tuple(argv) if argv is not None else None
    return Mark(pid, psutil.Process(pid).create_time(), _boot_id(), _stat(pid)[1], known)


def mark_of_holder(pid_file: Path) -> Mark | None:
    """The living process whose file it is: who holds it, else whom it names; None if there is none."""
    said = read_mark(pid_file)
    if said is not None and not lives(said):
        said = None
    for pid in held.holders(pid_file):
        if said is not None and said.pid == pid:
            return said
        with suppress(OSError, psutil.Error):
            return mark_of(pid, None)
    return said


def lives(mark: Mark) -> bool:
    try:
        state, ticks = _stat(mark.pid)
    except (OSError, ValueError, IndexError):
        return False
    return state not in "ZX" and ticks == mark.ticks and mark.boot == _boot_id()


def read_mark(pid_file: Path) -> Mark | None:
    """What the file names, alive or not; None: no file, or not one of ours."""
    try:
        found = json.loads(pid_file.read_text())
        pid, started, boot, ticks = int(found["pid"]), float(found["started"]), str(found["boot"]), int(found["ticks"])
        argv = tuple(str(word) for word in found["argv"]) if found["argv"] is not None else None
        return Mark(pid, started, boot, ticks, argv)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_mark(descriptor: int, mark: Mark) -> None:
    """Into the open file, which keeps its lock. OSError: the disk is full."""
    text = (json.dumps(asdict(mark)) + "\n").encode()
    os.pwrite(descriptor, text, 0)
    os.ftruncate(descriptor, len(text))


def processes(run_dir: Path) -> dict[str, ProcessInfo]:
    """All processes that have a pid file, the supervisor as `supervisor`; a clean stop leaves none."""
    found: dict[str, ProcessInfo] = {}
    for path in sorted(run_dir.glob("*.pid")):
        living = mark_of_holder(path)
        mark = living or read_mark(path)
        if mark is not None:
            started, booted = datetime.fromtimestamp(mark.started, UTC), mark.ticks / os.sysconf("SC_CLK_TCK")
            stopped = living is not None and _is_stopped(mark.pid)
            found[path.stem] = ProcessInfo(mark.pid, started, living is not None, booted, stopped)
    return found


def _is_stopped(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
    except psutil.Error:
        return False


def tail_of(path: Path, since: int) -> list[str]:
    """The last lines after byte `since`, at most `TAIL_LINES`, without what could steer a terminal."""
    with suppress(OSError), path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(since if since <= size else 0, size - 8192))
        text = re.sub(r"\x1b\[[0-9;?]*[ -/]*[@-~]", "", file.read().decode(errors="replace"))
        lines = ["".join(c if c.isprintable() else " " for c in line).rstrip()[:300] for line in text.splitlines()]
        return [line for line in lines if line][-TAIL_LINES:]
    return []


def how(status: int | None) -> str:
    """A return code of `Popen` in words."""
    if status is None:
        return "ended, status unknown since an earlier supervisor had started it"
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"


class Child:
    """One running process, started by us or adopted. It leads a session of its own: no Ctrl-C of a terminal."""

    def __init__(self, mark: Mark, pidfd: int, popen: subprocess.Popen[bytes] | None, log_start: int = 0) -> None:
        """Takes over `pidfd`. `popen`: None for an adopted one. `log_start`: bytes of the log before its own."""
        self.mark = mark
        self.log_start = log_start
        self.ended = asyncio.Event()
        self.ended_at = 0.0  # the loop's time
        self.status: int | None = None  # of Popen.returncode's kind; None also for an adopted one that ended
        self._pidfd = pidfd
        self._popen = popen
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(pidfd, self._reap)

    def _reap(self) -> None:
        self.ended_at = self._loop.time()
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        # What it started goes with it, and before the zombie is reaped: until then its number is nobody else's.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.mark.pid, signal.SIGKILL)
        if self._popen is not None:
            self.status = self._popen.wait()
        self.ended.set()

    def send(self, number: signal.Signals) -> None:
        if not self.ended.is_set():
            with suppress(ProcessLookupError, PermissionError):
                signal.pidfd_send_signal(self._pidfd, number)

    async def stop(self, number: signal.Signals, limit_s: float) -> bool:
        """Asks with that signal, kills after `limit_s`; False: it had to be killed, or hangs in the kernel still."""
        self.send(number)
        try:
            async with asyncio.timeout(limit_s):
                await self.ended.wait()
            return True
        except TimeoutError:
            self.send(signal.SIGKILL)
            with suppress(TimeoutError):
                async with asyncio.timeout(KILL_S):
                    await self.ended.wait()
            return False
