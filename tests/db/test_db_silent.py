"""A database that is silent, slow or mad, but not closed: each wait ends, with an error that says what to do."""

# A test may block its own loop.

import asyncio
import sqlite3
import threading
import time
from collections.abc import Awaitable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from db_helpers import check, count, delivering, is_count, rejected, until
from relay import Mode, Relay
from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from test_db_engine import new_call

from db.deliverer import GROUP
from db.delivery import run
from db.delivery_state import heartbeat
from db.engine import DatabaseError, async_engine, for_people, long_work, open_engine, reading, writing
from db.ids import uuid7
from db.journal import Journal
from db.read import within
from db.tables import Call
from db.upgrade import upgrade

pytest_plugins = ["db_fixtures"]


async def count_calls(engine: AsyncEngine) -> int:
    async with reading(engine) as connection:
        return int(await connection.scalar(select(func.count()).select_from(Call)) or 0)


async def add_call(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await connection.execute(insert(Call).values(new_call()))


async def error_within(seconds: float, engine: AsyncEngine, *, writes: bool = False) -> DatabaseError:
    """Return the error of a transaction, which must end in time."""
    async with asyncio.timeout(seconds):
        with pytest.raises(DatabaseError) as raised:
            await (add_call if writes else count_calls)(engine)
    return raised.value


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("mode", [Mode.DROP, Mode.HOLD])
async def test_a_silent_server_is_named_soon_and_used_again_as_soon_as_it_answers(
    relayed_url: str, between: Relay, mode: Mode
) -> None:
    async with open_engine(relayed_url) as engine:
        await add_call(engine)
        async with reading(engine), reading(engine), reading(engine):  # three connections, which will be silent
            pass
        between.mode = mode
        for writes in (False, True):
            error = await error_within(15, engine, writes=writes)
            assert "does not answer in time: see the server's log" in str(error)
        between.mode = Mode.PASS
        async with asyncio.timeout(15):
            assert await count_calls(engine) >= 1


@pytest.mark.usefixtures("soon")
async def test_silence_in_the_middle_of_a_change_leaves_it_in_doubt(relayed_url: str, between: Relay) -> None:
    async with open_engine(relayed_url) as engine:
        async with asyncio.timeout(15):
            with pytest.raises(DatabaseError, match="does not answer in time") as raised:
                async with writing(engine) as connection:
                    await connection.execute(insert(Call).values(new_call()))
                    between.mode = Mode.DEAF  # the commit arrives, its answer does not
        assert raised.value.in_doubt
        between.mode = Mode.PASS
        assert await count_calls(engine) == 1


@pytest.mark.usefixtures("soon")
async def test_a_transaction_whose_client_went_silently_does_not_keep_its_locks(
    relayed_url: str, between: Relay
) -> None:
    async with open_engine(relayed_url) as engine:
        async with asyncio.timeout(15):
            with pytest.raises(DatabaseError):
                async with writing(engine) as connection:
                    await connection.execute(text("LOCK TABLE call"))
                    between.mode = Mode.DROP
                    await connection.execute(text("SELECT 1"))
        between.mode = Mode.PASS
        async with asyncio.timeout(15):
            while True:
                try:
                    await add_call(engine)
                except DatabaseError as error:
                    assert "takes over 1 s for one statement" in str(error) and not error.in_doubt
                else:
                    break


@pytest.mark.usefixtures("soon")
async def test_long_work_may_take_longer_than_a_statement_elsewhere(url: str) -> None:
    long = {
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000000)"
        " SELECT max(i) FROM n LIMIT 1",
        "postgresql": "SELECT pg_sleep(60)",
    }
    async with open_engine(url) as engine:
        for work in (engine, long_work(engine)):
            began = time.monotonic()
            with pytest.raises((DatabaseError, TimeoutError)) as raised:
                async with asyncio.timeout(2.5), reading(work) as connection:
                    await connection.execute(text(long[engine.dialect.name]))
            ended_by_itself = isinstance(raised.value, DatabaseError)
            assert ended_by_itself == (work is engine), time.monotonic() - began
        assert await count_calls(engine) == 0


async def test_a_slow_server_is_waited_for_unless_a_person_waits(relayed_url: str, between: Relay) -> None:
    async with open_engine(relayed_url) as engine:
        assert await count_calls(engine) == 0
        between.delay_s = 0.2
        assert await count_calls(engine) == 0
        between.delay_s = 1.0
        with pytest.raises(DatabaseError, match="does not answer in time"):
            await count_calls(for_people(engine, 1.5))
        between.delay_s = 0.0
        assert await count_calls(for_people(engine, 5)) == 0


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(
    "rubbish",
    [
        b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n",
        b"Z\x00\x00\x00\x05I" * 40,
        b"E\x00\x00\x00\x08abc\x00",
        b"T\x00\x00\x00\x08\xff\xff\xff\xff",
        bytes(range(256)) * 4,
    ],
)
async def test_an_answer_that_nobody_understands_is_an_error_of_the_database(
    relayed_url: str, between: Relay, rubbish: bytes
) -> None:
    between.rubbish = rubbish
    async with open_engine(relayed_url) as engine:
        assert await count_calls(engine) == 0
        between.mode = Mode.RUBBISH
        for writes in (False, True, False):
            await error_within(15, engine, writes=writes)
        between.mode = Mode.PASS
        async with asyncio.timeout(15):
            await count_calls(engine)


