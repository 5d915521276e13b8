"""The supervisor: starts the processes of one Hatif, watches them and restarts those that end or hang.

It holds no pipe to a child, and each child holds the lock of its own pid file. So the supervisor may be killed: when it
is started again, it adopts the processes that are alive.
"""

import asyncio
import fcntl
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import structlog

from ivr.home import heartbeat, pid_lock
from ivr.home.log_files import open_log
from ivr.process.own_time import OwnTime
from ivr.process.process import (
    Child,
    Mark,
    ProcessInfo,
    ProcessSpec,
    booted_by,
    describe_end,
    lives,
    mark_of,
    mark_of_holder,
    processes,
    tail_of,
    write_mark,
)
from ivr.process.readiness import until_ready
from wire.errors import UserError

__all__ = ["AlreadyRunning", "ProcessInfo", "ProcessSpec", "StartError", "Supervisor", "SupervisorError", "processes"]

HEALTHY_S = 2.0  # a process that served this long and then ended is restarted at once, whatever was before
MAX_DELAY_S = 5.0
AGAIN_S = 10.0  # between two looks whether a process that has done its work has more
HANGS_S = 10.0  # a process without a heartbeat for so long, in its own time, is ended
FIRST_START_TRIES = 3  # for a process killed by a signal before it was ready; one that exits by itself has one
OWN_NAME = "supervisor"
_LOOKS_S = 1.0  # between two looks at the heartbeats

log = structlog.get_logger("supervisor")


class SupervisorError(UserError):
    """An error of the supervisor; `str()` is a sentence for people."""


class AlreadyRunning(SupervisorError):  # noqa: N818 - a refusal, not a fault
    """Another supervisor uses this run directory."""


class StartError(SupervisorError):
    """A process could not be started or was not ready in time; `str()` ends with the last lines of its log."""

    def __init__(self, sentence: str, tail: Sequence[str] = (), by_signal: bool = False) -> None:
        super().__init__("\n  ".join([sentence, *tail]))
        self.sentence = sentence
        self.tail = tuple(tail)
        self.by_signal = by_signal  # killed from outside or by a crash: worth another attempt


def restart_delay_s(failures: int) -> float:
    """Return the pause in seconds before the next start after so many failures in a row: 0, 0.25, 0.5, … 5."""
    return 0.0 if failures <= 1 else min(MAX_DELAY_S, 0.25 * 2.0 ** min(failures - 2, 10))


def _log(level: str, event: str, **facts: object) -> None:
    """Write a log line. A terminal or pipe that went away must not end the supervisor."""
    with suppress(OSError, ValueError):
        getattr(log, level)(event, **facts)


