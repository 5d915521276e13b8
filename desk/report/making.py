"""Reports are made by processes of their own: counting a year's calls would keep all other pages waiting."""

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import orjson
import structlog

from db.engine import DatabaseError
from desk.page.errors import DeskError
from desk.page.texts import N_
from reports.files import Form
from reports.labels import Names
from reports.request import ReportRequest, to_json
from reports.worker import DATABASE_AWAY, LENGTH

log = structlog.get_logger()

AT_ONCE, WAITING = 2, 6
"""Reports that are made at the same time, and how many more may wait for that."""

LONGEST_S = 60.0
"""Seconds that a report may take."""

READY_S = 600.0
"""Seconds after a report for which a process that has loaded everything is ready for the next one."""

_BUSY = N_("Many reports are being made; try again in a moment.")
_TOO_LONG = N_("This report takes too long. Choose fewer days, or a coarser grouping.")
_FAILED = N_("The report could not be made; the desk's log says why.")


class ReportMaker:
    """Makes reports of one database. To be closed. `ready_s`: 0 for no process that is ready."""

    def __init__(self, database_url: str, longest_s: float = LONGEST_S, ready_s: float = READY_S) -> None:
        self._longest_s = longest_s
        self._workers = _Workers(database_url, ready_s)
        self._places = asyncio.Semaphore(AT_ONCE)
        self._wanted = 0

    async def close(self) -> None:
        """End the process that is ready."""
        await self._workers.close()

    async def layout(self, request: ReportRequest, language: str, names: Names) -> Mapping[str, Any]:
        """Return a report as `reports.layout.Layout` has it. Raises DeskError, DatabaseError."""
        (made,) = await self._make(request, language, names, [None])
        found: Mapping[str, Any] = orjson.loads(made)
        return found

    async def file(self, form: Form, request: ReportRequest, language: str, names: Names) -> bytes:
        """Return a report as a file. Raises DeskError, DatabaseError."""
        (made,) = await self._make(request, language, names, [form])
        return made

    async def layout_and_files(
        self, forms: Sequence[Form], request: ReportRequest, language: str, names: Names
    ) -> tuple[Mapping[str, Any], list[bytes]]:
        """Return what `layout` and `file` do, from one process that reads the calls once. Raises as they do."""
        layout, *files = await self._make(request, language, names, [None, *forms])
        return orjson.loads(layout), files

    async def _make(
        self, request: ReportRequest, language: str, names: Names, forms: Sequence[Form | None]
    ) -> list[bytes]:
        job = {
            "request": to_json(request),
            "language": language,
            "names": asdict(names),
            "forms": forms,
        }
        if self._wanted >= AT_ONCE + WAITING:
            raise DeskError(503, _BUSY)
        self._wanted += 1
        try:
            async with self._places, asyncio.timeout(self._longest_s):
                return _parts(await self._run(json.dumps(job).encode()))
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
        self._workers.prepare()
        return result


def _parts(results: bytes) -> list[bytes]:
    found = []
    while results:
        end = LENGTH + int.from_bytes(results[:LENGTH])
        found.append(results[LENGTH:end])
        results = results[end:]
    return found


class _Workers:
    """Processes that make a report each. After one the next is started at once and is ready for a while, since to start
    takes longer than to count a year."""

    def __init__(self, database_url: str, ready_s: float) -> None:
        self._database_url, self._ready_s = database_url, ready_s
        self._ready: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None

    async def take(self) -> asyncio.subprocess.Process:
        """Return the process that is ready, or a new one."""
        worker, self._ready = self._ready, None
        if self._keeping is not None:
            self._keeping.cancel()
        return worker if worker is not None and worker.returncode is None else await self._start(prepare=False)

    def prepare(self) -> None:
        """Have a process ready from now on."""
        if self._ready_s and self._ready is None and (self._keeping is None or self._keeping.done()):
            self._keeping = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        worker = self._ready = await self._start(prepare=True)
        try:
            await asyncio.sleep(self._ready_s)
        finally:
            if self._ready is worker:  # nobody has taken it
                self._ready = None
                await _end(worker)

    async def _start(self, *, prepare: bool) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "reports.worker", stdin=pipe, stdout=pipe, stderr=pipe
        )
        assert worker.stdin is not None
        # The URL has the database's password: never an argument, which others could read.
        worker.stdin.write(json.dumps({"database_url": self._database_url, "prepare": prepare}).encode() + b"\n")
        return worker

    async def close(self) -> None:
        """End the process that is ready."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait({self._keeping})


async def _end(worker: asyncio.subprocess.Process) -> None:
    if worker.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            worker.kill()
        await worker.communicate()
