"""What the controller reads of the database while a caller waits; all that it writes goes through the journal."""

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from db.case_files import Claim
    from db.last_calls import LastCall
    from db.returners import FormerWait
    from db.shifts import StoredShift

T = TypeVar("T")

log = structlog.get_logger()


class Database:
    """`url`: of the database. For one event loop; who made it awaits `close`.

    Each reading gives None when the database is away, slower than a caller can wait, or not as it should be.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._engine: AsyncEngine | None = None

    async def warm(self) -> None:
        """Makes the first reading as quick as the next one."""
        for module in ("db.case_files", "db.returners"):
            await asyncio.to_thread(importlib.import_module, module)
        await self.language("")

    async def close(self) -> None:
        if self._engine is not None:
            await self._engine.dispose()

    async def language(self, number: str) -> str | None:
        """Of the last call of `number` (E.164 with +); also None for one that has not called."""
        return await self._asked("db.callers", lambda callers, engine: callers.remembered_language(engine, number))

    async def claim(self, reference: str, number: str) -> "Claim | None":
        """What there is to check a reference and a PIN with, entered by a caller from `number`."""
        return await self._asked("db.case_files", lambda files, engine: files.claim(engine, reference, number))

    async def former(self, number: str, call: str) -> "FormerWait | None":
        """The last wait of `number` before that call, if it was cut short."""
        return await self._asked("db.returners", lambda returners, engine: returners.former_wait(engine, number, call))

    async def shifts(self, begins: datetime, ends: datetime) -> "list[StoredShift] | None":
        """Who is planned in a period, as far as it was written."""
        return await self._asked("db.shifts", lambda shifts, engine: shifts.shifts(engine, begins, ends))

    async def last_call(self, operator: str) -> "LastCall | None":
        """The call that he was the operator of last; also None where there is none."""
        return await self._asked("db.last_calls", lambda calls, engine: calls.last_call(engine, operator))

    async def _asked(self, module: str, query: "Callable[[Any, AsyncEngine], Awaitable[T]]") -> T | None:
        if self._engine is None:
            # Half a start of a process: loaded behind the calls' back, since a start is a recovery.
            await asyncio.to_thread(importlib.import_module, module)
        from db.engine import async_engine
        from db.read import or_default

        try:
            self._engine = self._engine or async_engine(self._url)
            return await or_default(query(importlib.import_module(module), self._engine), None)
        except Exception as error:  # the drivers' own as well: a call goes on without the database
            log.error("The database cannot be read", error=(str(error).splitlines() or [repr(error)])[0])
            return None