class Supervisor:
    """Keeps the processes of `specs` running while `run()` does.

    `ready` is set once all have been ready. Pid files are in `run_dir`, the output of the processes in `log_dir`.
    """

    def __init__(self, specs: Sequence[ProcessSpec], run_dir: Path, log_dir: Path) -> None:
        """Check the specifications.

        Raises:
            ValueError: A name is not usable or not unique, or a process depends on one that does not come before it.
        """
        self._after: dict[str, tuple[str, ...]] = {}
        for spec in specs:
            if not re.fullmatch(r"[a-z0-9-]+", spec.name) or spec.name in (OWN_NAME, *self._after):
                raise ValueError(f"{spec.name!r} cannot be the name of a process, or is used twice")
            after = tuple(self._after)[-1:] if spec.depends_on is None else spec.depends_on
            if missing := set(after) - set(self._after):
                raise ValueError(f"{spec.name} depends on {', '.join(sorted(missing))}, which must come before it")
            self._after[spec.name] = after
        self._specs = tuple(specs)
        self._run_dir = run_dir
        self._log_dir = log_dir
        self._served = {spec.name: asyncio.Event() for spec in specs}  # has been ready once
        self._children: dict[str, Child] = {}
        self._stopping_since: float | None = None
        self.ready = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set, SIGTERM, SIGINT or SIGHUP arrives (each sets it), or the task is cancelled.

        In all cases the processes are then stopped in reverse order. A second Ctrl-C after a second kills them at once.

        Raises:
            AlreadyRunning: Another supervisor runs; nothing was touched.
            StartError: A process did not come up the first time.
            OSError: The directories cannot be used.
        """
        self._log_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked(), self._signals(stop):
            try:
                self._adopt_all()
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(self._keep(spec)) for spec in self._specs]
                    tasks.append(group.create_task(self._announce()))
                    await stop.wait()
                    for task in tasks:
                        task.cancel()
            except BaseExceptionGroup as errors:
                raise errors.exceptions[0] from None
            finally:
                await self._stop_all()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        pid_file = self._run_dir / f"{OWN_NAME}.pid"
        # The kernel drops the lock however the process ends. The directory itself is locked: no race for a file.
        lock = os.open(self._run_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                mark = mark_of_holder(pid_file)
                which = f"with pid {mark.pid}; to stop it: kill {mark.pid}" if mark else "and is just starting"
                raise AlreadyRunning(f"Hatif already runs in {self._run_dir.parent} {which}") from None
            held_file = pid_lock.open_to_hold(pid_file)
            try:
                pid_lock.take(held_file)
                self._write(OWN_NAME, held_file, mark_of(os.getpid(), ()))
                yield
            finally:
                pid_file.unlink(missing_ok=True)
                os.close(held_file)
        finally:
            os.close(lock)

    @contextmanager
    def _signals(self, stop: asyncio.Event) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield  # Python delivers signals to the main thread only
            return
        loop = asyncio.get_running_loop()
        # A script's background job ignores SIGINT by default and must handle it here; under nohup SIGHUP stays ignored.
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            numbers.append(signal.SIGHUP)
        before = {number: signal.getsignal(number) for number in numbers}
        for number in numbers:
            loop.add_signal_handler(number, self._on_signal, number, stop)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)
                signal.signal(number, before[number] or signal.SIG_DFL)

    def _on_signal(self, number: signal.Signals, stop: asyncio.Event) -> None:
        now = asyncio.get_running_loop().time()
        if self._stopping_since is None:
            self._stopping_since = now
            _log("info", "stopping", signal=number.name)
            stop.set()
        elif number is signal.SIGINT and now - self._stopping_since > 1.0:
            # Not within the second: `timeout` and group kills send the same signal twice.
            _log("warning", "killing the remaining processes")
            for child in self._children.values():
                child.send(signal.SIGKILL)

    async def _announce(self) -> None:
        for event in self._served.values():
            await event.wait()
        self.ready.set()
        _log("info", "all processes ready")

    def _adopt_all(self) -> None:
        """Adopt all processes of an earlier supervisor, at once: an early stop must end all of them as well."""
        for spec in self._specs:
            self._adopt(spec)

    def _adopt(self, spec: ProcessSpec) -> Child | None:
        """Adopt the process if it runs already; None if it does not. Raises StartError if it is another user's."""
        mark = mark_of_holder(self._run_dir / f"{spec.name}.pid")
        if mark is None:
            return None
        try:
            pidfd = os.pidfd_open(mark.pid)  # first, so that the process examined next is the one we hold
        except OSError:
            return None
        try:
            if not lives(mark):
                os.close(pidfd)
                return None
            signal.pidfd_send_signal(pidfd, 0)
        except PermissionError:
            os.close(pidfd)
            raise StartError(
                f"{spec.name} already runs with pid {mark.pid} as another user, who must stop it first"
            ) from None
        child = self._children[spec.name] = Child(mark, pidfd, None)
        _log("info", "process adopted from an earlier supervisor", process=spec.name, pid=mark.pid)
        return child

    async def _keep(self, spec: ProcessSpec) -> None:
        """Adopt or start a process when its turn has come, then keep it running.

        Raises:
            StartError: The first start failed.
        """
        for name in self._after[spec.name]:
            await self._served[name].wait()
        child = self._children.get(spec.name)
        if child is not None and child.mark.argv not in (None, spec.argv):
            _log("warning", "process runs with other arguments; it is replaced", process=spec.name, pid=child.mark.pid)
            await child.stop(spec.stop_signal, spec.stop_timeout_s)
            child = None
        loop = asyncio.get_running_loop()
        adopted, failures, ended_at, reason = child is not None, 0, loop.time(), ""
        while True:
            served_at = None
            try:
                if child is None:
                    # Never start a second one, whatever happened to its pid file.
                    child = self._adopt(spec) or self._start(spec)
                if failures:  # logged after the start: a blocked terminal must not delay it
                    gap_ms = round((loop.time() - ended_at) * 1000, 1)
                    pid = child.mark.pid
                    _log("warning", "process restarted", process=spec.name, pid=pid, gap_ms=gap_ms, reason=reason)
                await self._until_ready(spec, child)
                served_at = loop.time()
                self._served[spec.name].set()
                took_s = round(served_at - ended_at, 3)
                _log("info", "process ready", process=spec.name, pid=child.mark.pid, took_s=took_s)
                hung = await self._until_it_ends(spec, child)
                if spec.again is not None and child.status == 0:
                    _log("info", "process has done its work", process=spec.name, pid=child.mark.pid)
                    child, adopted, failures = None, False, 0
                    await self._until_more(spec.name, spec.again)
                    continue
                reason = hung or describe_end(child.status)
            except StartError as error:
                again = adopted or (error.by_signal and failures + 1 < FIRST_START_TRIES)
                if not self._served[spec.name].is_set() and not again:
                    raise
                reason = "; ".join([error.sentence, *error.tail[-1:]])
            ended_at = child.ended_at if child is not None and child.ended.is_set() else loop.time()
            failures = 1 if served_at is not None and ended_at - served_at > HEALTHY_S else failures + 1
            child, adopted = None, False
            if delay_s := restart_delay_s(failures):
                _log(
                    "error",
                    "process fails repeatedly",
                    process=spec.name,
                    failures=failures,
                    next_start_in_s=delay_s,
                    reason=reason,
                )
                await asyncio.sleep(delay_s)

    async def _until_it_ends(self, spec: ProcessSpec, child: Child) -> str:
        """Wait until a process ends; kill it once it hangs or is stopped. Return what it did instead of ending."""
        booted, own = booted_by(child.mark), OwnTime(child.mark.pid)
        me, loop = heartbeat.of_process(self._run_dir, OWN_NAME), asyncio.get_running_loop()
        while spec.lives is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOKS_S):
                    await child.ended.wait()
            if child.ended.is_set():
                break
            before = heartbeat.last_beat(me)
            heartbeat.beat(me)
            if heartbeat.last_beat(me) == before:  # nor can they write any, on a disk that is read-only
                own = OwnTime(child.mark.pid)
                continue
            last = heartbeat.last_beat(spec.lives)
            beats = last is not None and last > booted  # otherwise it is starting
            silent_s = own.look(last, loop.time())
            if silent_s >= (HANGS_S if beats else spec.ready_longest_s):
                _log("error", "process hangs; it is killed", process=spec.name, pid=child.mark.pid, silent_s=silent_s)
                child.send(signal.SIGKILL)
                await child.ended.wait()
                return f"showed no sign of life for {silent_s:.0f} s"
        await child.ended.wait()
        return ""

    async def _until_more(self, name: str, again: Callable[[], bool]) -> None:
        """Wait until a process that has done its work has more."""
        (self._run_dir / f"{name}.pid").unlink(missing_ok=True)
        while not again():  # noqa: ASYNC110 - what is waited for may come from any process
            await asyncio.sleep(AGAIN_S)

    def _start(self, spec: ProcessSpec) -> Child:
        try:
            output = open_log(self._log_dir / f"{spec.name}.log")
        except OSError as error:  # a full disk must not leave callers alone
            _log("error", "log cannot be written", process=spec.name, reason=str(error))
            output = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(output, f"--- {spec.name} started {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n".encode())
        except OSError as error:  # there may be room again when the process has something to say
            _log("error", "log cannot be written", process=spec.name, reason=str(error))
        popen = None
        holding = self._open_to_hold(spec.name)
        try:
            log_start = os.fstat(output).st_size
            popen = subprocess.Popen(
                spec.argv,
                env=spec.env,
                cwd=spec.cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                pass_fds=() if holding is None else (holding,),
                # In the child, since the kernel reports as holder the process that took the lock.
                preexec_fn=None if holding is None else partial(pid_lock.take, holding),
            )
            pidfd = os.pidfd_open(popen.pid)
        except OSError as error:
            if popen is not None:  # no pidfd: an old kernel, or no descriptor left
                popen.kill()
                popen.wait()
            what = f": {error.filename}" if error.filename else ""
            if holding is not None:
                os.close(holding)
            raise StartError(f"{spec.name} cannot be started: {error.strerror}{what}") from error
        finally:
            os.close(output)
        mark = mark_of(popen.pid, spec.argv)
        if holding is not None:
            self._write(spec.name, holding, mark)
            os.close(holding)
        child = self._children[spec.name] = Child(mark, pidfd, popen, log_start)
        return child

    def _open_to_hold(self, name: str) -> int | None:
        try:
            return pid_lock.open_to_hold(self._run_dir / f"{name}.pid")
        except OSError as error:
            _log("error", "pid file cannot be created", process=name, reason=str(error))
            return None

    def _write(self, name: str, descriptor: int, mark: Mark) -> None:
        try:
            write_mark(descriptor, mark)
        except OSError as error:  # the holder of the file's lock is known all the same
            _log("error", "pid file cannot be written", process=name, reason=str(error))

    async def _until_ready(self, spec: ProcessSpec, child: Child) -> None:
        """Wait until a process is ready.

        Raises:
            StartError: It ended before, or was not ready in time and was stopped.
        """

        def slow(after_s: float, worked_s: float) -> None:
            facts = {"after_s": round(after_s, 1), "worked_s": round(worked_s, 1), "load": round(os.getloadavg()[0], 1)}
            _log("warning", "process is slow to start", process=spec.name, pid=child.mark.pid, **facts)

        failed = await until_ready(spec, child, slow)
        if failed is None:
            return
        ended_first = child.ended.is_set()
        if not ended_first:
            await child.stop(spec.stop_signal, spec.stop_timeout_s)
        sentence = f"{spec.name} {failed}"
        path = self._log_dir / f"{spec.name}.log"
        tail = tail_of(path, child.log_start)
        sentence += f"; the last lines of {path}:" if tail else f"; it wrote nothing to {path}"
        raise StartError(sentence, tail, by_signal=ended_first and (child.status or 0) < 0)

    async def _stop_all(self) -> None:
        for spec in reversed(self._specs):
            child = self._children.get(spec.name)
            if child is not None and not await child.stop(spec.stop_signal, spec.stop_timeout_s):
                what = "process had to be killed" if child.ended.is_set() else "process cannot be ended"
                _log("warning", what, process=spec.name, pid=child.mark.pid, after_s=spec.stop_timeout_s)
            if child is None or child.ended.is_set():
                (self._run_dir / f"{spec.name}.pid").unlink(missing_ok=True)
