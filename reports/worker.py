"""A process that makes one report: `python -m reports.worker` reads a job and writes its results.

The desk runs it, so that counting a year's calls does not keep operators' pages waiting. The first line of standard
input is a JSON document with the database's URL, and whether to `prepare`, because the job comes later. The job is
another one, the rest of standard input. It names the forms in which the report is wanted; for each of them the result
is its length in eight bytes, and then the bytes of a file, or for the form null the report's layout as JSON. Exit
status 3: the database is away, and standard output says why.
"""

import asyncio
import gc
import json
import os
import sys
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import DatabaseError, open_engine
from reports.by import By
from reports.files import Form, make_file
from reports.labels import Names
from reports.layout import lay_out
from reports.reading import read_report
from reports.request import from_json, make_request
from reports.words import load

DATABASE_AWAY = 3
LENGTH = 8
"""Bytes of a result's length."""


async def serve() -> bytes:
    """Do the job on standard input and return its results. Raises DatabaseError."""
    first = json.loads(sys.stdin.readline())
    async with open_engine(first["database_url"]) as engine:
        if first["prepare"]:
            with suppress(DatabaseError):  # the job will meet it again
                await prepare(engine)
        return await make(engine, json.load(sys.stdin))


async def prepare(engine: AsyncEngine) -> None:
    """Connect, and have SQLAlchemy compile what reports ask: the first report of a process takes a third longer."""
    day = date(2000, 1, 1)
    for by in (By.DAY, By.OPERATOR):
        await read_report(engine, make_request(by, day, day, ZoneInfo("UTC"), datetime.now(UTC)))


async def make(engine: AsyncEngine, job: dict[str, Any]) -> bytes:
    """Return the results of a job. Raises DatabaseError."""
    request, words, names = from_json(job["request"]), load(job["language"]), Names(**job["names"])
    forms = [Form(form) if form is not None else None for form in job["forms"]]
    data = await read_report(engine, request, hours=not {None, Form.PDF}.isdisjoint(forms))
    results = []
    for form in forms:
        if form is None:
            results.append(orjson.dumps(lay_out(request, data, words, names)))
        else:
            results.append(make_file(form, request, data, words, names).content)
    return b"".join(len(result).to_bytes(LENGTH) + result for result in results)


def main() -> int:
    """Do the job on standard input; return the exit status."""
    os.nice(5)  # calls and pages take precedence
    gc.disable()  # the process ends with its report
    try:
        result, status = asyncio.run(serve()), 0
    except DatabaseError as error:
        result, status = str(error).encode(), DATABASE_AWAY
    sys.stdout.buffer.write(result)
    return status


if __name__ == "__main__":
    sys.exit(main())
