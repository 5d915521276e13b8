"""A process that makes one report: `python -m reports.worker` reads a job and writes its results.

The desk runs it, so that counting a year's calls does not keep operators' pages waiting. The first line of standard
input is a JSON document with the database's URL, and whether to `prepare`, because the job comes later. The job
(`reports.job`) is another one, the rest of standard input. Standard output gets its results, joined. Exit status 3: the
database is away, and standard output says why.
"""

import asyncio
import gc
import json
import os
import sys
import zoneinfo
from contextlib import suppress
from datetime import UTC, date, datetime
from itertools import product
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import DatabaseError, open_engine
from reports.by import By
from reports.job import Job, Result, join
from reports.request import make_request
from reports.results import make_results
from reports.words import LANGUAGES

DATABASE_AWAY = 3


async def serve() -> bytes:
    """Do the job on standard input and return its results. Raises DatabaseError."""
    first = json.loads(sys.stdin.readline())
    async with open_engine(first["database_url"], long=True) as engine:
        if first["prepare"]:
            with suppress(DatabaseError):  # the job will meet it again
                await prepare(engine)
        return join(await make_results(engine, Job.from_json(json.load(sys.stdin))))


async def prepare(engine: AsyncEngine) -> None:
    """Make reports of a day without calls: the first one of a process takes longer than the others, since it connects,
    compiles queries and loads the words of its language."""
    day = date(2000, 1, 1)
    for by, language in product((By.DAY, By.OPERATOR), LANGUAGES):
        request = make_request(by, day, day, ZoneInfo("UTC"), datetime.now(UTC))
        await make_results(engine, Job(request, (Result.LAYOUT, Result.DOCUMENT), language=language))


def main() -> int:
    """Do the job on standard input; return the exit status."""
    os.nice(5)  # calls and pages take precedence
    # The package's time zones, as in all our processes: the system's may be too old.
    zoneinfo.reset_tzpath(to=())
    zoneinfo.ZoneInfo.clear_cache()
    gc.disable()  # the process ends with its report
    try:
        result, status = asyncio.run(serve()), 0
    except DatabaseError as error:
        result, status = str(error).encode(), DATABASE_AWAY
    sys.stdout.buffer.write(result)
    sys.stdout.flush()
    return status


if __name__ == "__main__":
    os._exit(main())  # the desk waits for its end, and to take down what is loaded would take 0.2 s
