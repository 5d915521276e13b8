"""A kept day always says what the tables say, whatever is changed in them and by whom, on SQLite and PostgreSQL."""

import asyncio
import random
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from properties import examples
from sqlalchemy import delete, event, func, insert, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from db import retention
from db.engine import DatabaseError, open_engine, reading, writing
from db.frames import Frame, unpack
from db.ids import uuid7
from db.report_days import DAY, EVERY, VERSION, keep_days, missing_days, read_frames
from db.tables import Call, Offer, OperatorStateRecord, Pairing, ReportDay
from reports import reading as reading_reports
from reports.documents import build_document
from reports.reading import read_report
from reports.request import make_request

pytest_plugins = ["db_fixtures"]

PARIS = ZoneInfo("Europe/Paris")
FIRST = datetime(2026, 10, 22, tzinfo=UTC)  # the clocks change on the fourth day
DAYS = 5
NOW = FIRST + timedelta(days=DAYS + 1)
OPERATORS = ("1001", "1002", "1003")


class Line:
    """A line whose records are made, and changed, at random."""

    def __init__(self, engine: AsyncEngine, seed: int) -> None:
        self._engine, self._draw = engine, random.Random(seed)
        self._boot, self._seq = uuid7(), 0
        self._changes: list[str] = []

    def instant(self) -> datetime:
        """Draw an instant, often near a midnight of UTC or of Paris."""
        draw = self._draw
        at = FIRST + timedelta(seconds=draw.randrange(DAYS * 86400), microseconds=draw.randrange(10**6))
        if draw.random() < 0.5:
            midnight = at.replace(hour=draw.choice([0, 22, 23]), minute=0, second=0)
            at = midnight + timedelta(seconds=draw.uniform(-400, 400))
        return at

    async def add_calls(self, number: int) -> None:
        together: dict[Any, list[dict[str, Any]]] = {}
        for _ in range(number):
            for table, values in self._call():
                together.setdefault((table, *values), []).append(values)
        async with writing(self._engine) as connection:
            for (table, *_), rows in together.items():
                await connection.execute(insert(table), rows)

    async def add_call(self) -> None:
        rows = self._call()
        self._draw.shuffle(rows)  # the journals of several nodes are delivered in no common order
        async with writing(self._engine) as connection:
            for table, values in rows:
                await connection.execute(insert(table).values(values))

    def _call(self) -> list[tuple[Any, dict[str, Any]]]:
        draw, call, at = self._draw, uuid7(), self.instant()
        row: dict[str, Any] = {
            "id": call, "node": "n", "live": draw.random() > 0.2, "language": draw.choice(["ar", "fr"]),
            "country": draw.choice(["FR", None]), "topic": draw.choice(["file", None]), "number": "+33800212000",
            "started": at,
        }  # fmt: skip
        others: list[tuple[Any, dict[str, Any]]] = []
        if draw.random() < 0.2:
            row |= {"outcome": draw.choice(["left_menu", "self_served", None]), "ended": at + timedelta(seconds=60)}
        else:
            queued = row["queued"] = at + timedelta(seconds=30)
            left = row["dequeued"] = queued + timedelta(seconds=draw.randrange(60))
            ended = row["ended"] = left + timedelta(seconds=draw.randrange(600))
            row["outcome"] = draw.choice(["answered", "abandoned", "callback"])
            if row["outcome"] == "answered":
                operator = draw.choice(OPERATORS)
                row |= {"connected": left, "operator_id": operator}
                pairing = {"id": uuid7(), "node": "n", "call_id": call, "operator_id": operator}
                others.append((Pairing, {**pairing, "began": left, "ended": ended}))
                offer = {"id": uuid7(), "node": "n", "call_id": call, "operator_id": operator, "offered": queued}
                others.append((Offer, {**offer, "state": "accepted"}))
                others += [
                    (OperatorStateRecord, self._state(left, operator, "talking", call)),
                    (OperatorStateRecord, self._state(ended, operator, "wrapping_up")),
                    (OperatorStateRecord, self._state(ended + timedelta(seconds=20), operator, "ready")),
                ]
        return [(Call, row), *others]

    def _state(self, at: datetime, operator: str, state: str, call: UUID | None = None) -> dict[str, Any]:
        self._seq += 1
        key = {"node": "n", "boot": self._boot, "seq": self._seq}
        reason = "lunch" if state == "paused" else None
        return {**key, "at": at, "operator_id": operator, "state": state, "call_id": call, "reason": reason}

    async def change(self, *, far: bool = True) -> str:
        """Change something at random, everything once before anything again; return what.

        `far`: a conversation may also be moved far from its call. Reports look for it near the call.
        """
        draw, at = self._draw, self.instant()
        operator = draw.choice(OPERATORS)
        async with reading(self._engine) as connection:
            call, pairing, offer = [
                draw.choice([*await connection.scalars(select(key).order_by(key))])
                for key in (Call.id, Pairing.id, Offer.id)
            ]
            states = select(OperatorStateRecord.seq).order_by(OperatorStateRecord.seq)
            seq = draw.choice([*await connection.scalars(states)])
        of_call, of_pairing = update(Call).where(Call.id == call), update(Pairing).where(Pairing.id == pairing)
        of_state = OperatorStateRecord.seq == seq
        another = self._state(at, operator, draw.choice(["paused", "away", "ready"]))
        again = {"id": uuid7(), "node": "n", "call_id": call, "operator_id": operator, "began": at, "ended": None}
        statements = {
            "a call has another language": of_call.values(language=draw.choice(["es", "it"])),
            "a call is a test": of_call.values(live=draw.random() < 0.5),
            "a call has another outcome": of_call.values(outcome="abandoned"),
            "a call is queued on another day": of_call.values(queued=at, dequeued=at, connected=None),
            "a call starts on another day": of_call.values(started=at),
            "a call is gone": delete(Call).where(Call.id == call),
            "a caller is erased": of_call.values(caller=None),
            "a conversation ends later": of_pairing.values(ended=at + timedelta(minutes=5)),
            "a conversation begins on another day": of_pairing.values(began=at),
            "a conversation is handed on": of_pairing.values(reason="transfer"),
            "a conversation is gone": delete(Pairing).where(Pairing.id == pairing),
            "a call has another conversation": insert(Pairing).values(again),
            "an offer was missed": update(Offer).where(Offer.id == offer).values(state="no_answer"),
            "an offer is gone": delete(Offer).where(Offer.id == offer),
            "a state more": insert(OperatorStateRecord).values(another),
            "a state at another time": update(OperatorStateRecord).where(of_state).values(at=at),
            "a state less": delete(OperatorStateRecord).where(of_state),
        }
        if not far:
            del statements["a conversation begins on another day"]
        self._changes = self._changes or draw.sample([*statements], len(statements))
        what = self._changes.pop()
        with suppress(DBAPIError):  # the operator has an open conversation
            async with writing(self._engine) as connection:
                await connection.execute(statements[what])
        return what


