"""How long a record takes from the memory of a controller to its row: alone on a quiet line, and among many calls.

Journal and deliverer are Hatif's own, with SQLite in a temporary folder. `python -m bench.journal` prints a table as
Markdown; `--help` lists the options.
"""

import asyncio
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import func, select

from bench import machine
from bench.figures import percentile
from db import delivery
from db.engine import open_engine, reading
from db.ids import uuid7
from db.journal import Journal
from db.tables import CallEvent
from db.upgrade import upgrade

RECORDS = 9  # of a call of one menu
_APART_S = 2.5  # between records of a quiet line: more than any pause of the deliverer


class Delays:
    """Records on their way to their rows."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(folder, "bench")
        self.ms: list[float] = []
        self.passes = 0
        self._on_the_way: deque[tuple[int, float]] = deque()
        self._call = uuid7()

    def put(self) -> None:
        self.journal.put("call_event", call_id=self._call, kind="key", flow_node="main", data={"key": "1"})
        self._on_the_way.append((self.journal.seq, time.monotonic()))

    def arrived(self, seq: int) -> None:
        """Count the records up to this one, whose rows are there."""
        now = time.monotonic()
        self.passes += 1
        while self._on_the_way and self._on_the_way[0][0] <= seq:
            self.ms.append((now - self._on_the_way.popleft()[1]) * 1000)

    async def all_arrived(self) -> None:
        async with asyncio.timeout(60):
            while self._on_the_way:  # noqa: ASYNC110 - the database does not say
                await asyncio.sleep(0.1)

    def take(self, line: str) -> str:
        """Return a row of the table, and begin anew."""
        cells = (line, str(len(self.ms)), *(f"{percentile(self.ms, of) or 0:.0f}" for of in (50, 99, 100)))
        row = f"| {' | '.join((*cells, str(self.passes)))} |"
        self.ms, self.passes = [], 0
        return row


async def measure(home: Path, alone: int, rate: float, seconds: float) -> list[str]:
    """Return the rows of the table."""
    folder, url = home / "journal", f"sqlite:///{home}/hatif.db"
    await upgrade(url)
    delays, stop = Delays(folder), asyncio.Event()
    async with open_engine(url) as engine:

        async def look() -> None:
            async with reading(engine) as connection:
                delays.arrived(await connection.scalar(select(func.max(CallEvent.seq))) or 0)

        deliverer = asyncio.create_task(delivery.run(folder, engine, stop, after=look))
        rows = []
        try:
            for _ in range(alone):
                delays.put()
                await asyncio.sleep(_APART_S)
            rows.append(delays.take("quiet: one record"))
            loop = asyncio.get_running_loop()
            start = loop.time()
            for number in range(round(rate * RECORDS * seconds)):
                await asyncio.sleep(max(0.0, start + number / (rate * RECORDS) - loop.time()))
                delays.put()
            await delays.all_arrived()
            rows.append(delays.take(f"busy: {rate:g} calls a second"))
        finally:
            stop.set()
            await deliverer
    delays.journal.close()
    return rows


def main(
    alone: Annotated[int, typer.Option(min=1, help="Records of the quiet line.")] = 20,
    rate: Annotated[float, typer.Option(min=0.1, help="Calls a second of the busy one.")] = 40,
    seconds: Annotated[float, typer.Option(min=1, help="Length of the busy time.")] = 20,
) -> None:
    """Print how long records take to their rows, in milliseconds."""
    about = machine.description()
    with tempfile.TemporaryDirectory(prefix="hatif-bench-") as home:
        rows = asyncio.run(measure(Path(home), alone, rate, seconds))
    print(f"{about['cpu']}, {about['cores']} cores, load {about['load_before']}\n")
    print("| line | records | p50, ms | p99, ms | slowest | passes |\n|---|---|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    typer.run(main)