async def test_a_process_whose_connections_are_all_in_use_says_so(url: str) -> None:
    async with open_engine(url, connections=2) as engine, reading(engine), reading(engine):
        error = await error_within(15, engine)
    assert "all connections of this process have been in use" in str(error)
    assert "`connections` in [database] of site.toml" in str(error)


async def test_a_read_that_is_given_up_does_not_go_on_in_the_server(postgresql_url: str) -> None:
    """Callers' reads have 150 ms: on a slow server, those that go on would be more and more."""
    async with open_engine(postgresql_url) as engine:

        async def is_zero(number: Awaitable[int]) -> bool:
            return await number == 0

        async def slow() -> None:
            async with reading(engine) as connection:
                await connection.execute(text("SELECT pg_sleep(30)"))

        async def running() -> int:
            statement = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep%30%'"
            async with reading(engine) as connection:
                return int(await connection.scalar(text(f"{statement} AND pid <> pg_backend_pid()")) or 0)

        for _ in range(5):
            with pytest.raises(TimeoutError):
                await within(slow(), 0.3)
        await until(lambda: is_zero(running()), 5)


async def test_closing_does_not_wait_for_a_server_that_is_silent(relayed_url: str, between: Relay) -> None:
    engine = async_engine(relayed_url)
    async with reading(engine), reading(engine), reading(engine):
        pass
    between.mode = Mode.DROP
    async with asyncio.timeout(2):
        await engine.dispose()


@pytest.mark.usefixtures("soon")
async def test_a_disk_that_hangs_ends_no_process(sqlite_url: str) -> None:
    """A thread that does not come back from a call of the system is like this one."""
    hangs, goes_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hang() -> int:
        loop.call_soon_threadsafe(hangs.set)
        goes_on.wait(60)
        return 1

    async with asyncio.timeout(20), open_engine(sqlite_url) as engine:
        with pytest.raises(DatabaseError, match="does not answer in time: see whether its disk works"):
            async with reading(engine) as connection:
                driver: Any = (await connection.get_raw_connection()).driver_connection
                await driver.create_function("hang", 0, hang)
                await connection.execute(text("SELECT hang()"))
        assert hangs.is_set() and not goes_on.is_set()
        assert await count_calls(engine) == 0  # on another connection
    goes_on.set()
    await asyncio.to_thread(driver._thread.join)  # it closes its file


# The deliverer


async def put_calls(journal: Journal, number: int) -> None:
    for _ in range(number):
        journal.put("call", id=uuid7(), started=datetime.now(UTC))
    journal.flush()


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("mode", [Mode.HOLD, Mode.DEAF, Mode.RUBBISH])
async def test_delivery_that_stalls_is_logged_and_goes_on_by_itself_with_each_record_once(
    relayed_url: str, postgresql_url: str, between: Relay, folder: Path, mode: Mode, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(folder, "n")
    async with delivering(folder, relayed_url):
        await put_calls(journal, 5)
        await until(lambda: is_count(postgresql_url, Call, 5))
        between.mode = mode
        await put_calls(journal, 700)  # two groups
        await until(lambda: check("journal delivery is waiting" in caplog.text), 20)
        beat = heartbeat(folder)
        assert beat is not None and beat.away is not None
        between.mode = Mode.PASS
        await put_calls(journal, 5)
        await until(lambda: is_count(postgresql_url, Call, 710), 30)
        await until(lambda: check("journal delivery has resumed" in caplog.text))
    assert rejected(folder) == []
    journal.close()


async def test_delivery_waits_for_a_file_that_another_process_has_locked_and_says_so(
    sqlite_url: str, folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.sqlite.BUSY_MS", 500)
    journal = Journal(folder, "n")
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with delivering(folder, sqlite_url):
            await put_calls(journal, 5)
            await until(lambda: check("was locked by another process" in caplog.text), 20)
            other.execute("ROLLBACK")
            await until(lambda: is_count(sqlite_url, Call, 5), 20)
    journal.close()


@pytest.mark.usefixtures("soon")
async def test_a_deliverer_that_starts_while_the_database_is_silent_says_so(
    relayed_url: str, between: Relay, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The upgrade of the tables, which may take long, comes first."""
    between.mode = Mode.DROP
    stop = asyncio.Event()
    async with open_engine(relayed_url) as engine:
        task = asyncio.create_task(run(folder, engine, stop, prepare=lambda: upgrade(relayed_url)))
        await until(lambda: check("journal delivery is waiting" in caplog.text), 20)
        between.mode = Mode.PASS
        await until(lambda: check("journal delivery has resumed" in caplog.text), 20)
        stop.set()
        await asyncio.wait_for(task, 10)


async def test_a_deliverer_shows_that_it_works_while_it_delivers_slowly(
    relayed_url: str, postgresql_url: str, between: Relay, folder: Path
) -> None:
    journal = Journal(folder, "n")
    await put_calls(journal, 3 * GROUP)
    between.delay_s = 0.1
    beats = set()
    async with delivering(folder, relayed_url):
        while await count(postgresql_url, Call) < 3 * GROUP:
            if (beat := heartbeat(folder)) is not None:
                beats.add(beat.delivered)
            await asyncio.sleep(0.1)
    journal.close()
    assert beats & {GROUP, 2 * GROUP}, "no heartbeat came before all was delivered"
