"""The SIP stack of the test telephones: one per process, while somebody uses it."""

import asyncio
import contextlib
import socket

from baresip import Config, Runtime
from baresip.errors import BaresipError

from ivr.softphone.line import LOOPBACK, Address

# Above an exchange's RTP ports, and above the system's ephemeral ports.
_RTP_PORTS = (61000, 65534)


class Stack:
    """The stack and its number of users: the first `enter` starts it, the last `leave` stops it."""

    def __init__(self) -> None:
        self.runtime = Runtime()
        self.address: Address = (LOOPBACK, _free_port())
        self._loop = asyncio.get_running_loop()
        self._users = 0
        self._starting = asyncio.Lock()
        self._started = False

    async def enter(self, trace: bool) -> None:
        """Use the stack. Raises RuntimeError if it cannot start, or runs in another event loop."""
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
        """Give up what `enter` gave."""
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
            # Sound is recorded when it arrives, not when a loudspeaker would play it.
            "audio_jitter_buffer_type off\n",
        )
        try:
            await self.runtime.start(config)
        except BaresipError as error:
            raise RuntimeError(f"the SIP stack of the telephones cannot start: {error}") from error
        self._started = True


_running: list[Stack] = []


def the_stack() -> Stack:
    """Return the stack of this process, a new one if nobody uses it yet; its user awaits `enter`."""
    if not _running:
        _running.append(Stack())
    return _running[0]


def _free_port() -> int:
    """Return a port of 127.0.0.1 that is free for both UDP and TCP."""
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
