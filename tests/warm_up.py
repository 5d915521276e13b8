"""`hatif up` for the lines of the tests, whose controllers start in less than half the processor time. A program.

A controller's start takes most of a second of the processor, two thirds of which load libraries, and the tests kill
some ninety controllers. So a process that has loaded the libraries, and nothing of ours, forks for each controller. The
controller then loads all that is ours, and is like any other: a process in a session of its own, with the environment,
output, pid file and lock that the supervisor gave it, which watches it and starts it again as always. Only its parent
is another process, which passes its exit status on.

A line whose home has the file `COLD` starts controllers as an administrator's does (the fixture `cold_starts`).
"""

import fcntl
import gc
import importlib
import json
import os
import runpy
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

LIBRARIES = (
    *("aiosqlite", "asyncpg", "babel", "fastapi", "fastapi.openapi.models", "msgspec", "orjson", "panoramisk"),
    *("phonenumbers", "picows", "pydantic", "sqlalchemy.dialects.postgresql.asyncpg", "sqlalchemy.dialects.sqlite"),
    *("sqlalchemy.ext.asyncio", "stdnum.iso7064.mod_11_10", "structlog", "uvicorn", "uvloop", "yaml"),
)
OURS = {"ivr", "routing", "db", "prompts", "dialplan", "asterisk_conf", "desk"}
CONTROLLER = (sys.executable, "-m", "ivr")
COLD = "cold"

_LONGEST = 1 << 20  # bytes of a request, which has a whole environment


class Forks:
    """The process that forks controllers, as its parent sees it. It ends with its parent."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.fork() == 0:
            self._ours.close()
            _serve(theirs)  # comes back only in a controller
            runpy.run_module("ivr", run_name="__main__", alter_sys=True)
            sys.exit()
        theirs.close()

    def start(self, env: Mapping[str, str], output: int, held: Sequence[int], cwd: Path | None) -> "Forked":
        """Start a controller; it takes the lock on the file that is open as `held`, if any."""
        request = json.dumps({"env": dict(env), "cwd": str(cwd or Path.cwd())})
        socket.send_fds(self._ours, [request.encode()], [output, *held])
        return Forked(self, int(self._ours.recv(_LONGEST)))

    def wait(self, pid: int) -> int:
        self._ours.send(json.dumps({"wait": pid}).encode())
        return os.waitstatus_to_exitcode(int(self._ours.recv(_LONGEST)))


class Forked:
    """What the supervisor uses of a `Popen`."""

    def __init__(self, forks: Forks, pid: int) -> None:
        self.pid, self._forks = pid, forks

    def wait(self) -> int:
        return self._forks.wait(self.pid)

    def kill(self) -> None:
        os.kill(self.pid, 9)


def _serve(requests: socket.socket) -> None:
    """Fork for each request; return in the controller."""
    sys.modules["rich"] = None  # type: ignore[assignment]  # as the controller begins
    gc.disable()
    for name in LIBRARIES:
        importlib.import_module(name)
    assert not OURS & sys.modules.keys()
    gc.freeze()
    while True:
        content, descriptors, _, _ = socket.recv_fds(requests, _LONGEST, 2)
        if not content:
            os._exit(0)
        request = json.loads(content)
        if "wait" in request:
            requests.send(str(os.waitpid(request["wait"], 0)[1]).encode())
            continue
        if os.fork() == 0:
            _become(request["env"], request["cwd"], *descriptors)
            requests.send(str(os.getpid()).encode())  # not before it leads its session and has its lock, as `Popen`
            requests.close()
            return
        for descriptor in descriptors:
            os.close(descriptor)


def _become(env: Mapping[str, str], cwd: str, output: int, held: int | None = None) -> None:
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
        with suppress(OSError):  # another process has it
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    sys.path.insert(0, cwd)


def main() -> None:
    sys.path.pop(0)  # the tests' folder
    sys.argv[0] = str(Path(sys.executable).with_name("hatif"))
    forks = Forks()
    # Not before: what forks has nothing of ours, so that a controller has no other one's random names, for example.
    from ivr.cli.main import main as hatif
    from ivr.process import supervisor

    def popen(argv: Sequence[str], **options: Any) -> Any:
        if tuple(argv) != CONTROLLER or Path(options["env"]["HATIF_HOME"], COLD).exists():
            return subprocess.Popen(argv, **options)
        return forks.start(options["env"], options["stdout"], options["pass_fds"], options["cwd"])

    with patch.object(supervisor, "subprocess", SimpleNamespace(Popen=popen, DEVNULL=subprocess.DEVNULL)):
        hatif()


if __name__ == "__main__":
    main()
