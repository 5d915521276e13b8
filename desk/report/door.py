"""Makes reports for `hatif report`, whose own start takes longer than to count a year."""

import asyncio
import contextlib
import os
import socket
from asyncio import StreamReader, StreamWriter
from pathlib import Path

import structlog

from db.engine import DatabaseError
from desk.page.errors import DeskError
from desk.report.making import ReportMaker
from desk.settings import DeskSettings
from reports.exchange import ACCEPTED, MOST, Asked, database_mark, socket_in
from reports.job import LENGTH

log = structlog.get_logger()

_LONGEST_REQUEST_S = 2.0


class ReportDoor:
    """A Unix socket for commands of the line's user (`reports.exchange`)."""

    def __init__(self, maker: ReportMaker, settings: DeskSettings) -> None:
        self._maker = maker
        self._database = database_mark(settings.database_url)
        self._path = socket_in(settings.home / "run") if settings.home is not None else None

    async def run(self) -> None:
        """Serve, for ever; commands make their reports themselves where that is not possible."""
        if self._path is None:
            return
        try:
            server = await asyncio.start_unix_server(self._serve, sock=_bound(self._path), limit=MOST)
        except OSError as error:
            log.warning("Commands make their reports without the desk", socket=str(self._path), reason=str(error))
            return
        try:
            await server.serve_forever()
        finally:
            server.close()

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            async with asyncio.timeout(_LONGEST_REQUEST_S):
                asked = Asked.decode(await reader.readline())
            if asked.database == self._database:
                writer.write(ACCEPTED)
                made = await self._make(asked, reader)
                writer.write(len(made).to_bytes(LENGTH))
                writer.write(made)
                await writer.drain()
        except (ValueError, OSError, TimeoutError, DeskError, DatabaseError):
            pass  # the command makes its report itself, and says what is wrong
        finally:
            writer.close()

    async def _make(self, asked: Asked, reader: StreamReader) -> bytes:
        """Return the results. Raises ConnectionError once the command has ended, so that nobody waits for nothing."""
        making = asyncio.ensure_future(self._maker.make(asked.job))
        gone = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait({making, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not making.done():
                raise ConnectionError("the command has ended")
            return making.result()
        finally:
            for one in (making, gone):
                one.cancel()
            await asyncio.wait({making, gone})


def _bound(path: Path) -> socket.socket:
    """Return a socket that only this user can open. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        path.unlink()  # there is one desk, which holds its lock
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        before = os.umask(0o177)
        try:
            made.bind(str(path))
        finally:
            os.umask(before)
    except OSError:
        made.close()
        raise
    return made
