"""One supervised process: its specification, pid file, log and end. Linux only (pidfd, /proc)."""

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

from ivr.home import heartbeat, pid_lock

KILL_S = 5.0  # the wait after SIGKILL; only a process that hangs in the kernel takes longer, and nothing can end it
TAIL_LINES = 10


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A process to keep running. It stays in the foreground, logs to standard output and reads no input."""

    name: str  # lower-case letters, digits, hyphens; also the name of its pid file and its log
    argv: tuple[str, ...]
    env: Mapping[str, str] | None = None  # complete; None: the supervisor's
    cwd: Path | None = None
    # Called ten times a second; True: the process serves. An exception means "not yet", and is reported on timeout.
    # None: the process serves as soon as it runs.
    ready: Callable[[], Awaitable[bool]] | None = None
    ready_timeout_s: float = 20.0  # while it works on its start, it gets as much again
    ready_longest_s: float = 300.0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 5.0  # after it: SIGKILL
    # Earlier processes that must have been ready once before this one starts; None: the one before it in the list.
    depends_on: tuple[str, ...] | None = None
    # The heartbeat of its work, by which the supervisor sees that it hangs; None: that is for others to see.
    lives: Path | None = None
    # For a process that ends with status 0 once its work is done: called from time to time, True if there is more.
    again: Callable[[], bool] | None = None


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """The process of a pid file. `alive` is true for that very process only, not for another one with its pid."""

    pid: int
    started: datetime  # UTC
    alive: bool
    booted: float = 0.0  # `booted_by`
    stopped: bool = False  # alive but suspended: SIGSTOP, Ctrl-Z or a debugger
    silent_s: float | None = None  # since its last heartbeat (`ivr.home.heartbeat`); None if it has had none


@dataclass(frozen=True, slots=True)
class Mark:
    """The content of a pid file, which identifies a process even after a reboot or when its pid is reused.

    Identity is (pid, boot, ticks): `started` comes from the clock and moves when the clock is set. The content may be
    missing or old, since the disk may have been full; so the lock on the file decides first (`mark_of_holder`).
    """

    pid: int
    started: float  # POSIX seconds, for people
    boot: str  # the kernel's boot id
    ticks: int  # the kernel's, from boot to the start of the process
    argv: tuple[str, ...] | None  # as started, if known; the kernel's differs for scripts and after an exec


def _stat(pid: int) -> tuple[str, int]:
    """Return state letter and start in ticks since boot. Raises OSError if there is no such process."""
    fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    return fields[0], int(fields[19])


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def mark_of(pid: int, argv: Sequence[str] | None) -> Mark:
    """Return the mark of a process that exists; a zombie will do."""
    known = tuple(argv) if argv is not None else None
    return Mark(pid, psutil.Process(pid).create_time(), _boot_id(), _stat(pid)[1], known)


def mark_of_holder(pid_file: Path) -> Mark | None:
    """Return the living process of a pid file: the holder of its lock, else the one it names; None without either."""
    named = read_mark(pid_file)
    if named is not None and not lives(named):
        named = None
    for pid in pid_lock.holders(pid_file):
        if named is not None and named.pid == pid:
            return named
        with suppress(OSError, psutil.Error):
            return mark_of(pid, None)
    return named


def booted_by(mark: Mark) -> float:
    """Return when a process had started, in seconds since boot: an earlier one's heartbeat is not later than that."""
    return (mark.ticks + 1) / os.sysconf("SC_CLK_TCK")  # the kernel cuts off what is less than a tick


def lives(mark: Mark) -> bool:
    """Return whether this very process is alive."""
    try:
        state, ticks = _stat(mark.pid)
    except (OSError, ValueError, IndexError):
        return False
    return state not in "ZX" and ticks == mark.ticks and mark.boot == _boot_id()


