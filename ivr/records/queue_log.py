"""The journal process's part of the queue log: the table is told after each delivery, then the file."""

from pathlib import Path

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from db.queue_log import QueueLogTable
from db.queue_log_file import QueueLogFile

log = structlog.get_logger()

FILE = "queue_log"
_LINES = 1000


class QueueLog:
    """Writes the table `queue_log`, and the file in a folder."""

    def __init__(self, engine: AsyncEngine, node: str, folder: Path) -> None:
        self._table, self._folder = QueueLogTable(engine, node), folder
        self._file: QueueLogFile | None = None
        self._behind = True
        self._fault = ""

    async def write(self) -> None:
        """Write what was delivered since. A file that cannot be written is written later.

        Raises:
            DatabaseError: The database is away.
        """
        if self._file is None:
            await self._table.begin()
        self._behind = await self._table.tell() > 0 or self._behind
        if not self._behind:
            return
        try:
            if self._file is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._file = QueueLogFile(self._folder / FILE)
            while lines := await self._table.after(self._file.line, _LINES):
                self._file.append(lines)
        except OSError as error:
            if str(error) != self._fault:
                log.error("The queue log cannot be written; its lines are kept in the database", error=str(error))
            self._fault = str(error)
            return
        self._fault, self._behind = "", False
