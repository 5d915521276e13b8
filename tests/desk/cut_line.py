"""A connection that can be cut without being closed: whatever comes is swallowed, or replaced by rubbish."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class CutLine:
    """Passes everything on to a port of this machine. `silent`: swallows it; `rubbish`: sent instead of answers."""

    def __init__(self, to: int) -> None:
        self.port = 0
        self.silent = False
        self.rubbish = b""
        self.connections = 0
        self._to = to
        self._passing: set[asyncio.Task[None]] = set()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        inner, outer = await asyncio.open_connection("127.0.0.1", self._to)
        for source, sink, answers in ((reader, outer, False), (inner, writer, True)):
            task = asyncio.create_task(self._pass(source, sink, answers))
            self._passing.add(task)
            task.add_done_callback(self._passing.discard)

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, answers: bool) -> None:
        try:
            while data := await source.read(65536):
                if self.silent:
                    continue
                sink.write(self.rubbish if answers and self.rubbish else data)
                await sink.drain()
        except OSError:
            pass
        finally:
            sink.close()

    async def close(self) -> None:
        for task in self._passing:
            task.cancel()
        if self._passing:
            await asyncio.wait(self._passing)


@asynccontextmanager
async def cut_line(to: int) -> AsyncIterator[CutLine]:
    """Serve on a port of its own while the block runs."""
    line = CutLine(to)
    server = await asyncio.start_server(line.connected, "127.0.0.1", 0)
    line.port = server.sockets[0].getsockname()[1]
    async with server:
        yield line
        server.close()
        await line.close()
