"""Transactions neither block nor fail, and errors say what to do."""

import asyncio
import gc
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from db_server import Server
from sqlalchemy import func, insert, select, text

import db.read
from db.engine import DatabaseError, async_engine, open_engine, reading, writing
from db.ids import uuid7
from db.read import within
from db.tables import Call

pytest_plugins = ["db_fixtures"]


def new_call() -> dict[str, object]:
    return {"id": uuid7(), "node": "n", "started": datetime.now(UTC)}


async def test_sqlite_is_set_up_on_every_connection(sqlite_url: str) -> None:
    engine = async_engine(sqlite_url)
    wanted = {"journal_mode": "wal", "busy_timeout": 5000, "foreign_keys": 1, "synchronous": 2}
    async with reading(engine) as one, reading(engine) as two:
        for connection in (one, two):
            for pragma, value in wanted.items():
                assert await connection.scalar(text(f"PRAGMA {pragma}")) == value
    await engine.dispose()


def test_a_file_that_cannot_be_opened_leaves_no_thread_behind(tmp_path: Path) -> None:
    """Such a thread would use a closed loop, and print an error on the screen of a command."""

    async def try_to_open() -> None:
        engine = async_engine(f"sqlite:///{tmp_path}/no/such/folder/hatif.db")
        with pytest.raises(DatabaseError, match="cannot be opened"):
            async with reading(engine):
                pass
        await engine.dispose()

    before = set(threading.enumerate())
    for _ in range(20):
        asyncio.run(try_to_open())
        assert set(threading.enumerate()) <= before


@pytest.mark.filterwarnings("error")
def test_work_that_is_given_up_while_it_connects_leaves_no_connection_behind(sqlite_template: Path) -> None:
    async def give_up(after_s: float) -> None:
        async with asyncio.timeout(after_s), open_engine(f"sqlite:///{sqlite_template}") as engine, reading(engine):
            await asyncio.Future()

    for number in range(20):
        with pytest.raises(TimeoutError):
            asyncio.run(give_up(number / 5_000))
    gc.collect()  # of a connection that is open, that is a warning
    for thread in threading.enumerate():
        if "_connection_worker" in thread.name:
            thread.join(20)
            assert not thread.is_alive(), thread.name


async def test_transactions_that_read_first_and_write_later_wait_for_each_other(url: str) -> None:
    """Deferred transactions would fail on SQLite, whatever the busy timeout."""
    engine = async_engine(url)

    async def read_then_write() -> None:
        async with writing(engine) as connection:
            await connection.scalar(select(func.count()).select_from(Call))
            await asyncio.sleep(0.005)
            await connection.execute(insert(Call).values(new_call()))

    await asyncio.gather(*(read_then_write() for _ in range(15)))
    async with reading(engine) as connection:
        assert await connection.scalar(select(func.count()).select_from(Call)) == 15
    await engine.dispose()


async def test_a_reader_does_not_wait_for_a_writer_and_sees_committed_data_only(url: str) -> None:
    engine = async_engine(url)
    async with writing(engine) as writer:
        await writer.execute(insert(Call).values(new_call()))
        # Who waited for it would wait for ever.
        async with asyncio.timeout(60), reading(engine) as reader:
            assert await reader.scalar(select(func.count()).select_from(Call)) == 0
    await engine.dispose()


async def test_a_failed_transaction_leaves_nothing(url: str) -> None:
    engine = async_engine(url)
    with pytest.raises(ZeroDivisionError):
        async with writing(engine) as connection:
            await connection.execute(insert(Call).values(new_call()))
            raise ZeroDivisionError
    async with reading(engine) as connection:
        assert await connection.scalar(select(func.count()).select_from(Call)) == 0
    await engine.dispose()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("mysql://hatif:secret@db/hatif", "of type 'mysql' are not supported: use sqlite:///PATH, or postgresql://"),
        ("sqlite://", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("postgresql://hatif:secret@db", "postgresql://db/ must name a database"),
        ("postgresql//hatif:secret@db", "cannot be parsed"),
        ("postgresql://hatif:secret@db:port/hatif", "cannot be parsed"),
        ("", "cannot be parsed"),
    ],
)
def test_an_unsupported_url_is_refused_with_the_supported_forms(wrong: str, message: str) -> None:
    with pytest.raises(DatabaseError) as raised:
        async_engine(wrong)
    assert message in str(raised.value)
    assert "secret" not in str(raised.value)


async def error_of(url: str) -> str:
    async with open_engine(url) as engine:
        with pytest.raises(DatabaseError) as raised:
            async with reading(engine) as connection:
                await connection.scalar(select(func.count()).select_from(Call))
    assert "secret" not in str(raised.value)
    return str(raised.value)


async def test_an_unreachable_server_is_named_without_its_password() -> None:
    assert "postgresql://127.0.0.1:9/hatif cannot be reached" in await error_of(
        "postgresql://hatif:secret@127.0.0.1:9/hatif"
    )
    assert "start the server, or correct the URL" in await error_of("postgresql://u:secret@/hatif?host=/nowhere")
    assert "cannot be reached" in await error_of("postgresql://u:secret@no-such-host.invalid/hatif")


async def test_a_missing_database_and_one_that_is_not_upgraded_have_different_remedies(
    server: Server, empty_url: str
) -> None:
    assert "does not exist: create the database (createdb nowhere)" in await error_of(server.url("nowhere"))
    assert "run `hatif db upgrade`" in await error_of(empty_url)


async def test_unusable_files_are_reported_with_a_remedy(tmp_path: Path) -> None:
    assert f"create the folder {tmp_path}/no" in await error_of(f"sqlite:///{tmp_path}/no/hatif.db")
    # Reading does not create a file.
    assert "does not exist: run `hatif db upgrade`" in await error_of(f"sqlite:///{tmp_path}/none.db")
    assert not await asyncio.to_thread((tmp_path / "none.db").exists)
    (tmp_path / "text.db").write_text("This is not a database. " * 100)
    assert "is not an intact SQLite database" in await error_of(f"sqlite:///{tmp_path}/text.db")


async def test_a_read_that_a_call_waits_for_returns_its_default_in_time(url: str) -> None:
    engine = async_engine(url)
    count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000) SELECT max(i) FROM n"
    long = {"sqlite": count, "postgresql": "SELECT pg_sleep(5)"}[engine.dialect.name]

    async def slow() -> str:
        async with reading(engine) as connection:
            await connection.execute(text(long))
        return "found"

    async def quick() -> str:
        async with reading(engine) as connection:
            await connection.execute(text("SELECT 1"))
        return "found"

    assert await within(quick(), 5) == "found"
    with pytest.raises(TimeoutError):
        await within(slow(), 0.15)
    assert db.read._late, "the read was waited for to its end"
    assert await within(quick(), 5) == "found"
    await asyncio.gather(*db.read._late, return_exceptions=True)
    await engine.dispose()
