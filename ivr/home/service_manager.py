"""Signs of life of a process: to `hatif up` and `hatif status` by a heartbeat, and to systemd (sd_notify(3)).

Nothing is told to systemd if it did not start the process. Each message is one datagram that is never waited for.
"""

import asyncio
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ivr.home import heartbeat


class ServiceManager:
    """What watches this process. `lives`: its heartbeat; None: it has another one."""

    def __init__(self, environment: Mapping[str, str] = os.environ, lives: Path | None = None) -> None:
        self._lives = lives
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._is_ready = False
        self._status = ""

    async def keep_alive(self) -> None:
        """Tell each second that the event loop runs, until cancelled."""
        while True:
            self.alive()
            await asyncio.sleep(1)

    def alive(self, status: str = "") -> None:
        """Tell that the process lives, and the first time that it is ready. Call it at least every few seconds.

        Args:
            status: What it is doing, one line for `systemctl status`; sent when it changes.
        """
        if self._lives is not None:
            heartbeat.beat(self._lives)
        if not self._address:
            return
        lines = ["WATCHDOG=1"]
        if not self._is_ready:
            lines.append("READY=1")
        if status != self._status:
            lines.append(f"STATUS={status}")
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            sender.sendto("\n".join(lines).encode(), self._address)
            self._is_ready, self._status = True, status  # what systemd's full queue did not take is sent again


def writes_to_journal(environment: Mapping[str, str] = os.environ, descriptor: int = 2) -> bool:
    """Return whether what is written to `descriptor` (standard error) goes to journald, as systemd.exec(5) defines."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return environment.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
