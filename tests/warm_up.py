"""Processes of the tests' lines that have loaded their modules before they start. A program.

A process of a line takes one to two seconds of the processor to load libraries and what is ours, and the tests start
some two hundred. So each process of the tests has two others that have loaded all of it, once, and done nothing else:
one forks controllers, the other `hatif up`, the journal and the guard, for all lines. What is forked is like any other:
it has the environment, the folder, the output and the session that the supervisor gave it, the lock of its pid file,
and an exit status that its parent hears. Only its parent, and its command line in /proc, are different.

A line whose home has the file `COLD` starts all of them as an administrator's does (the fixture `cold_starts`), and so
does one whose environment names modules of its own.
"""

import atexit
import gc
import importlib
import json
import os
import secrets
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

LIBRARIES = (
    *("aiosqlite", "alembic.command", "asyncpg", "babel", "fastapi", "fastapi.openapi.models", "msgspec", "orjson"),
    *("panoramisk", "phonenumbers", "picows", "pydantic", "sqlalchemy.dialects.postgresql.asyncpg", "structlog"),
    *("sqlalchemy.dialects.sqlite", "sqlalchemy.ext.asyncio", "stdnum.iso7064.mod_11_10", "uvicorn", "uvloop", "yaml"),
)
OURS = {
    "controllers": ("ivr.__main__", "ivr.api.app", "ivr.agi.server"),
    "commands": (
        *("asterisk_conf.instance", "asterisk_conf.install", "db.delivery", "db.upgrade", "dialplan.lint"),
        *("dialplan.plan", "ivr.cli.main", "ivr.cli.processes.processes", "ivr.cli.processes.terminal_log"),
        *("ivr.data.expiry", "ivr.process.guard", "ivr.process.supervisor", "ivr.records.queue_log"),
    ),
}
HATIF = str(Path(sys.executable).with_name("hatif"))
CONTROLLER = (sys.executable, "-m", "ivr")
COMMANDS = {(HATIF, word) for word in ("up", "journal", "guard", "desk", "gate")}
COLD = "cold"

_LONGEST = 1 << 20  # bytes of a request, which has a whole environment