def read_mark(pid_file: Path) -> Mark | None:
    """Return the process that a file names, alive or not; None if there is no file, or it is not one of ours."""
    try:
        found = json.loads(pid_file.read_text())
        pid, started, boot, ticks = int(found["pid"]), float(found["started"]), str(found["boot"]), int(found["ticks"])
        argv = tuple(str(word) for word in found["argv"]) if found["argv"] is not None else None
        return Mark(pid, started, boot, ticks, argv)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_mark(descriptor: int, mark: Mark) -> None:
    """Write a mark to the open file, which keeps its lock.

    Raises:
        OSError: The disk is full.
    """
    text = (json.dumps(asdict(mark)) + "\n").encode()
    os.pwrite(descriptor, text, 0)
    os.ftruncate(descriptor, len(text))


def processes(run_dir: Path) -> dict[str, ProcessInfo]:
    """Return all processes that have a pid file, the supervisor as `supervisor`; after a clean stop there are none."""
    found = ((path.stem, process_of(run_dir, path.stem)) for path in sorted(run_dir.glob("*.pid")))
    return {name: info for name, info in found if info is not None}


def process_of(run_dir: Path, name: str) -> ProcessInfo | None:
    """Return one of `processes`; None if it has no pid file."""
    path = run_dir / f"{name}.pid"
    living = mark_of_holder(path)
    mark = living or read_mark(path)
    if mark is None:
        return None
    started, booted = datetime.fromtimestamp(mark.started, UTC), booted_by(mark)
    if living is None:
        return ProcessInfo(mark.pid, started, False, booted)
    beat = heartbeat.last_beat(heartbeat.of_process(run_dir, name))
    silent_s = heartbeat.boot_time() - beat if beat is not None and beat > booted else None
    return ProcessInfo(mark.pid, started, True, booted, _is_stopped(mark.pid), silent_s)


def unit_of(pid: int) -> str | None:
    """Return the unit of systemd's that runs a process of a line (`hatif-….service`); None if none does."""
    try:
        groups = Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return None
    found = re.search(r"/(hatif-[a-z]+\.service)(?:/|$)", groups, re.MULTILINE)
    return found[1] if found else None


def _is_stopped(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
    except psutil.Error:
        return False


def tail_of(path: Path, since: int) -> list[str]:
    """Return the last lines after byte `since`, at most `TAIL_LINES`, without terminal control sequences."""
    with suppress(OSError), path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(since if since <= size else 0, size - 8192))
        text = re.sub(r"\x1b\[[0-9;?]*[ -/]*[@-~]", "", file.read().decode(errors="replace"))
        lines = ["".join(c if c.isprintable() else " " for c in line).rstrip()[:300] for line in text.splitlines()]
        return [line for line in lines if line][-TAIL_LINES:]
    return []


def describe_end(status: int | None) -> str:
    """Return in words how a process ended, from the return code of `Popen`."""
    if status is None:
        return "ended; its exit status is unknown, since an earlier supervisor had started it"
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"


class Child:
    """One running process, started by us or adopted. It leads its own session: no terminal's Ctrl-C reaches it."""

    def __init__(self, mark: Mark, pidfd: int, popen: subprocess.Popen[bytes] | None, log_start: int = 0) -> None:
        """Take over `pidfd`.

        Args:
            popen: None for an adopted process.
            log_start: Size of the log file, in bytes, when the process started.
        """
        self.mark = mark
        self.log_start = log_start
        self.ended = asyncio.Event()
        self.ended_at = 0.0  # on the loop's clock
        self.status: int | None = None  # as Popen.returncode; None also for an adopted process that ended
        self._pidfd = pidfd
        self._popen = popen
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(pidfd, self._reap)

    def _reap(self) -> None:
        self.ended_at = self._loop.time()
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        # Its own children end with it, before the zombie is reaped: until then its process group cannot be another's.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.mark.pid, signal.SIGKILL)
        if self._popen is not None:
            self.status = self._popen.wait()
        self.ended.set()

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless the process has ended."""
        if not self.ended.is_set():
            with suppress(ProcessLookupError, PermissionError):
                signal.pidfd_send_signal(self._pidfd, number)

    async def stop(self, number: signal.Signals, limit_s: float) -> bool:
        """Send a signal, and kill the process after `limit_s` seconds.

        Returns:
            False if it had to be killed, or still hangs in the kernel.
        """
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
