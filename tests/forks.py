"""A process that has loaded modules forks for others, which so start without loading anything.

What is forked is like any other process: it has the arguments, the environment, the folder and the files that it is
given, and an exit status. Only its parent, and its command line in /proc, are different.
"""

import atexit
import ctypes
import fcntl
import json
import os
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from forked import LONGEST

_CLONE_NEWUSER = 0x10000000  # os.unshare comes with Python 3.12
NOT_ROOT = "HATIF_TEST_NOT_ROOT"
"""In the environment of what is forked: it is no longer root, in a user namespace. Its files stay root's."""


def folder(prefix: str) -> Path:
    """Return a folder for sockets, with a short path, that is removed when this process ends."""
    made = tempfile.mkdtemp(prefix=prefix, dir=os.environ.get("HATIF_HOME"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made)


def start(program: Sequence[str], *listeners: socket.socket) -> None:
    """Start a Python program that serves `listeners` until this process ends."""
    numbers = [listener.fileno() for listener in listeners]
    # Nothing is written to it: it reads the end of this process.
    process = subprocess.Popen([sys.executable, *program], stdin=subprocess.PIPE, pass_fds=numbers)
    atexit.register(process.communicate)


def listen(address: Path) -> socket.socket:
    """Return a socket for `serve`. Requests may come before that."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(address))
    listener.listen(16)
    return listener


def serve(listener: socket.socket) -> None:
    """Fork for each request until standard input ends, and then end this process; return in what is forked.

    There `sys.argv` is what was asked for.
    """
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(0, selectors.EVENT_READ)
        children: dict[int, tuple[int, socket.socket]] = {}  # by pidfd
        while True:
            for key, _ in selector.select():
                if key.fd == 0:
                    os._exit(0)
                if key.fd in children:
                    selector.unregister(key.fd)
                    _say_end(key.fd, *children.pop(key.fd))
                    continue
                connection, _ = listener.accept()
                content, descriptors, _, _ = socket.recv_fds(connection, LONGEST, 4)
                if (pid := os.fork()) == 0:
                    listener.close()
                    for pidfd, (_, other) in children.items():
                        os.close(pidfd)
                        other.close()
                    _become(json.loads(content), *descriptors)
                    # Not before it leads its session and has its lock, as with `Popen`.
                    connection.send(str(os.getpid()).encode())
                    connection.close()
                    return
                for descriptor in descriptors:
                    os.close(descriptor)
                pidfd = os.pidfd_open(pid)
                children[pidfd] = pid, connection
                selector.register(pidfd, selectors.EVENT_READ)


def run(program: Callable[[], None]) -> NoReturn:
    """Run a program in what was forked, and end as Python does, but for taking apart what was loaded.

    That takes a quarter of a second of the processor, since all of it would be copied first.
    """
    status = 0
    try:
        program()
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise
        status = end.code or 0
    threading._shutdown()  # type: ignore[attr-defined]  # waits for the threads
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _say_end(pidfd: int, pid: int, connection: socket.socket) -> None:
    status = os.waitpid(pid, 0)[1]
    os.close(pidfd)
    with suppress(OSError):  # who asked for it has ended
        connection.send(str(status).encode())
    connection.close()


def _leave_root() -> None:
    user, group = os.geteuid(), os.getegid()
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "no user namespace")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"1000 {user} 1")
    Path("/proc/self/gid_map").write_text(f"1000 {group} 1")


def _become(request: dict[str, object], *files: int) -> None:
    if request["leads"]:
        os.setsid()
    os.chdir(str(request["cwd"]))
    env, argv = request["env"], request["argv"]
    assert isinstance(env, dict) and isinstance(argv, list)
    os.environ.clear()
    os.environ.update(env)
    if NOT_ROOT in env:
        _leave_root()
    for number, file in enumerate(files[:3]):
        os.dup2(file, number)
        os.close(file)
    for held in files[3:]:
        with suppress(OSError):  # another process has it
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    sys.argv = argv
