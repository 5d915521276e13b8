"""The SIP stack of the test telephones: one in a process, for as long as somebody uses it."""

import asyncio
import contextlib
import socket

from baresip import Config, Runtime
from baresip.errors import BaresipError

from ivr.softphone.line import LOOPBACK, Address

# Above what an exchange has for sound, and above what the system gives away by itself.
_RTP_PORTS = (61000, 65534)


class Stack:
    """The stack, and how many use it: the first to `enter` starts it, the last to `leave` stops it."""

    def __init__(self) -> None:
        self.runtime = Runtime()
        self.address: Address = (LOOPBACK, _free_port())
        self._loop = asyncio.get_running_loop()
        self._users = 0
        self._starting = asyncio.Lock()
        self._started = False

    async def enter(self, trace: bool) -> None:
        """RuntimeError if it cannot start, or runs in another event loop."""
        if self._loop is not asyncio.get_running_loop():
            raise RuntimeError("telephones are open in another event loop of this process: close them first")
        self._users += 1
        try:
            async with self._starting:
                await self._start(trace)
        except BaseException:
            await self.leave()
            raise

    async def leave(self) -> None:
        """What `enter` gave is not needed any more."""
        self._users -= 1
        if not self._users:
            _running.remove(self)
            if self._started:
                await self.runtime.close()

    async def _start(self, trace: bool) -> None:
        if self._started:
            return
        config = Config(
            net_interface=LOOPBACK,
            max_concurrent_calls=None,
            sip_trace=trace,
            extra_config_text=f"sip_listen {LOOPBACK}:{self.address[1]}\n"
            "sip_transports udp,tcp\n"
            f"rtp_ports {_RTP_PORTS[0]}-{_RTP_PORTS[1]}\n"
            # Sound is noted when it arrives, not when a loudspeaker would have played it.
            "audio_jitter_buffer_type off\n",
        )
        try:
            await self.runtime.start(config)
        except BaresipError as error:
            raise RuntimeError(f"the SIP stack of the telephones cannot start: {error}") from error
        self._started = True


_running: list[Stack] = []


def the_stack() -> Stack:
    """The one of this process, new if nobody uses one; to be entered."""
    if not _running:
        _running.append(Stack())
    return _running[0]


def _free_port() -> int:
    """A port of 127.0.0.1 that is free for both UDP and TCP."""
    for _ in range(100):
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
            contextlib.suppress(OSError),
        ):
            datagrams.bind((LOOPBACK, 0))
            stream.bind(datagrams.getsockname())
            return int(datagrams.getsockname()[1])
    raise RuntimeError("no port of 127.0.0.1 is free for both UDP and TCP")
