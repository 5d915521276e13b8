"""A relay to a server, that can go silent, slow or mad while both ends believe that they are connected."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from enum import Enum
from pathlib import Path


class Mode(Enum):
    """What a relay does with what it is sent."""

    PASS = "pass"
    DROP = "drop"  # forget it, in both directions, and the end of a connection as well
    HOLD = "hold"  # keep it, in both directions, until it passes again
    DEAF = "deaf"  # bring it to the server, and forget its answers
    RUBBISH = "rubbish"  # answer with `rubbish` instead
    CLOSED = "closed"  # cut each connection, also new ones


class Relay:
    """A relay on loopback, in a thread of its own; `port` is where it listens. Change it as you like.

    `server`: a Unix socket, or a port on loopback. `delay_s`: how late each answer comes. `cut`: end all connections
    when the mode changes to CLOSED.
    """

    def __init__(self, server: Path | int) -> None:
        self.server = server
        self.delay_s = 0.0
        self.rubbish = b"HTTP/1.1 400 Bad Request\r\n\r\n"
        self.connections = 0  # how many were made
        self.port = 0
        self._mode = Mode.PASS
        self._loop = asyncio.new_event_loop()
        self._changed = asyncio.Event()
        self._transports: set[asyncio.WriteTransport] = set()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),), daemon=True)
        self._listening = threading.Event()
        self._stop = asyncio.Event()

    @property
    def mode(self) -> Mode:
        """What it does at present."""
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self._mode = mode
        self._loop.call_soon_threadsafe(self._apply)

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        assert self._listening.wait(10)

    def stop(self) -> None:
        """Cut all connections, and end."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._loop.close()

    def _apply(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        if self._mode is Mode.CLOSED:
            for transport in tuple(self._transports):
                transport.abort()

    async def _run(self) -> None:
        listening = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = listening.sockets[0].getsockname()[1]
        self._listening.set()
        await self._stop.wait()
        listening.close()
        for transport in tuple(self._transports):
            transport.abort()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self._mode is Mode.CLOSED:
            writer.transport.abort()
            return
        ends: list[asyncio.StreamWriter] = [writer]
        self._transports.add(writer.transport)
        try:
            if self._mode is Mode.DROP:
                await self._forget(reader)
                return
            if isinstance(self.server, int):
                answers, server = await asyncio.open_connection("127.0.0.1", self.server)
            else:
                answers, server = await asyncio.open_unix_connection(self.server)
            ends.append(server)
            self._transports.add(server.transport)
            asked = asyncio.create_task(self._ask(reader, server, writer))
            await self._answer(answers, writer)
            asked.cancel()
        except OSError:
            pass
        finally:
            for end in ends:
                self._transports.discard(end.transport)
                end.transport.abort()

    async def _ask(
        self, client: asyncio.StreamReader, server: asyncio.StreamWriter, back: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await client.read(65536):
                await self._held()
                if self._mode is Mode.RUBBISH:
                    back.write(self.rubbish)
                elif self._mode is not Mode.DROP:
                    server.write(data)
            await self._held()
            if self._mode in (Mode.PASS, Mode.CLOSED, Mode.RUBBISH):
                server.close()  # whose end then ends the other direction

    async def _answer(self, server: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while data := await server.read(65536):
            await self._held()
            self._loop.call_later(self.delay_s, self._bring, client, data)
        await asyncio.sleep(self.delay_s)

    def _bring(self, client: asyncio.StreamWriter, data: bytes) -> None:
        if self._mode in (Mode.PASS, Mode.HOLD):
            client.write(data)

    async def _forget(self, reader: asyncio.StreamReader) -> None:
        """Read, and never answer; a connection that began in silence stays silent."""
        while await reader.read(65536):
            pass

    async def _held(self) -> None:
        while self._mode is Mode.HOLD:
            await self._changed.wait()


@contextlib.contextmanager
def relaying(server: Path | int) -> Iterator[Relay]:
    """Run a relay to a server."""
    relay = Relay(server)
    relay.start()
    try:
        yield relay
    finally:
        relay.stop()
