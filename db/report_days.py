"""Rows for reports, a day at a time: each day that is over is kept as one value, with the columns of all its rows.

A row of `report_day` is what the other tables say about a day of UTC: whatever changes a call, a conversation, an offer
or an operator's state of the day removes it, by triggers (`db/report_triggers.py`). So a kept day is true as long as it
is there, whoever writes, and any days may be missing: they are read from the other tables.

Functions raise DatabaseError if the database is away.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.columns import micros_of
from db.engine import DatabaseError, reading, writing
from db.frames import Frame, join, pack, unpack
from db.report import ATTRIBUTES, number_of_waits, of_call, read_menu, read_states, read_waited
from db.report_operators import read_offers, read_talks
from db.report_tables import CALL, OPERATOR_STATE, REPORT_DAY

log = logging.getLogger(__name__)

VERSION = 1
"""Of the columns; a day that was kept by another version is read anew."""

DAY = timedelta(days=1)
SETTLED = timedelta(hours=1)
"""How long after its end a day is kept: until then, records of it still arrive."""
CALLS_AT_ONCE = 50_000
"""Calls of a part, about. Two parts are in memory at once; a busy site's year has millions of calls."""

Frames = Mapping[str, Frame]
WAITED, MENU, STATES, TALKS, OFFERS = "waited", "menu", "states", "talks", "offers"
_READERS: Mapping[str, Callable[[AsyncConnection, datetime, datetime], Awaitable[Frame]]] = {
    WAITED: read_waited,
    MENU: read_menu,
    STATES: read_states,
    TALKS: read_talks,
    OFFERS: read_offers,
}
EVERY = tuple(_READERS)


async def read_parts(
    engine: AsyncEngine,
    begins: datetime,
    ends: datetime,
    names: Collection[str] = EVERY,
    by: Collection[str] = ATTRIBUTES,
) -> AsyncIterator[Frames]:
    """Yield what reports read of a period, part by part, in the order of time: the frames of these names, with the
    attributes in `by`. The database works on the next part while the caller counts."""
    without = {*of_call(ATTRIBUTES)} - {*of_call(by)}
    parts = [*_parts(begins, ends, await number_of_waits(engine, begins, ends))]
    ahead: asyncio.Task[Frames] | None = None
    try:
        for part, following in zip(parts, [*parts[1:], None], strict=True):
            found = await (ahead or _read(engine, *part, names, without))
            ahead = None
            if following is not None:
                ahead = asyncio.create_task(_read(engine, *following, names, without))
            yield found
    finally:
        if ahead is not None:
            ahead.cancel()


def _parts(begins: datetime, ends: datetime, calls: int) -> Iterator[tuple[datetime, datetime]]:
    days = max(1, int((ends - begins) / DAY / (calls // CALLS_AT_ONCE + 1)))
    while begins < ends:
        until = min(_midnight(_day_of(begins) + days * DAY), ends)
        yield begins, until
        begins = until


async def _read(
    engine: AsyncEngine, begins: datetime, ends: datetime, names: Collection[str], without: Collection[str]
) -> Frames:
    """Return the rows of a part, without some columns: of kept days, and for the others those of the tables."""
    last = _day_of(ends - timedelta(microseconds=1))
    chosen = select(REPORT_DAY.c.day, REPORT_DAY.c.columns).where(
        REPORT_DAY.c.day >= _day_of(begins), REPORT_DAY.c.day <= last, REPORT_DAY.c.version == VERSION
    )
    parts: list[Frames] = []
    async with reading(engine) as connection:
        kept: dict[date, Frames] = {}
        for row in await connection.execute(chosen):
            with suppress(ValueError):  # damaged: the tables have it
                kept[row.day] = unpack(row.columns, names, without)
        for since, until, is_kept in _runs(begins, ends, kept):
            if not is_kept:
                found = await read_frames(connection, since, until, names)
                parts.append({name: frame.without(without) for name, frame in found.items()})
                continue
            days = [kept[day] for day in _days(since, until)]
            parts.append({name: join([day[name] for day in days]) for name in names})
    first, end = micros_of(begins), micros_of(ends)
    return {name: join([part[name] for part in parts]).between(first, end) for name in names}


def _runs(begins: datetime, ends: datetime, kept: Collection[date]) -> Iterator[tuple[datetime, datetime, bool]]:
    """Divide a period where kept days and others meet."""
    since, is_kept = begins, _day_of(begins) in kept
    for day in _days(begins, ends):
        if (day in kept) != is_kept:
            yield since, _midnight(day), is_kept
            since, is_kept = _midnight(day), not is_kept
    yield since, ends, is_kept


async def read_frames(
    connection: AsyncConnection, begins: datetime, ends: datetime, names: Collection[str] = EVERY
) -> dict[str, Frame]:
    """Return what reports read of a period, from the tables that have it."""
    return {name: await _READERS[name](connection, begins, ends) for name in names}


async def missing_days(engine: AsyncEngine, begins: datetime | None, ends: datetime, most: int) -> list[date]:
    """Return days of a period that are over by `ends` and not kept, the latest first; at most `most` of them.

    `begins`: None for the first record.
    """
    async with reading(engine) as connection:
        firsts = [await connection.scalar(select(func.min(at))) for at in (CALL.c.started, OPERATOR_STATE.c.at)]
        known = [first for first in firsts if first is not None]
        if not known:
            return []
        first, last = max(min(known), begins or min(known)), ends - DAY
        kept = select(REPORT_DAY.c.day).where(REPORT_DAY.c.day >= _day_of(first), REPORT_DAY.c.version == VERSION)
        there = {*await connection.scalars(kept)}
    day, found = _day_of(last), list[date]()
    while day >= _day_of(first) and len(found) < most:
        if day not in there:
            found.append(day)
        day -= DAY
    return found


async def keep_days(engine: AsyncEngine, days: Collection[date], pause_s: float = 0.0) -> int:
    """Keep days, each in a short transaction of its own; return how many. Stops, without an error, where others write
    at that moment or the database cannot be written.

    `pause_s`: between two of them.
    """
    number = 0
    for day in days:
        try:
            async with writing(engine) as connection:
                await _keep(connection, day)
        except (DatabaseError, SQLAlchemyError) as error:
            log.debug("%s is not kept for reports: %s", day, error)
            break
        number += 1
        await asyncio.sleep(pause_s)
    return number


async def _keep(connection: AsyncConnection, day: date) -> None:
    if connection.dialect.name == "postgresql":
        # What others write now would be missing, and would not remove the day, which they cannot see yet. SQLite has
        # one writer at a time.
        await connection.execute(text("LOCK TABLE call, pairing, offer, operator_state IN SHARE MODE NOWAIT"))
    if await connection.scalar(select(REPORT_DAY.c.version).where(REPORT_DAY.c.day == day)) == VERSION:
        return  # another report was faster
    frames = await read_frames(connection, _midnight(day), _midnight(day + DAY))
    await connection.execute(delete(REPORT_DAY).where(REPORT_DAY.c.day == day))
    await connection.execute(insert(REPORT_DAY).values(day=day, version=VERSION, columns=pack(frames)))


def _days(begins: datetime, ends: datetime) -> Iterator[date]:
    day = _day_of(begins)
    while _midnight(day) < ends:
        yield day
        day += DAY


def _day_of(at: datetime) -> date:
    return at.astimezone(UTC).date()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
