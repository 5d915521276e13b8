"""A relay on loopback in a link to Asterisk: it drops, changes or holds what passes, as a half-dead Asterisk would."""

import asyncio
import contextlib
import struct
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

Change = Callable[[bytes], bytes | None]
"""What becomes of a message from Asterisk: itself, another one, or None if it is dropped."""

Split = Callable[[bytearray], Iterator[tuple[bytes, bytes | None]]]
"""Takes what is whole from the beginning of a buffer, each as it came, and its message, if it carries one."""


def passed(message: bytes) -> bytes | None:
    return message


def without_events(message: bytes) -> bytes | None:
    """Drop the events of ARI and of AMI, and pass answers: also the event with which AMI ends a login."""
    listed = b"ActionID:" in message and b"Event: UserEvent" not in message  # which has that of its action
    answers = b'"type":"RESTResponse"' in message or b"Response:" in message or listed
    return message if answers or b"Event: FullyBooted" in message else None


def with_rubbish(message: bytes) -> bytes | None:
    """Replace each answer of ARI by one that says something else; drop everything else."""
    return message.replace(b'"message_body":"', b'"message_body":"]') if b'"type":"RESTResponse"' in message else None


def frames(buffer: bytearray) -> Iterator[tuple[bytes, bytes | None]]:
    """Take an HTTP head and the messages of a WebSocket (RFC 6455), which Asterisk does not mask, from a buffer."""
    if buffer.startswith(b"HTTP/"):
        if (end := buffer.find(b"\r\n\r\n")) < 0:
            return
        yield _taken(buffer, end + 4), None
    begun, text = 0, b""
    while len(buffer) >= begun + 2:
        first, size = buffer[begun], buffer[begun + 1] & 0x7F
        head = 2 + {126: 2, 127: 8}.get(size, 0)
        if len(buffer) < begun + head:
            return
        if size > 125:
            (size,) = struct.unpack("!H" if head == 4 else "!Q", buffer[begun + 2 : begun + head])
        if len(buffer) < begun + head + size:
            return
        text += bytes(buffer[begun + head : begun + head + size])
        begun += head + size
        if first & 0x80:  # the last frame of a message
            yield _taken(buffer, begun), None if first & 0x08 else text  # control frames carry no message
            begun, text = 0, b""


def paragraphs(buffer: bytearray) -> Iterator[tuple[bytes, bytes | None]]:
    """Take the messages of AMI from a buffer."""
    while (end := buffer.find(b"\r\n\r\n")) >= 0:
        raw = _taken(buffer, end + 4)
        yield raw, raw


def _taken(buffer: bytearray, size: int) -> bytes:
    raw = bytes(buffer[:size])
    del buffer[:size]
    return raw


def _framed(text: bytes) -> bytes:
    size = len(text)
    head = struct.pack("!BB", 0x81, size) if size < 126 else struct.pack("!BBH", 0x81, 126, size)
    return (head if size < 1 << 16 else struct.pack("!BBQ", 0x81, 127, size)) + text


class Relay:
    """Passes connections on to a port of Asterisk's, in a thread of its own: a test may block its event loop.

    Args:
        to: The port.
        split: `frames` for ARI, `paragraphs` for AMI.
    """

    def __init__(self, to: int, split: Split) -> None:
        self.port, self.connections = 0, 0
        self._to, self._split = to, split
        self._change: Change = passed
        self._changed_before: int | None = None  # only connections before this number, if any
        self._silent = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay")

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    @contextlib.contextmanager
    def changing(self, change: Change, *, later: bool) -> Iterator[None]:
        """Change messages inside the block; `later`: also on connections that are made in it."""
        self._change, self._changed_before = change, None if later else self.connections + 1
        try:
            yield
        finally:
            self._change = passed

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """Pass nothing in either direction inside the block, and close nothing; what came meanwhile is lost."""
        self._silent.set()
        try:
            yield
        finally:
            self._silent.clear()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._end = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._end.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        number = self.connections
        try:
            far, on = await asyncio.open_connection("127.0.0.1", self._to)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._forth(near, on))
                    both.create_task(self._back(far, back, number))
            finally:
                on.transport.abort()
        except (OSError, ExceptionGroup, asyncio.CancelledError):
            pass  # either side has closed, or the test is over
        finally:
            back.transport.abort()
            self._tasks.discard(task)

    async def _forth(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            if not self._silent.is_set():
                writer.write(data)
        raise ConnectionResetError

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        buffer = bytearray()
        while data := await reader.read(1 << 16):
            if self._silent.is_set():
                continue
            buffer += data
            for raw, message in self._split(buffer):
                is_changed = self._changed_before is None or number < self._changed_before
                if message is None or not is_changed or (changed := self._change(message)) == message:
                    writer.write(raw)
                elif changed is not None:
                    writer.write(_framed(changed) if self._split is frames else changed)
        raise ConnectionResetError
