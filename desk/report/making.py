"""Reports are made in threads: reading and counting a year's calls would keep all other pages waiting."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import structlog

from db.engine import DatabaseError, open_engine
from desk.page.errors import DeskError
from desk.page.texts import N_
from reports.files import Form
from reports.job import Job, Result
from reports.names import Names
from reports.request import ReportRequest
from reports.results import make_results

log = structlog.get_logger()

AT_ONCE, WAITING = 2, 6
"""Reports that are made at the same time, and how many more may wait for that."""

LONGEST_S = 60.0
"""Seconds that a report may take."""

_BUSY = N_("Many reports are being made; try again in a moment.")
_TOO_LONG = N_("This report takes too long. Choose fewer days, or a coarser grouping.")
_FAILED = N_("The report could not be made; the desk's log says why.")


class ReportMaker:
    """Makes reports of one database."""

    def __init__(self, database_url: str, longest_s: float = LONGEST_S) -> None:
        self._database_url, self._longest_s = database_url, longest_s
        self._threads = ThreadPoolExecutor(AT_ONCE, "report")
        self._places = asyncio.Semaphore(AT_ONCE)
        self._wanted = 0
        self._making = set[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]]()

    async def layout(self, request: ReportRequest, language: str, names: Names) -> Mapping[str, Any]:
        """Return a report as `reports.layout.Layout` has it. Raises DeskError, DatabaseError."""
        found, _ = await self.layout_and_files((), request, language, names)
        return found

    async def file(self, form: Form, request: ReportRequest, language: str, names: Names) -> bytes:
        """Return a report as a file. Raises DeskError, DatabaseError."""
        (made,) = await self.make(Job(request, (Result(form),), names, language))
        return made

    async def layout_and_files(
        self, forms: Sequence[Form], request: ReportRequest, language: str, names: Names
    ) -> tuple[Mapping[str, Any], list[bytes]]:
        """Return what `layout` and `file` do, and read the calls once. Raises as they do."""
        wanted = (Result.LAYOUT, *map(Result, forms))
        layout, *files = await self.make(Job(request, wanted, names, language))
        return orjson.loads(layout), files

    async def make(self, job: Job) -> list[bytes]:
        """Return the results of a job. Raises DeskError, DatabaseError."""
        if self._wanted >= AT_ONCE + WAITING:
            raise DeskError(503, _BUSY)
        self._wanted += 1
        try:
            async with self._places, asyncio.timeout(self._longest_s):
                return await asyncio.get_running_loop().run_in_executor(self._threads, self._make, job)
        except TimeoutError:
            raise DeskError(503, _TOO_LONG) from None
        except DatabaseError:
            raise
        except Exception:
            log.exception("A report could not be made")
            raise DeskError(500, _FAILED) from None
        finally:
            self._wanted -= 1

    def _make(self, job: Job) -> list[bytes]:
        """Make a report in this thread, which has a loop and connections of its own."""

        async def make() -> list[bytes]:
            mine = asyncio.get_running_loop(), asyncio.current_task()
            self._making.add(mine)
            try:
                # The page gives up after the same time; nothing else would end the queries.
                async with asyncio.timeout(self._longest_s), open_engine(self._database_url, long=True) as engine:
                    return await make_results(engine, job)
            finally:
                self._making.discard(mine)

        return asyncio.run(make())

    def close(self) -> None:
        """Begin no more reports, and give up those that are being made: the desk's process waits for its threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for loop, making in [*self._making]:
            if making is not None:
                with contextlib.suppress(RuntimeError):  # it has just been made
                    loop.call_soon_threadsafe(making.cancel)
