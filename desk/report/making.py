"""Reports are made by processes of their own: counting a year's calls would keep all other pages waiting."""

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import structlog

from db.engine import DatabaseError
from desk.page.errors import DeskError
from desk.page.texts import N_
from reports.files import Form
from reports.job import Job, Result, split
from reports.names import Names
from reports.request import ReportRequest
from reports.worker import DATABASE_AWAY

log = structlog.get_logger()

AT_ONCE, WAITING = 2, 6
"""Reports that are made at the same time, and how many more may wait for that."""

LONGEST_S = 60.0
"""Seconds that a report may take."""

READY_AFTER_S = 30.0
"""Seconds after the desk's start in which other processes start, until one is made ready for the first report."""

_AGAIN_S = 60.0
"""Seconds until there is another one, where the one that was ready has ended by itself or could not start."""

_BUSY = N_("Many reports are being made; try again in a moment.")
_TOO_LONG = N_("This report takes too long. Choose fewer days, or a coarser grouping.")
_FAILED = N_("The report could not be made; the desk's log says why.")


class ReportMaker:
    """Makes reports of one database."""

    def __init__(self, database_url: str, longest_s: float = LONGEST_S) -> None:
        self._longest_s = longest_s
        self._workers = _Workers(database_url)
        self._places = asyncio.Semaphore(AT_ONCE)
        self._wanted = 0

    async def run(self, after_s: float = READY_AFTER_S) -> None:
        """Have a process ready for the next report, for ever: to start takes longer than to count a year."""
        await asyncio.sleep(after_s)
        await self._workers.keep_ready()

    async def layout(self, request: ReportRequest, language: str, names: Names) -> Mapping[str, Any]:
        """Return a report as `reports.layout.Layout` has it. Raises DeskError, DatabaseError."""
        found, _ = await self.layout_and_files((), request, language, names)
        return found

    async def file(self, form: Form, request: ReportRequest, language: str, names: Names) -> bytes:
        """Return a report as a file. Raises DeskError, DatabaseError."""
        (made,) = split(await self.make(Job(request, (Result(form),), names, language)))
        return made

    async def layout_and_files(
        self, forms: Sequence[Form], request: ReportRequest, language: str, names: Names
    ) -> tuple[Mapping[str, Any], list[bytes]]:
        """Return what `layout` and `file` do, from one process that reads the calls once. Raises as they do."""
        wanted = (Result.LAYOUT, *map(Result, forms))
        layout, *files = split(await self.make(Job(request, wanted, names, language)))
        return orjson.loads(layout), files

    async def make(self, job: Job) -> bytes:
        """Return the results of a job, joined. Raises DeskError, DatabaseError."""
        if self._wanted >= AT_ONCE + WAITING:
            raise DeskError(503, _BUSY)
        self._wanted += 1
        try:
            async with self._places, asyncio.timeout(self._longest_s):
                return await self._run(json.dumps(job.to_json()).encode())
        except TimeoutError:
            raise DeskError(503, _TOO_LONG) from None
        finally:
            self._wanted -= 1

    async def _run(self, job: bytes) -> bytes:
        """Return what the worker writes; it is killed if this is cancelled."""
        worker = await self._workers.take()
        try:
            result, errors = await worker.communicate(job)
        finally:
            await _end(worker)
        if worker.returncode == DATABASE_AWAY:
            raise DatabaseError(result.decode())
        if worker.returncode:
            log.error("A report could not be made", status=worker.returncode, reason=errors.decode()[-2000:])
            raise DeskError(500, _FAILED)
        return result


class _Workers:
    """Processes that make a report each."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._ready: asyncio.subprocess.Process | None = None

    async def take(self) -> asyncio.subprocess.Process:
        """Return the process that is ready, or a new one."""
        worker, self._ready = self._ready, None
        return worker if worker is not None and worker.returncode is None else await self._start(prepare=False)

    async def keep_ready(self) -> None:
        """Have a process ready whenever the one before has made its report."""
        try:
            while True:
                try:
                    worker = self._ready = await self._start(prepare=True)
                except OSError as error:  # no memory for it, or too many processes
                    log.warning("No process could be made ready for the next report", reason=str(error))
                    await asyncio.sleep(_AGAIN_S)
                    continue
                await worker.wait()
                if self._ready is worker:  # nobody has taken it
                    log.warning("The process that was ready for a report has ended", status=worker.returncode)
                    self._ready = None
                    await asyncio.sleep(_AGAIN_S)
        finally:
            if self._ready is not None:
                await _end(self._ready)

    async def _start(self, *, prepare: bool) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "reports.worker", stdin=pipe, stdout=pipe, stderr=pipe
        )
        assert worker.stdin is not None
        # The URL has the database's password: never an argument, which others could read.
        worker.stdin.write(json.dumps({"database_url": self._database_url, "prepare": prepare}).encode() + b"\n")
        return worker


async def _end(worker: asyncio.subprocess.Process) -> None:
    if worker.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            worker.kill()
        await worker.communicate()
