"""A relay to the database that can drop everything silently: `python -m bench.faults.relay PORT SOCKET`.

SIGUSR1 cuts: it reads on and passes nothing, on the connections that there are and on new ones. SIGUSR2 heals: new
connections pass; those of before stay silent, as behind a firewall that has forgotten them.
"""

import asyncio
import contextlib
import signal
import sys

ROOM = 65536


class Relay:
    """The connections of one relay."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._cut = False
        self._silent: set[asyncio.StreamWriter] = set()
        self._open: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        self._cut = True
        self._silent |= self._open

    def heal(self) -> None:
        self._cut = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on, until either side ends it."""
        self._open.add(writer)
        if self._cut:
            self._silent.add(writer)
        there: asyncio.StreamWriter | None = None
        try:
            if writer in self._silent:
                await self._pass(reader, writer, None)
                return
            answers, there = await asyncio.open_unix_connection(self._target)
            passing = [self._pass(reader, writer, there), self._pass(answers, writer, writer)]
            tasks = [asyncio.create_task(item) for item in passing]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if writer in self._silent:  # the database's end is not passed on either
                await asyncio.wait(tasks[:1])
            for task in tasks:
                task.cancel()
        except OSError:
            pass  # the database is away: the connection is closed
        finally:
            self._open.discard(writer)
            self._silent.discard(writer)
            for end in (writer, there):
                if end is not None:
                    end.close()

    async def _pass(
        self, reader: asyncio.StreamReader, client: asyncio.StreamWriter, to: asyncio.StreamWriter | None
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(ROOM):
                if to is not None and client not in self._silent:
                    to.write(data)
                    await to.drain()


async def main(port: int, target: str) -> None:
    relay = Relay(target)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, relay.cut)
    loop.add_signal_handler(signal.SIGUSR2, relay.heal)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", port)
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