class Forked:
    """A process, as `subprocess.Popen` has it. Its connection says how it ended."""

    def __init__(
        self,
        folder: Path,
        argv: Sequence[str],
        env: Mapping[str, str],
        output: int,
        held: Sequence[int] = (),
        cwd: Path | None = None,
        *,
        leads: bool = False,
    ) -> None:
        """Start it. `held`: a file whose lock it takes; `leads`: whether it has a session of its own."""
        kind = "controllers" if tuple(argv) == CONTROLLER else "commands"
        request = {"argv": list(argv), "env": dict(env), "cwd": str(cwd or Path.cwd()), "leads": leads}
        self.returncode: int | None = None
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._connection.connect(str(folder / kind))
        socket.send_fds(self._connection, [json.dumps(request).encode()], [output, *held])
        self.pid = int(self._connection.recv(_LONGEST))

    def poll(self) -> int | None:
        with suppress(TimeoutError):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status. Raises TimeoutError."""
        if self.returncode is None:
            self._connection.settimeout(timeout)
            try:
                status = self._connection.recv(_LONGEST)
            except BlockingIOError:
                raise TimeoutError from None
            self.returncode = os.waitstatus_to_exitcode(int(status))
            self._connection.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@cache
def forks() -> Path:
    """Return the folder of the sockets of what forks; it is started now, and ends with this process."""
    folder = Path(tempfile.mkdtemp(prefix="warm-", dir=os.environ.get("HATIF_HOME")))
    listeners = []
    for kind in OURS:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(str(folder / kind))
        listener.listen(16)  # requests may come while it loads
        listeners.append(listener)
    numbers = [listener.fileno() for listener in listeners]
    program = [sys.executable, __file__, str(folder), *map(str, numbers)]
    # Nothing is written to it: it reads the end of this process.
    process = subprocess.Popen(program, stdin=subprocess.PIPE, pass_fds=numbers, cwd=Path(__file__).parents[1])
    atexit.register(process.communicate)
    for listener in listeners:
        listener.close()
    return folder


def is_warm(env: Mapping[str, str]) -> bool:
    """Return whether processes of a line with this environment are forked."""
    return env.get("PYTHONPATH") == os.environ.get("PYTHONPATH") and not Path(env["HATIF_HOME"], COLD).exists()


class _Server:
    """Forks for each request of a listening socket until standard input ends."""

    def __init__(self, folder: Path, listener: socket.socket) -> None:
        self._folder, self._listener = folder, listener
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._selector.register(0, selectors.EVENT_READ)
        self._children: dict[int, tuple[int, socket.socket]] = {}  # by pidfd

    def serve(self) -> None:
        """Return in a forked process only."""
        while True:
            for key, _ in self._selector.select():
                if key.fd == 0:
                    shutil.rmtree(self._folder, ignore_errors=True)
                    os._exit(0)
                if key.fd != self._listener.fileno():
                    self._say_end(key.fd)
                elif self._fork():
                    return

    def _fork(self) -> bool:
        """Serve one request; return whether this is the forked process."""
        connection, _ = self._listener.accept()
        content, descriptors, _, _ = socket.recv_fds(connection, _LONGEST, 2)
        request = json.loads(content)
        if (pid := os.fork()) == 0:
            self._selector.close()
            self._listener.close()
            for pidfd, (_, other) in self._children.items():
                os.close(pidfd)
                other.close()
            _become(request["argv"], request["env"], request["cwd"], *descriptors, leads=request["leads"])
            connection.send(str(os.getpid()).encode())  # not before it leads its session and has its lock, as `Popen`
            connection.close()
            return True
        for descriptor in descriptors:
            os.close(descriptor)
        pidfd = os.pidfd_open(pid)
        self._children[pidfd] = pid, connection
        self._selector.register(pidfd, selectors.EVENT_READ)
        return False

    def _say_end(self, pidfd: int) -> None:
        self._selector.unregister(pidfd)
        pid, connection = self._children.pop(pidfd)
        status = os.waitpid(pid, 0)[1]
        os.close(pidfd)
        with suppress(OSError):  # who asked for it has ended
            connection.send(str(status).encode())
        connection.close()


def _become(
    argv: list[str], env: Mapping[str, str], cwd: str, output: int, held: int | None = None, *, leads: bool
) -> None:
    from ivr.home import pid_lock

    if leads:
        os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for here, there in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(here, there)
    os.close(nothing)
    os.close(output)
    if held is not None:
        pid_lock.take(held)
    sys.argv = argv if argv[0] == HATIF else [str(Path(argv[0]).with_name("ivr"))]


def _run(folder: Path) -> None:
    """Run what this process has become."""
    if sys.argv[0] != HATIF:
        from ivr.__main__ import main as controller
        from ivr.call import playback

        # The only thing that a module draws by lot when it is loaded: it must differ between controllers.
        playback._BOOT = secrets.token_hex(5)
        controller()
        return
    gc.enable()
    from ivr.cli.main import main as hatif
    from ivr.process import supervisor

    def popen(argv: Sequence[str], **options: Any) -> Any:
        if (tuple(argv) == CONTROLLER or tuple(argv) in COMMANDS) and is_warm(options["env"]):
            return Forked(
                folder, argv, options["env"], options["stdout"], options["pass_fds"], options["cwd"], leads=True
            )
        return subprocess.Popen(argv, **options)

    with patch.object(supervisor, "subprocess", SimpleNamespace(Popen=popen, DEVNULL=subprocess.DEVNULL)):
        hatif()


def main() -> None:
    folder = Path(sys.argv[1])
    sockets = {kind: socket.socket(fileno=int(number)) for kind, number in zip(OURS, sys.argv[2:], strict=True)}
    sys.path[0] = str(Path.cwd())  # not the tests' folder
    gc.disable()
    sys.modules["rich"] = None  # type: ignore[assignment]  # as the controller begins
    for name in LIBRARIES:
        importlib.import_module(name)
    kind = "controllers" if os.fork() else "commands"
    for other in OURS.keys() - {kind}:
        sockets[other].close()
    if kind == "commands":
        del sys.modules["rich"]
    for name in OURS[kind]:
        importlib.import_module(name)
    assert threading.active_count() == 1, "a thread would not be in what is forked"
    gc.freeze()
    _Server(folder, sockets[kind]).serve()
    _run(folder)


if __name__ == "__main__":
    main()