@pytest_asyncio.fixture
async def line(engine: AsyncEngine) -> AsyncIterator[Line]:
    made = Line(engine, seed=1)
    await made.add_calls(40)
    yield made


async def keep_all(engine: AsyncEngine) -> int:
    return await keep_days(engine, await missing_days(engine, None, NOW, 100))


def written(frames: dict[str, Frame]) -> dict[str, Any]:
    """Return all rows, in an order that does not depend on the database."""
    found = {}
    for name, frame in frames.items():
        columns: list[list[Any]] = [[*map(int, numbers)] for numbers in frame.numbers.values()]
        columns += [[str(coded.names[code]) for code in coded.codes] for coded in frame.texts.values()]
        found[name] = sorted(zip(*columns, strict=True))
    return found


async def kept(engine: AsyncEngine) -> dict[date, Any]:
    async with reading(engine) as connection:
        rows = await connection.execute(select(ReportDay.day, ReportDay.columns).where(ReportDay.version == VERSION))
        return {row.day: written(unpack(row.columns, EVERY)) for row in rows}


async def counted(engine: AsyncEngine) -> dict[date, Any]:
    """Return the same days from the tables."""
    found = {}
    async with reading(engine) as connection:
        for day in [*await connection.scalars(select(ReportDay.day))]:
            begins = datetime(day.year, day.month, day.day, tzinfo=UTC)
            found[day] = written(await read_frames(connection, begins, begins + DAY))
    return found


async def report(engine: AsyncEngine, by: str, *, tests: bool = False) -> Any:
    request = make_request(by, FIRST.date(), (FIRST + timedelta(days=DAYS - 1)).date(), PARIS, NOW, tests=tests)
    document = build_document(request, await read_report(engine, request))
    return document["rows"], document["total"]


async def test_a_kept_day_says_what_the_tables_say_after_whatever_change(engine: AsyncEngine, line: Line) -> None:
    assert await keep_all(engine) >= DAYS
    removed, all_days = 0, len(await kept(engine))
    for number in range(examples(12)):
        changes = [await line.change() for _ in range(3)]
        if number % 3 == 0:
            await line.add_call()
        days = await kept(engine)
        removed += len(days) < all_days
        assert days == await counted(engine), changes
        await keep_all(engine)
    assert removed > 3
    await retention.delete_calls(engine, FIRST + timedelta(days=3))
    assert await kept(engine) == await counted(engine)


