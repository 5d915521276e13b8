"""UDP with the kernel's time of arrival, so that a slow reader in Python does not distort the times."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable

SO_TIMESTAMPNS = 35  # asm-generic/socket.h; Python's socket module has no name for it
Got = Callable[[bytes, tuple[str, int], int], None]


class Udp:
    """Bind a socket. `got(data, sender, arrived)`, `arrived` in ns of CLOCK_REALTIME, runs for each datagram."""

    def __init__(self, address: str, port: int, got: Got) -> None:
        self._got = got
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.bind((address, port))
        self.port: int = self._socket.getsockname()[1]
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def send(self, data: bytes, to: tuple[str, int]) -> None:
        self._socket.sendto(data, to)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(64):  # then the loop's timers get their turn
                data, extra, _, sender = self._socket.recvmsg(4096, 64)
                seconds, nanoseconds = struct.unpack("qq", extra[0][2])
                self._got(data, sender, seconds * 1_000_000_000 + nanoseconds)


def sink(address: str) -> socket.socket:
    """Bind a socket that is never read: the kernel drops what comes, and Asterisk sees no closed port."""
    unread = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    unread.bind((address, 0))
    return unread
