"""A process that another one forks (tests/forks.py), as who asked for it sees it.

It loads little: what stands for `hatif` and `python` in tests/warm_up.py is started for each of their runs.
"""

from __future__ import annotations

import json
import os
import signal
import socket

TYPE_CHECKING = False  # that of `typing` takes longer to load than all else
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LONGEST = 1 << 20  # bytes of a request, which has a whole environment


class Forked:
    """A process, as `subprocess.Popen` has it. Its connection says how it ended."""

    def __init__(
        self,
        address: Path | str,
        argv: Sequence[str],
        env: Mapping[str, str],
        files: tuple[int, int, int],
        held: Sequence[int] = (),
        cwd: Path | None = None,
        *,
        leads: bool = False,
    ) -> None:
        """Start it.

        Args:
            address: The socket of what forks.
            files: Its standard input, output and error.
            held: A file whose lock it takes, or none.
            leads: Whether it has a session of its own.
        """
        here = cwd or os.getcwd()  # noqa: PTH109
        request = {"argv": list(argv), "env": dict(env), "cwd": str(here), "leads": leads}
        self.returncode: int | None = None
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._connection.connect(str(address))
        socket.send_fds(self._connection, [json.dumps(request).encode()], [*files, *held])
        self.pid = int(self._connection.recv(LONGEST))

    def poll(self) -> int | None:
        try:
            return self.wait(0)
        except TimeoutError:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status. Raises TimeoutError."""
        if self.returncode is None:
            self._connection.settimeout(timeout)
            try:
                status = self._connection.recv(LONGEST)
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