async def test_reports_are_the_same_from_kept_days_and_from_the_tables(
    engine: AsyncEngine, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(20):
        await line.change(far=False)
    for by, tests in (("hour", False), ("language", True), ("operator,hour-of-day", False)):
        async with writing(engine) as connection:
            await connection.execute(delete(ReportDay))
        with monkeypatch.context() as patch:
            patch.setattr(reading_reports, "_MOST_DAYS", -1)  # as if very many were missing
            plain = await report(engine, by, tests=tests)
        assert not await kept(engine)
        assert await report(engine, by, tests=tests) == plain
        assert await kept(engine)
        assert await report(engine, by, tests=tests) == plain


async def test_a_report_keeps_the_days_that_are_over_and_two_at_once_do_not_disturb_each_other(
    engine: AsyncEngine, line: Line
) -> None:
    first, second = await asyncio.gather(report(engine, "day"), report(engine, "day"))
    assert first == second
    assert {*await kept(engine)} >= {(FIRST + timedelta(days=number)).date() for number in range(1, DAYS - 1)}


def url_of(engine: AsyncEngine) -> str:
    return engine.url.set(drivername=engine.dialect.name).render_as_string(hide_password=False)


async def test_a_report_of_a_database_that_cannot_be_written_is_the_same(engine: AsyncEngine, line: Line) -> None:
    async with open_engine(
        engine.url.render_as_string(hide_password=False).replace("+aiosqlite", "").replace("+asyncpg", "")
    ) as only:
        if engine.dialect.name == "sqlite":

            @event.listens_for(only.sync_engine, "connect")
            def only_read(connection: Any, _: object) -> None:
                connection.execute("PRAGMA query_only = ON")

        else:

            @event.listens_for(only.sync_engine, "connect")
            def only_read(connection: Any, _: object) -> None:
                # By the driver itself: SQLAlchemy would begin a transaction, and take the setting back with it.
                connection.run_async(lambda driver: driver.execute("SET default_transaction_read_only = on"))

        with pytest.raises((DBAPIError, DatabaseError), match=r"read-only|cannot be written"):
            async with writing(only) as connection:
                await connection.execute(delete(ReportDay))
        found = await report(only, "language")
        assert not await kept(engine)
        assert found == await report(engine, "language")


KEEPER = """
import asyncio, sys
from datetime import date
from db.engine import open_engine
from db.report_days import keep_days

async def keep():
    async with open_engine(sys.argv[1]) as engine:
        for day in map(date.fromisoformat, sys.argv[2:]):
            print(await keep_days(engine, [day]), flush=True)

asyncio.run(keep())
"""


async def test_a_process_that_is_killed_while_it_keeps_days_leaves_whole_ones(
    engine: AsyncEngine, line: Line, start: Callable[..., Awaitable[Process]]
) -> None:
    days = [day.isoformat() for day in await missing_days(engine, None, NOW, 100)]
    keeper = await start(KEEPER, url_of(engine), *days)
    assert keeper.stdout is not None
    assert await keeper.stdout.readline() == b"1\n"
    keeper.kill()
    await keeper.communicate()
    assert await kept(engine) == await counted(engine)
    await keep_all(engine)
    assert len(await kept(engine)) == len(days)


async def test_a_day_that_somebody_is_writing_is_not_kept(postgresql_url: str) -> None:
    async with open_engine(postgresql_url) as engine:
        line = Line(engine, 2)
        await line.add_call()
        async with writing(engine) as other:
            await other.execute(update(Call).values(language="de"))
            assert await keep_all(engine) == 0
        assert await keep_all(engine) > 0


async def test_a_writer_who_sees_the_database_as_it_was_cannot_miss_a_day_that_was_kept_since(
    postgresql_url: str,
) -> None:
    async with open_engine(postgresql_url) as engine:
        await Line(engine, 3).add_call()
        async with engine.connect() as other:
            await other.execution_options(isolation_level="REPEATABLE READ")
            await other.execute(select(func.count()).select_from(Call))
            assert await keep_all(engine) > 0
            with pytest.raises(DBAPIError, match="could not serialize"):
                await other.execute(update(Call).values(language="de"))
            await other.rollback()
            await other.execute(update(Call).values(language="de"))
            await other.commit()
        assert await kept(engine) == await counted(engine)


async def test_a_database_that_is_away_keeps_nothing(tmp_path: Any) -> None:
    async with open_engine(f"sqlite:///{tmp_path}/none/hatif.db") as engine:
        assert await keep_days(engine, [FIRST.date()]) == 0
        with pytest.raises(DatabaseError):
            await missing_days(engine, None, NOW, 1)
