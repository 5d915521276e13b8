"""The journal process: delivers journal records to the database exactly once.

How far a journal is delivered is stored in the database itself (`journal_position`), in the same transaction as the
rows. So the process may be killed at any point, run twice, or find the database away; journal files stay until
everything in them is delivered.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import UUID

import orjson
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from db.apply import POSITION
from db.deliverer import ROOM, Deliverer
from db.delivery_state import write_heartbeat
from db.engine import DatabaseError, open_engine, reading
from db.journal import WAKE
from db.records import JournalFile, Line, NotARecordError, files, lines, node_of

log = logging.getLogger(__name__)

PAUSE_S = 0.1  # after a pass, so that records are delivered in groups
MANY = 20  # records of one pass
MANY_PAUSE_S = 0.5  # after such a pass: ten a second took half of this process's time at 40 calls/s
POLL_S = 2.0  # between passes without a signal from a writer
AWAY_S = (0.5, 1.0, 2.0, 5.0, 10.0)  # until the next attempt while the database is away
STOP_S = 3.0  # for delivering the rest after a request to stop
LOCK = "deliver.lock"
BEAT_S = 1.0  # between heartbeats while records are delivered
PREPARING_BEAT_S = 5.0  # between those of an upgrade of the tables
PREPARING = "the database's tables are being upgraded"


@dataclass(frozen=True, slots=True)
class DeliveryCounts:
    """How many records were written to the tables, and how many lines were moved to `rejected/`."""

    records: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Lag:
    """The journal records that are not in the database yet."""

    records: int
    bytes: int
    seconds: float  # age of the oldest
    oldest: datetime | None = None

    def has_from_before(self, instant: float) -> bool:
        """Return whether one of them was written until then (POSIX seconds)."""
        return self.oldest is not None and self.oldest.timestamp() <= instant


async def run(
    folder: Path,
    engine: AsyncEngine,
    stop: asyncio.Event,
    node: str | None = None,
    prepare: Callable[[], Awaitable[object]] | None = None,
    after: Callable[[], Awaitable[object]] | None = None,
) -> None:
    """Deliver until `stop` is set. A second process on the same folder waits and takes over when the first ends.

    Goes on by itself after the database was away or silent.

    Args:
        node: As for `Deliverer`.
        prepare: Runs once before the first delivery, and again until it succeeds.
        after: Runs after each pass.
    """
    async with _alone(folder, stop) as alone:
        if alone:
            with _wake_pipe(folder) as wake:  # not while waiting: it would take the other process's wake-ups
                watch = asyncio.create_task(_stop_wakes(stop, wake))
                try:
                    await _run(folder, engine, node, stop, wake, prepare, after)
                finally:
                    watch.cancel()


async def _run(
    folder: Path,
    engine: AsyncEngine,
    node: str | None,
    stop: asyncio.Event,
    wake: asyncio.Event,
    prepare: Callable[[], Awaitable[object]] | None,
    after: Callable[[], Awaitable[object]] | None,
) -> None:
    away: str | None = None
    tries = 0

    def beat(why: str | None = None) -> None:
        write_heartbeat(folder, deliverer.records, deliverer.rejected, why)

    # Of a pass over many records as well, which may take minutes.
    deliverer = Deliverer(folder, engine, node, _at_most_each(BEAT_S, beat))
    while True:
        wake.clear()
        stopping = stop.is_set()
        before = deliverer.records
        enough = partial(_is_past, time.monotonic() + STOP_S) if stopping else stop.is_set
        try:
            if prepare is not None:
                await _while_beating(prepare(), lambda: beat(PREPARING))
                prepare = None
            await deliverer.deliver(enough)
            if after is not None:
                await after()
        except Exception as error:  # any error: a restarted process would only fail again, and sooner
            if str(error) != away:
                away = str(error)
                is_known = isinstance(error, DatabaseError | SQLAlchemyError | OSError)
                log.error("journal delivery is waiting: %s", away, exc_info=not is_known)
            beat(away)
            delay = AWAY_S[min(tries, len(AWAY_S) - 1)]
            tries += 1
            if stopping:
                return
            await _wait(stop, delay)
            continue
        if away is not None:
            log.warning("journal delivery has resumed: %d records so far", deliverer.records)
            away, tries = None, 0
        beat()
        if stopping:
            return
        await _wait(stop, PAUSE_S if deliverer.records - before < MANY else MANY_PAUSE_S)
        await _wait(wake, POLL_S)


async def deliver_all(folder: Path, url: str) -> DeliveryCounts:
    """Deliver what is in the folder now, even beside another process. Raises DatabaseError if the database is away."""
    async with open_engine(url) as engine:
        deliverer = Deliverer(folder, engine)
        await deliverer.deliver()
        return DeliveryCounts(deliverer.records, deliverer.rejected)


async def lag(folder: Path, url: str) -> Lag:
    """Return how far the database is behind the journals. Raises DatabaseError if it is away."""
    async with open_engine(url) as engine:
        return count_behind(folder, await positions(engine))


Positions = Mapping[UUID, tuple[int, int]]
"""How far the journal of each boot is in the database: the number of a file, and a byte in it."""


async def positions(engine: AsyncEngine) -> Positions:
    """Return how far the database has the journals. Raises DatabaseError if it is away."""
    async with reading(engine) as connection:
        found = await connection.execute(select(POSITION.c.boot, POSITION.c.file_number, POSITION.c.file_offset))
        return {boot: (number, offset) for boot, number, offset in found}


def count_behind(folder: Path, positions: Positions) -> Lag:
    """Return what the journals in a folder have after these positions. Reads the files: it may take seconds."""
    records = size = 0
    instants: list[datetime] = []  # of the first legible record of each file
    for file in files(folder):
        number, offset = positions.get(file.boot, (0, 0))
        if file.number < number:
            continue
        with contextlib.suppress(OSError):
            start = offset if file.number == number else _first_record(file)
            size += max(0, file.path.stat().st_size - start)
            first: datetime | None = None
            while found_lines := list(lines(file.path, start, ROOM)):
                records += len(found_lines)
                start = found_lines[-1].end
                if first is None and (first := _instant_of(found_lines[0])) is not None:
                    instants.append(first)
    oldest = min(instants, default=None)
    age = (datetime.now(UTC) - oldest).total_seconds() if oldest is not None else 0.0
    return Lag(records, size, max(0.0, age), oldest)


def _first_record(file: JournalFile) -> int:
    """Return the offset of the first record; a broken first line counts as a record until it is set aside."""
    try:
        return node_of(file)[1]
    except NotARecordError:
        return 0


def _instant_of(line: Line) -> datetime | None:
    try:
        at = datetime.fromisoformat(orjson.loads(line.text)["at"])
    except (ValueError, KeyError, TypeError):
        return None
    return at if at.tzinfo is not None else None


@contextlib.contextmanager
def _wake_pipe(folder: Path) -> Iterator[asyncio.Event]:
    """Yield an event that is set whenever a journal is written. Costs nothing while none is."""
    with contextlib.suppress(FileExistsError):
        os.mkfifo(folder / WAKE, 0o600)
    pipe = os.open(folder / WAKE, os.O_RDWR | os.O_NONBLOCK)  # read-only would see an end of file when a writer closes
    wake = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_written() -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(pipe, 65536)
        wake.set()

    loop.add_reader(pipe, on_written)
    try:
        yield wake
    finally:
        loop.remove_reader(pipe)
        os.close(pipe)


def _lock_file(folder: Path) -> int:
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    return os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)


@contextlib.asynccontextmanager
async def _alone(folder: Path, stop: asyncio.Event) -> AsyncIterator[bool]:
    """Yield True once this process is the folder's only deliverer; False if `stop` is set first."""
    lock = _lock_file(folder)
    logged = False
    try:
        while not stop.is_set():
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not logged:
                    logged = True
                    log.warning("another process is delivering %s; waiting for it to end", folder)
                await _wait(stop, 1.0)
            else:
                yield True
                return
        yield False
    finally:
        os.close(lock)


def _at_most_each(seconds: float, act: Callable[[], None]) -> Callable[[], None]:
    """Return a function that does something unless it has done so within the last `seconds`."""
    last = -seconds

    def act_if_due() -> None:
        nonlocal last
        if time.monotonic() - last >= seconds:
            last = time.monotonic()
            act()

    return act_if_due


async def _while_beating(work: Awaitable[object], beat: Callable[[], None]) -> None:
    """Await work that may take long, such as a migration, and `beat` meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait({task}, timeout=PREPARING_BEAT_S))[0]:
            beat()
    finally:
        task.cancel()
    await task


def _is_past(deadline: float) -> bool:
    return time.monotonic() > deadline


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def _stop_wakes(stop: asyncio.Event, wake: asyncio.Event) -> None:
    await stop.wait()
    wake.set()
