"""Common softphones as operators' telephones: one interface, and a driver for each.

Each is a program of its own, with its own folder and address. It sends a tone (`SAYS_HZ`) and records what it hears.
"""

import asyncio
import contextlib
import os
import pty
import signal
import time
import wave
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from ivr.softphone.sound import RATE, Samples, has_tone, tone

SAYS_HZ = 1870.0
"""The tone that a softphone sends."""

How = Literal["rfc4733", "in-band", "info"]
"""The way in which it sends digits; `Softphone.hows` lists the supported ones."""


class Softphone(ABC):
    """`address`: its address; `folder`: its own, empty; `how`: it sends digits; `one_line`: a second call is busy.

    `output` is all that it has printed; `displays` what it has shown of callers, the oldest first.
    """

    name: str
    hows: tuple[How, ...]
    shows_messages = True
    """By the site's default (`shows_messages` of site.toml)."""
    recordings = "hears.wav"
    """The file to which it writes the sound that it hears, as a pattern."""
    records_on = True
    """Whether it continues to write after a hold."""
    holds_encrypted = True
    """Whether it goes on after a hold with SRTP."""
    attended = True
    """Whether it supports attended transfer."""

    def __init__(self, folder: Path, address: str, how: How = "rfc4733", *, one_line: bool = False) -> None:
        self.folder, self.address, self.how, self.one_line = folder, address, how, one_line
        self.port = 7000 + int(address.rpartition(".")[2])
        self.output = ""
        self.displays: list[str] = []
        self.messages: list[str] = []
        self.calls: list[str] = []
        """Its own names of its calls, both received and made, the oldest first."""
        self._process: asyncio.subprocess.Process | None = None
        self._events: asyncio.Task[None] | None = None  # of a driver that receives events elsewhere
        self._reader: asyncio.Task[None] | None = None
        self.server = self.user = ""
        self.authorities: Path | None = None  # it uses TLS and SRTP, and checks the server's certificate by these
        self.held = False  # whether one of its calls was held at some time
        folder.mkdir(parents=True)
        with wave.open(str(folder / "says.wav"), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes(tone(SAYS_HZ, 60.0).tobytes())

    # Actions for tests

    async def register(self, user: str, password: str, server: str) -> None:
        """Start it and let it register at `server`, host and port; not every program reports the registration."""
        self.user, self.server, self.output = user, server, ""
        self.calls.clear()
        await self._start(password)

    @abstractmethod
    async def answer(self) -> None:
        """Answer the ringing call."""

    @abstractmethod
    async def hangup(self) -> None:
        """End the current call, or refuse the ringing one."""

    @abstractmethod
    async def dial(self, number: str) -> None: ...

    @abstractmethod
    async def hold(self) -> None: ...

    @abstractmethod
    async def resume(self) -> None: ...

    @abstractmethod
    async def transfer(self, number: str) -> None:
        """Transfer the current call blindly, with the telephone's own key."""

    async def transfer_to_second(self) -> None:
        """Transfer the first call to the other side of the second one."""
        raise NotImplementedError

    @abstractmethod
    async def press(self, keys: str) -> None: ...

    async def rings(self, timeout_s: float = 10.0) -> str:
        """Return what it shows of the caller, once it rings. Raises TimeoutError if it does not."""
        count = len(self.displays)
        await self.until(lambda: len(self.displays) > count, timeout_s, "it rings")
        return self.displays[-1]

    async def rung(self, count: int, timeout_s: float = 10.0) -> str:
        """Return what it showed, once it has rung `count` times since it was started."""
        await self.until(lambda: len(self.displays) >= count, timeout_s, f"it has rung {count} times")
        return self.displays[count - 1]

    async def hears_tone(self, hertz: float, timeout_s: float = 8.0) -> None:
        """Wait until it has heard a quarter of a second of a tone, from now on."""
        before = len(self._sound())

        def has_heard() -> bool:
            sound = self._sound()
            # Some programs start the file again after a hold.
            new = len(sound) - before if len(sound) >= before else len(sound)
            return new >= RATE // 4 and has_tone(sound[-RATE // 4 :], hertz)

        await self.until(has_heard, timeout_s, f"it hears {hertz:g} Hz")

    def _sound(self) -> Samples:
        found = sorted(self.folder.glob(self.recordings))
        return sound_in(found[-1]) if found else np.zeros(0, np.int16)

    async def kill(self) -> None:
        """Kill it with `kill -9`; `register` starts it again."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await self._forget()

    def stop(self) -> None:
        """Stop its process: it receives and sends nothing from now on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    async def close(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGCONT)
                await self._leave(self._process)
            try:
                async with asyncio.timeout(5):
                    await self._process.wait()
            except TimeoutError:
                await self.kill()
        await self._forget()
        (self.folder / "output").write_text(self.output)  # helps to find why a test failed

    async def _forget(self) -> None:
        """Close the connections to the program, which has ended."""
        if self._reader is not None:
            await asyncio.gather(self._reader, return_exceptions=True)
            self._reader = None

    async def _leave(self, process: asyncio.subprocess.Process) -> None:
        """Let it unregister and end."""
        process.terminate()

    # For drivers

    @abstractmethod
    async def _start(self, password: str) -> None: ...

    @abstractmethod
    def _on_output(self, line: str) -> None:
        """Handle a line of its output."""

    async def _run(self, *command: str, environment: Mapping[str, str] | None = None, cwd: Path | None = None) -> None:
        # A terminal, because some programs buffer what they write to a pipe until they end.
        master, slave = pty.openpty()
        self._process = await asyncio.create_subprocess_exec(
            *command,
            env=environment,
            cwd=cwd,
            stdin=asyncio.subprocess.PIPE,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        output = os.fdopen(master, "rb", buffering=0)
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), output)

        async def read() -> None:
            with contextlib.suppress(OSError):  # the other end of a terminal is gone
                while line := await reader.readline():
                    text = line.decode("utf-8", "replace").rstrip("\r\n")
                    self.output += text + "\n"
                    self._on_output(text)
            transport.close()

        self._reader = asyncio.create_task(read())

    def _write(self, line: str) -> None:
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")

    async def until(self, true: Callable[[], bool], limit_s: float, what: str) -> None:
        deadline = time.monotonic() + limit_s
        while not true():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name}, not within {limit_s:g} s: {what}; its output:\n{self.output[-3000:]}")
            await asyncio.sleep(0.05)


def sound_in(path: Path, begins: int = 44) -> Samples:
    """Return the sound of a WAV file that is still being written; 16 bits, one channel."""
    data = path.read_bytes()[begins:] if path.exists() else b""
    return np.frombuffer(data[: len(data) // 2 * 2], np.int16)
